//! The filter: answers "not sampled" for all but a few pointers, with one look at one byte.
//!
//! It counts, for each stretch of 2 KiB, the sampled blocks that begin there. Blocks that lie together
//! share their part of the filter, so its use of the cache follows the program's own: a heap of 64 MiB
//! has 32 KiB of filter. Stretches that are a multiple of 4 GiB apart share a byte. At the default rate
//! one stretch in 256 has a sample in a heap of up to that size. At low rates, where most stretches would
//! have one, there is no filter, and every block is looked for.

use core::sync::atomic::{AtomicIsize, AtomicU8, Ordering::*};

use crate::memory::{budget, map_zeros};

/// Binary logarithm of a stretch in bytes, for the assembly too.
pub const STRETCH_BITS: u32 = 11;
/// The assembly shifts the lower half of an address, so that this is what is left.
const STRETCHES: usize = 1 << (32 - STRETCH_BITS);
/// Below this rate most stretches with blocks have a sample, and the filter would not pay.
const LOWEST_RATE: u64 = 1024;
/// A count that has reached this stays: the stretch is looked at for good.
const MANY: u8 = u8::MAX;

/// Where the counts are, or `LOOK`, which says that every block is to be looked for.
///
/// The assembly of `free` adds a stretch's number and looks at the byte there, unless the sum is
/// negative. So before the start, and even before this library is relocated, it looks at nothing.
#[derive(Debug)]
#[repr(transparent)]
pub struct Filter(AtomicIsize);

const LOOK: isize = isize::MIN;

/// The filter of this process.
pub static FILTER: Filter = Filter::new();

impl Filter {
    const fn new() -> Filter {
        Filter(AtomicIsize::new(LOOK))
    }

    /// Sets the filter up for a rate. Called once, before the first sample.
    pub fn start(&self, rate: u64) {
        if rate < LOWEST_RATE {
            return;
        }
        if budget::is_much(STRETCHES) {
            return; // other tables need it more
        }
        if let Some(counts) = budget::map(STRETCHES) {
            self.0.store(counts.as_ptr() as isize, Release);
        }
    }

    /// Nothing is sampled, so nothing needs a look.
    pub fn stop(&self) {
        if budget::is_much_shared(STRETCHES) {
            return; // every free is looked for then, in vain
        }
        if let Some(zeros) = map_zeros(STRETCHES) {
            self.0.store(zeros.as_ptr() as isize, Release);
        }
    }

    fn count(&self, address: usize) -> Option<&AtomicU8> {
        let counts = self.0.load(Relaxed);
        // SAFETY: there is a count for each stretch, always; they are never given back.
        (counts != LOOK)
            .then(|| unsafe { &*(counts as *const AtomicU8).add(address as u32 as usize >> STRETCH_BITS) })
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
