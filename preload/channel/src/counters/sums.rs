//! The sums of some slots, for a program that asks for its own counts.

use super::slot::{Family, Slot};

/// What the client functions of the library give: all are 8 bytes, and what is added comes last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Sums {
    /// Blocks allocated, by `realloc` too.
    pub allocations: u64,
    /// Bytes asked for.
    pub bytes: u64,
    /// Blocks freed, by `realloc` too.
    pub frees: u64,
    /// Calls of `realloc`.
    pub reallocations: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Bytes in use, by the allocator's usable size.
    pub in_use: i64,
    /// The most that was in use; of the process, and 0 for a thread.
    pub peak: i64,
}

impl Sums {
    /// Adds what a slot has counted.
    pub fn add(&mut self, slot: &Slot) {
        for family in Family::ALL {
            let (bytes, histogram) = slot.calls(family);
            let calls = histogram.into_iter().fold(0, u64::wrapping_add);
            self.allocations = self.allocations.wrapping_add(calls);
            self.bytes = self.bytes.wrapping_add(bytes);
            self.failures = self.failures.wrapping_add(slot.failures(family));
            if family == Family::Realloc {
                self.reallocations = self.reallocations.wrapping_add(calls);
            }
        }
        self.frees = self.frees.wrapping_add(slot.frees());
    }
}
