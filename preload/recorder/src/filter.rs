//! The filter: answers "not sampled" for all but a few pointers, with one look at one byte.
//!
//! It counts, for each stretch of 2 KiB, the sampled blocks that begin there. Blocks that lie together
//! share their part of the filter, so its use of the cache follows the program's own: a heap of 64 MiB
//! has 32 KiB of filter. Stretches that are a multiple of 4 GiB apart share a byte. At the default rate
//! one stretch in 256 has a sample in a heap of up to that size. At low rates, where most stretches would
//! have one, there is no filter, and every block is looked for.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering::*};

use crate::memory::{Budget, map_zeros};

/// Binary logarithm of a stretch in bytes, for the assembly too.
pub const STRETCH_BITS: u32 = 11;
/// The assembly shifts the lower half of an address, so that this is what is left.
const STRETCHES: usize = 1 << (32 - STRETCH_BITS);
/// Below this rate most stretches with blocks have a sample, and the filter would not pay.
const LOWEST_RATE: u64 = 1024;
/// A count that has reached this stays: the stretch is looked at for good.
const MANY: u8 = u8::MAX;

/// Where the counts are, negated; 0 says that there are none, and every block is to be looked for.
///
/// The assembly of `free` subtracts it from a stretch's number, and looks at the byte there if that
/// borrows. So before the start, and even before this library is relocated, it looks at nothing.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Filter(AtomicUsize);

impl Filter {
    /// One without counts.
    pub const fn new() -> Filter {
        Filter(AtomicUsize::new(0))
    }

    /// Sets the filter up for a rate, or for none. Called once, before the first sample.
    pub fn start(&self, rate: u64, budget: &Budget) {
        if (1..LOWEST_RATE).contains(&rate) {
            return;
        }
        if budget.is_much(STRETCHES) {
            return; // other tables need it more
        }
        if let Some(counts) = budget.map(STRETCHES) {
            self.look_at(counts);
        }
    }

    /// Nothing is sampled, so nothing needs a look.
    pub fn stop(&self, budget: &Budget) {
        if budget.is_much_shared(STRETCHES) {
            return; // every free is looked for then, in vain
        }
        if let Some(zeros) = map_zeros(STRETCHES) {
            self.look_at(zeros);
        }
    }

    fn look_at(&self, counts: NonNull<u8>) {
        self.0.store((counts.as_ptr() as usize).wrapping_neg(), Release);
    }

    fn count(&self, address: usize) -> Option<&AtomicU8> {
        let negated = self.0.load(Relaxed);
        let counts = negated.wrapping_neg() as *const AtomicU8;
        // SAFETY: there is a count for each stretch, always; they are never given back.
        (negated != 0).then(|| unsafe { &*counts.add(address as u32 as usize >> STRETCH_BITS) })
    }

    /// May a sampled block begin at `address`?
    pub fn is_marked(&self, address: usize) -> bool {
        self.count(address).is_none_or(|count| count.load(Relaxed) != 0)
    }

    /// Notes that a sampled block begins at `address`.
    pub fn mark(&self, address: usize) {
        self.change(address, |n| (n != MANY).then(|| n + 1));
    }

    /// Takes back one [`Filter::mark`] of that address.
    pub fn unmark(&self, address: usize) {
        self.change(address, |n| (n != MANY && n != 0).then(|| n - 1));
    }

    fn change(&self, address: usize, to: impl Fn(u8) -> Option<u8>) {
        let _ = self.count(address).map(|count| count.fetch_update(Relaxed, Relaxed, to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Filter {
        let filter = Filter::new();
        filter.start(512 * 1024, &Budget::new());
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

    #[test]
    fn without_counts_every_block_is_looked_for() {
        let (filter, budget) = (Filter::new(), Budget::new());
        filter.start(1, &budget);
        budget.leave(STRETCHES);
        filter.start(512 * 1024, &budget);
        filter.unmark(0x1000);
        assert!(filter.is_marked(0x1000));
    }

    #[test]
    fn nothing_is_looked_for_any_more_when_it_is_stopped() {
        let filter = filter();
        filter.mark(0x1000);
        filter.stop(&Budget::new());
        assert!(!filter.is_marked(0x1000));
    }

    #[test]
    fn a_filter_takes_two_mebibytes_and_no_more_than_half_of_what_may_be_taken() {
        for (left, has_counts) in [(4 << 20, true), ((4 << 20) - 1, false)] {
            let (filter, budget) = (Filter::new(), Budget::new());
            budget.leave(left);
            filter.start(512 * 1024, &budget);
            assert_eq!(!filter.is_marked(0x1000), has_counts, "{left}");
        }
    }
}
