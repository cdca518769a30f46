//! The live table: the sampled blocks that have not been freed, by address.
//!
//! A table of cache-line buckets, lock-free: a thread claims an empty entry by compare-exchange,
//! fills it, and publishes its key. Each bucket is for a granule of addresses in which about one
//! sampled block is expected, and neighbours in memory are neighbours here, so that the table is as
//! local as the program's own use of its heap. When all entries of a bucket are taken a block goes
//! into one of those beside it, a group of four; when these are full, to the level below, and when
//! there is room in none, to a new level on top, a table four times as large, with granules of a quarter,
//! mapped then. Nothing is ever moved. So most blocks are found at the first look, into the bucket of the
//! top level.
//!
//! No two threads work on the same address at once, because a block has one owner: it is inserted
//! before `malloc` returns it and taken before the original `free` gets it. So only the claim of an
//! empty entry is a matter of who is first, and that only where there are other threads.

mod entry;
mod level;
mod table;

pub use table::{LiveTable, NoRoom};
