//! The channel: shared memory between a profiled program and the collector.
//!
//! One [`Segment`] belongs to one image of a program (from exec to exec) and to every process that
//! forks from it. It is a sealed memfd that the library makes and hands over; from then on neither
//! side needs a file descriptor or a system call to use it, and what the program wrote outlives it.
//!
//! | part | written by | holds |
//! |---|---|---|
//! | [`header`] | library | who the program is, and the counters of what was lost |
//! | [`processes`] | both | a slot for the program and for each forked child that records |
//! | [`modules`] | library | each ELF file that a stack passed through, as it was mapped |
//! | [`stacks`] | library | which number the next stack gets |
//! | [`lost_frees`] | library | the frees of each stack for which the ring had no room |
//! | [`ring`] | library, drained by the collector | every distinct stack once, as a tree of return addresses, events (a sampled block allocated, a sampled block freed), and [`marks`] |
//!
//! Each part is a value over its own memory, and the segment only puts them together.
//!
//! The rules, on which both ends rely:
//! - A record is written first and published after, with a release store; the reader pairs it with
//!   an acquire load. A process killed between the two leaves a record that was never there.
//! - Nothing is moved or rewritten once published, but for ring slots that the reader has released.
//! - The reader trusts nothing it reads: it copies, then checks, and every index and every wait has a
//!   limit, so that a stray write of the program makes a wrong profile at worst, and is told.
//! - The writer waits only for room in the ring, never longer than [`ring::WAIT`] without progress.

#![cfg_attr(not(test), no_std)]
// The assembly is not in the model.
#![cfg_attr(loom, allow(dead_code, unused_imports))]

mod atomic;
pub mod config;
pub mod counters;
mod geometry;
pub mod handshake;
pub mod header;
pub mod identity;
pub mod lost_frees;
pub mod marks;
pub mod modules;
pub mod patch;
pub mod plain;
pub mod processes;
pub mod ring;
pub mod sample;
pub mod sanitizer;
mod segment;
pub mod stacks;
pub mod stat;
pub mod sys;
mod text;
pub mod weight;

pub use geometry::Geometry;
pub use segment::{InvalidSegment, Segment};
