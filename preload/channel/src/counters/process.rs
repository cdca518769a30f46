//! The processes that count in one memory.

use core::sync::atomic::{AtomicI64, AtomicU32, Ordering::*};

/// How many are told apart.
const MAX: usize = 4096;

/// The processes that are not told apart any more: those that came when all places were taken, and those
/// that have ended and whose slots others needed.
pub const OTHERS: ProcessNumber = ProcessNumber(MAX as u16 - 1);

/// A process's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessNumber(pub u16);

/// What is known of a process, beside what its threads count.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct ProcessCounters {
    /// Its id as it sees itself; 0 until it is known.
    pub(super) pid: AtomicU32,
    /// Some of its counts are among those of [`OTHERS`].
    pub(super) merged: AtomicU32,
    /// Bytes in use that its threads have told of.
    in_use: AtomicI64,
    /// The most that was in use, as far as they have told.
    peak: AtomicI64,
}

impl ProcessCounters {
    /// How many are told apart.
    pub const MAX: usize = MAX;

    /// Those of a process that has told nothing.
    pub const fn empty() -> ProcessCounters {
        ProcessCounters {
            pid: AtomicU32::new(0),
            merged: AtomicU32::new(0),
            in_use: AtomicI64::new(0),
            peak: AtomicI64::new(0),
        }
    }

    /// What is in use has changed by `change`, and was higher by up to `most` meanwhile.
    pub(super) fn tell(&self, change: i64, most: i64) {
        let before = self.in_use.fetch_add(change, Relaxed);
        self.peak.fetch_max(before.wrapping_add(most), Relaxed);
    }

    /// Bytes in use that were told of, and the most that was.
    pub(super) fn told(&self) -> (i64, i64) {
        (self.in_use.load(Relaxed), self.peak.load(Relaxed))
    }
}
