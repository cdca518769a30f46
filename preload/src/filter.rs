//! The filter: answers "not sampled" for all but a few pointers, with one look at one byte.
//!
//! It counts, for each stretch of 2 KiB (modulo the filter's size), the sampled blocks that begin
//! there. Blocks that lie together share their part of the filter, so its use of the cache follows
//! the program's own: a heap of 64 MiB has 32 KiB of filter. At the default rate one stretch in 256 has
//! a sample, however large the heap. At low rates, where most stretches would have one, the filter is
//! one byte that always says "look".

use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering::*};

use crate::{arena, sys};

/// Binary logarithm of a stretch in bytes, for the assembly too.
pub const STRETCH_BITS: u32 = 11;
/// Stretches that are told apart: 64 GiB of addresses. The memory is touched only where blocks are.
const STRETCHES: usize = 1 << 25;
/// Below this rate most stretches with blocks have a sample, and the filter would not pay.
const LOWEST_RATE: u64 = 1024;
/// A count that has reached this stays: the stretch is looked at for good.
const MANY: u8 = u8::MAX;

/// What the assembly of `free` reads: the counts, and the mask of a stretch's number.
#[repr(C)]
pub struct Filter {
    counts: AtomicPtr<AtomicU8>,
    mask: AtomicUsize,
}

/// The byte of a filter that tells nothing apart. Until the start everything is looked at.
static ONE: AtomicU8 = AtomicU8::new(MANY);

/// The filter of this process.
pub static FILTER: Filter = Filter::new();

impl Filter {
    const fn new() -> Filter {
        Filter { counts: AtomicPtr::new((&raw const ONE).cast_mut()), mask: AtomicUsize::new(0) }
    }

    /// Sets the filter up for a rate. Called once, before the first sample.
    pub fn start(&self, rate: u64) {
        if rate < LOWEST_RATE {
            return; // as it is
        }
        let Some(counts) = sys::map_private(STRETCHES) else { return };
        // The larger filter first: with the old mask, only its first byte is read.
        self.counts.store(counts.as_ptr().cast(), Release);
        self.mask.store(STRETCHES - 1, Release);
        if arena::is_used() {
            arena::addresses()
                .step_by(1 << STRETCH_BITS)
                .for_each(|stretch| self.count(stretch).store(MANY, Relaxed));
        }
    }

    /// Nothing is sampled, so nothing needs a look.
    pub fn stop(&self) {
        if !arena::is_used() {
            ONE.store(0, Relaxed);
        }
    }

    fn count(&self, address: usize) -> &AtomicU8 {
        let stretch = (address >> STRETCH_BITS) & self.mask.load(Relaxed);
        // SAFETY: `counts` has `mask + 1` bytes, always; they are never given back.
        unsafe { &*self.counts.load(Relaxed).add(stretch) }
    }

    /// May a sampled block begin at `address`?
    pub fn is_marked(&self, address: usize) -> bool {
        self.count(address).load(Relaxed) != 0
    }

    /// Notes that a sampled block begins at `address`.
    pub fn mark(&self, address: usize) {
        let _ = self.count(address).fetch_update(Relaxed, Relaxed, |n| (n != MANY).then(|| n + 1));
    }

    /// Takes back one [`Filter::mark`] of that address.
    pub fn unmark(&self, address: usize) {
        let _ = self.count(address).fetch_update(Relaxed, Relaxed, |n| (n != MANY && n != 0).then(|| n - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Filter {
        let filter = Filter::new();
        filter.start(512 * 1024);
        filter
    }

    #[test]
    fn a_stretch_is_marked_as_long_as_it_has_a_sample() {
        let filter = filter();
        filter.mark(0x5000_1010);
        filter.mark(0x5000_1020);
        assert!(filter.is_marked(0x5000_17f0) && !filter.is_marked(0x5000_1800));
        filter.unmark(0x5000_1010);
        assert!(filter.is_marked(0x5000_1000));
        filter.unmark(0x5000_1020);
        assert!(!filter.is_marked(0x5000_1000));
    }

    #[test]
    fn a_stretch_with_more_samples_than_can_be_counted_stays_marked() {
        let filter = filter();
        (0..300).for_each(|_| filter.mark(0x1000));
        (0..300).for_each(|_| filter.unmark(0x1000));
        assert!(filter.is_marked(0x1000));
    }
}
