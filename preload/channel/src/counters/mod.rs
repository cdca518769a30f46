//! Exact counts instead of samples: the shared memory between a counted program and `heaptrace stat`.
//!
//! One [`Counters`] belongs to one image of a program (from exec to exec) and to every process that
//! forks from it, as a [`crate::Segment`] does; it is a sealed memfd too, and outlives the program, so
//! that what was counted up to a SIGKILL is there.
//!
//! Each thread counts in a [`Slot`] of its own, with plain instructions in lines of the cache that
//! nobody else writes to. A slot whose thread has ended goes to the next thread of the process, which
//! counts on from there: only sums are of interest, so nothing has to be given back. What is in use is
//! kept for each process, and each thread tells its part in steps of [`STEP`]: with one thread the peak is
//! exact, with more it is by at most a step for each of the others. A forked child has in use what it has
//! added to what it inherited.

mod header;
mod process;
mod slot;
mod sums;
mod view;

pub use header::Header;
pub use process::{OTHERS, ProcessCounters, ProcessNumber};
pub use slot::{
    BYTES_AT, CLASSES, FREES_AT, Family, Forwarded, HISTOGRAM_AT, LAST_AT, MAX_AT, PENDING_AT, STEP, Seen,
    Slot, size_class,
};
pub use sums::Sums;
pub use view::{Counters, InvalidCounters};
