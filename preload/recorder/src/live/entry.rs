//! Entries of the live table: a block in two words, and the line of the cache that has four of them.

use core::sync::atomic::{AtomicU64, Ordering::*};

use heaptrace_channel::sample::{BIRTH_BITS, Sample};
use heaptrace_channel::stacks::{STACK_BITS, Stack};

use crate::c_library;

/// Entries of a bucket.
pub const WAYS: usize = 4;

const EMPTY: u64 = 0;
/// Claimed, not filled yet. No address has this key: that of a block is at least 2^16.
const CLAIMED: u64 = 1;

/// A key holds the address and the low bits of the stack; a value its high bits, and the birth as an event has it, so
/// that hardly anything is to be done to make one of the other.
const STACK_LOW_BITS: u32 = 16;
const STACK_HIGH_SHIFT: u32 = BIRTH_BITS;

const _: () = assert!(STACK_HIGH_SHIFT + STACK_BITS - STACK_LOW_BITS == u64::BITS);

/// A block, or room for one.
#[repr(C)]
pub struct TableEntry {
    key: AtomicU64,
    value: AtomicU64,
}

/// Room for blocks of one granule.
#[repr(C, align(64))]
pub struct Bucket([TableEntry; WAYS]);

impl TableEntry {
    /// The key, if it is that of `address`, which is one of a block.
    #[inline]
    fn matches(&self, address: usize) -> Option<u64> {
        let key = self.key.load(Acquire); // pairs with the publishing store in `fill`
        (key >> STACK_LOW_BITS == address as u64).then_some(key)
    }

    /// The block that is in here and where it is, if there is one.
    pub fn block(&self) -> Option<(usize, Sample)> {
        let key = self.key.load(Acquire); // pairs with the publishing store in `fill`
        (key > CLAIMED).then(|| ((key >> STACK_LOW_BITS) as usize, self.sample(key)))
    }

    fn sample(&self, key: u64) -> Sample {
        let value = self.value.load(Relaxed);
        let stack = (value >> STACK_HIGH_SHIFT) << STACK_LOW_BITS | key & ((1 << STACK_LOW_BITS) - 1);
        Sample::born(Stack(stack as u32), value)
    }

    /// Fills the entry if it is empty.
    #[inline(always)]
    fn claim(&self, address: usize, sample: Sample) -> bool {
        self.key.load(Relaxed) == EMPTY && self.fill(address, sample)
    }

    /// Fills the entry, which was empty just now; false if another thread was first.
    #[inline(always)]
    fn fill(&self, address: usize, sample: Sample) -> bool {
        if !c_library::is_alone() && self.key.compare_exchange(EMPTY, CLAIMED, Acquire, Relaxed).is_err() {
            return false;
        }
        let Stack(stack) = sample.stack;
        let high = u64::from(stack >> STACK_LOW_BITS) << STACK_HIGH_SHIFT;
        self.value.store(high | sample.birth(), Relaxed);
        let key = (address as u64) << STACK_LOW_BITS | u64::from(stack) & ((1 << STACK_LOW_BITS) - 1);
        self.key.store(key, Release); // pairs with the load in `matches`
        true
    }
}

impl Bucket {
    /// Its entries.
    pub fn entries(&self) -> &[TableEntry; WAYS] {
        &self.0
    }

    /// Adds a block; false if it is full.
    #[inline(always)]
    pub fn claim(&self, address: usize, sample: Sample) -> bool {
        self.0.iter().any(|entry| entry.claim(address, sample))
    }

    /// Is there a block at `address` in here?
    #[inline(always)]
    pub fn has(&self, address: usize) -> bool {
        self.0.iter().any(|entry| entry.matches(address).is_some())
    }

    /// Adds a block, if there is none at its address. False if there is, or it is full.
    #[inline(always)]
    pub fn add(&self, address: usize, sample: Sample) -> bool {
        if self.0.iter().fold(EMPTY, |all, entry| all | entry.key.load(Relaxed)) == EMPTY {
            return self.0[0].fill(address, sample);
        }
        let mut empty = None;
        for entry in self.0.iter().rev() {
            let key = entry.key.load(Relaxed);
            if key >> STACK_LOW_BITS == address as u64 {
                return false;
            }
            if key == EMPTY {
                empty = Some(entry);
            }
        }
        empty.is_some_and(|entry: &TableEntry| entry.fill(address, sample))
    }

    /// Removes the block at `address`, if it is in here.
    #[inline(always)]
    pub fn take(&self, address: usize) -> Option<Sample> {
        let (entry, key) = self.0.iter().find_map(|entry| Some((entry, entry.matches(address)?)))?;
        let sample = entry.sample(key);
        entry.key.store(EMPTY, Release); // pairs with the exchange in `fill`
        Some(sample)
    }
}

#[cfg(test)]
mod tests {
    use heaptrace_channel::sample::Era;
    use heaptrace_channel::stacks::ROOT;

    use super::*;

    fn entry() -> TableEntry {
        TableEntry { key: AtomicU64::new(EMPTY), value: AtomicU64::new(0) }
    }

    fn bucket() -> Bucket {
        Bucket([(); WAYS].map(|()| entry()))
    }

    fn sample(size: u64) -> Sample {
        Sample { stack: ROOT, size, era: Era::FIRST }
    }

    #[test]
    fn a_block_that_another_thread_is_just_adding_is_none_yet() {
        let entry = entry();
        assert_eq!(entry.block(), None);
        entry.key.store(CLAIMED, Relaxed);
        assert_eq!(entry.block(), None);
        assert!(!entry.claim(0x10000, sample(1)));
        entry.key.store(EMPTY, Relaxed);
        assert!(entry.claim(0x10000, sample(1)));
        assert_eq!(entry.block(), Some((0x10000, sample(1))));
    }

    #[test]
    fn a_block_is_added_to_a_bucket_if_it_is_not_there_and_has_room() {
        let bucket = bucket();
        for n in 1..=WAYS {
            assert!(bucket.add(n << 12, sample(n as u64)));
            assert!(!bucket.add(n << 12, sample(9)), "it is there");
        }
        assert!(!bucket.add(9 << 12, sample(9)), "it is full");
        assert_eq!(bucket.take(2 << 12), Some(sample(2)));
        assert!(bucket.add(9 << 12, sample(9)));
        let all: Vec<_> = bucket.entries().iter().filter_map(TableEntry::block).collect();
        assert_eq!(all, [1, 9, 3, 4].map(|n| (n << 12, sample(n as u64))));
    }

    #[test]
    fn threads_that_want_the_same_entry_get_one_each() {
        let bucket = &bucket();
        std::thread::scope(|scope| {
            for thread in 1..=WAYS {
                scope.spawn(move || {
                    for n in 0..50_000 {
                        // There is room for each, but it may be where this one has just looked.
                        while !bucket.claim(thread << 12, sample(n)) {}
                        assert_eq!(bucket.take(thread << 12), Some(sample(n)));
                    }
                });
            }
        });
    }
}
