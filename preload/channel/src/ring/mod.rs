//! The rings: messages of all threads and processes of a segment, without a word that two processors
//! write.
//!
//! There is a ring for each processor and one that all share. A thread writes to the ring of the
//! processor it runs on, as a restartable sequence (`rseq`): the kernel sends it back to its start if
//! it is interrupted, so that a few plain instructions have the ring for themselves. A thread that the
//! kernel has no such area of, or that runs on a processor without a ring, writes to the shared one.
//!
//! **Order.** Each event carries the epoch in which it was written. The epoch advances when the reader
//! looks at several rings, when a quarter of one is full, and when a thread comes to another. The
//! reader merges the rings by it. So it sees the events of one thread in the order in which they
//! happened, and those of different threads in an order that is true to the program's own
//! synchronization but for events of one epoch: no more than a quarter of a ring each.
//!
//! **Brief.** Where the last message of a processor's ring tells of the allocation, the free of its block is no
//! message of its own: as a restartable sequence, a bit of that one is set, and it is brief. It is read in its order
//! still, because it is of the same epoch and no other message is between. The reader may have read it before, and
//! looks again: it keeps the slot until there is a message after it, since when it stays as it is.
//!
//! **Guarantees.**
//! - An event is there whole or not at all, wherever its writer is killed.
//! - A writer waits only for room, and never longer than [`WAIT`] without progress of the reader.
//! - What a writer could not write it is told, and counts.
//! - The reader trusts nothing: whatever the memory holds, a look ends after at most as many slots as
//!   the rings have, and where a head cannot be right it goes on from there and tells.

mod event;
#[cfg(all(test, loom))]
mod model;
mod reader;
#[allow(clippy::module_inception)]
mod ring;
mod rings;
mod rseq;

pub use event::{Event, Message, Origin, Words};
pub use reader::{Ends, Progress, Reader, Sink};
pub use ring::{Full, WAIT};
pub use rings::{LastRing, MAX_RINGS, Rings};
pub use rseq::Rseq;

pub(crate) use ring::{HEAD_AT, RingState, ring_bytes};
