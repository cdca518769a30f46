//! The live table: the sampled blocks that have not been freed, by address.
//!
//! A hash table of cache-line buckets, lock-free: a thread claims an empty entry by
//! compare-exchange, fills it, and publishes its key. When all entries of a block's bucket are
//! taken it goes to the next level, a table 16 times as large, mapped when first needed; nothing is
//! ever moved. A block is looked for in one bucket a level, so in at most [`LEVELS`] cache lines.
//!
//! No two threads work on the same address at once, because a block has one owner: it is inserted
//! before `malloc` returns it and taken before the original `free` gets it.

use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering::*};

use heaptrace_channel::stacks::Stack;

use crate::sys;

/// A sampled block as it was allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Who allocated it.
    pub stack: Stack,
    /// Bytes requested, below 2^48.
    pub size: u64,
}

/// There was no memory for the table to grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

const WAYS: usize = 4;
const FIRST_BITS: u32 = 10;
const GROWTH_BITS: u32 = 4;
/// Entries: 4 Ki, 64 Ki, 1 Mi, 16 Mi, 256 Mi.
const LEVELS: usize = 5;

const EMPTY: u64 = 0;
/// Claimed, not filled yet. No address has this key: that of a block is at least 2^16.
const CLAIMED: u64 = 1;

/// A key holds address and high bits of the size, a value the stack and the low bits of the size.
const SIZE_HIGH_BITS: u32 = 16;

#[repr(C)]
struct Entry {
    key: AtomicU64,
    value: AtomicU64,
}

#[repr(C, align(64))]
struct Bucket([Entry; WAYS]);

/// The table.
pub struct LiveTable {
    levels: [AtomicPtr<Bucket>; LEVELS],
}

/// The live table of this process.
pub static LIVE: LiveTable = LiveTable::new();

const fn level_buckets(level: usize) -> usize {
    1 << (FIRST_BITS + GROWTH_BITS * level as u32)
}

const fn level_bytes(level: usize) -> usize {
    level_buckets(level) * size_of::<Bucket>()
}

impl Entry {
    fn matches(&self, address: usize) -> Option<u64> {
        let key = self.key.load(Acquire); // pairs with the publishing store in `claim`
        (key >> SIZE_HIGH_BITS == address as u64 && key > CLAIMED).then_some(key)
    }

    fn sample(&self, key: u64) -> Sample {
        let value = self.value.load(Relaxed);
        let size = (key & ((1 << SIZE_HIGH_BITS) - 1)) << 32 | (value & 0xFFFF_FFFF);
        Sample { stack: Stack((value >> 32) as u32), size }
    }

    /// Fills the entry if it is empty.
    fn claim(&self, address: usize, sample: Sample) -> bool {
        if self.key.load(Relaxed) != EMPTY
            || self.key.compare_exchange(EMPTY, CLAIMED, Relaxed, Relaxed).is_err()
        {
            return false;
        }
        self.value.store(u64::from(sample.stack.0) << 32 | (sample.size & 0xFFFF_FFFF), Relaxed);
        let key = (address as u64) << SIZE_HIGH_BITS | (sample.size >> 32 & 0xFFFF);
        self.key.store(key, Release); // pairs with the load in `matches`
        true
    }

    /// Empties the entry. False if another thread was faster: the program frees a block twice.
    fn release(&self, key: u64) -> bool {
        self.key.compare_exchange(key, EMPTY, Relaxed, Relaxed).is_ok()
    }
}

impl LiveTable {
    /// An empty table.
    pub const fn new() -> LiveTable {
        LiveTable { levels: [const { AtomicPtr::new(null_mut()) }; LEVELS] }
    }

    /// Adds a block. Returns the sample that was there under its address: its free was not seen.
    ///
    /// # Errors
    /// [`NoRoom`] if the table is full and cannot grow.
    pub fn insert(&self, address: usize, sample: Sample) -> Result<Option<Sample>, NoRoom> {
        let displaced = self.take(address);
        for level in 0..LEVELS {
            let bucket = self.bucket(level, address).or_else(|| self.grow(level, address)).ok_or(NoRoom)?;
            if bucket.0.iter().any(|entry| entry.claim(address, sample)) {
                return Ok(displaced);
            }
        }
        Err(NoRoom)
    }

    /// Removes the block at `address`, if it is a sampled one.
    pub fn take(&self, address: usize) -> Option<Sample> {
        for level in 0..LEVELS {
            for entry in &self.bucket(level, address)?.0 {
                if let Some(key) = entry.matches(address) {
                    let sample = entry.sample(key);
                    return entry.release(key).then_some(sample);
                }
            }
        }
        None
    }

    /// Calls `each` for every block in the table.
    pub fn for_each(&self, mut each: impl FnMut(Sample)) {
        for level in 0..LEVELS {
            let buckets = self.levels[level].load(Acquire);
            if buckets.is_null() {
                return;
            }
            // SAFETY: a level has that many buckets and is never given back.
            let buckets = unsafe { core::slice::from_raw_parts(buckets, level_buckets(level)) };
            for entry in buckets.iter().flat_map(|bucket| &bucket.0) {
                let key = entry.key.load(Acquire);
                if key > CLAIMED {
                    each(entry.sample(key));
                }
            }
        }
    }

    /// The only bucket of a level where the address can be; `None` if the level is not there.
    fn bucket(&self, level: usize, address: usize) -> Option<&Bucket> {
        let buckets = NonNull::new(self.levels[level].load(Acquire))?; // pairs with `grow`
        // Fibonacci hashing: the high bits of the product are the best mixed.
        let hash = (address as u64 >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let index = hash >> (64 - FIRST_BITS - GROWTH_BITS * level as u32);
        // SAFETY: the index has as many bits as the level has buckets.
        Some(unsafe { &*buckets.as_ptr().add(index as usize) })
    }

    #[cold]
    fn grow(&self, level: usize, address: usize) -> Option<&Bucket> {
        let new = sys::map_private(level_bytes(level))?;
        let linked = self.levels[level].compare_exchange(null_mut(), new.as_ptr().cast(), AcqRel, Relaxed);
        if linked.is_err() {
            // SAFETY: another thread's level was first; nobody has seen this one.
            unsafe { sys::unmap(new, level_bytes(level)) };
        }
        self.bucket(level, address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: u32) -> Sample {
        Sample { stack: Stack(n), size: u64::from(n) << 20 }
    }

    #[test]
    fn a_block_is_taken_once_with_what_was_put_in() {
        let table = LiveTable::new();
        let large = Sample { stack: Stack(u32::MAX), size: (1 << 47) + 12345 };
        assert_eq!(table.insert(0x7fff_ffff_fff0, large), Ok(None));
        assert_eq!(table.take(0x7fff_ffff_ffe0), None);
        assert_eq!(table.take(0x7fff_ffff_fff0), Some(large));
        assert_eq!(table.take(0x7fff_ffff_fff0), None);
    }

    /// `free(NULL)` must not match an empty entry, which still has the value of its last block.
    #[test]
    fn there_is_no_block_at_null() {
        let table = LiveTable::new();
        for i in 1..10_000 {
            table.insert(i << 16, sample(1)).unwrap();
            table.take(i << 16).unwrap();
            assert_eq!(table.take(0), None);
        }
    }

    #[test]
    fn an_address_that_comes_again_displaces_the_old_sample() {
        let table = LiveTable::new();
        table.insert(0x1_0000, sample(1)).unwrap();
        assert_eq!(table.insert(0x1_0000, sample(2)), Ok(Some(sample(1))));
        assert_eq!(table.take(0x1_0000), Some(sample(2)));
        assert_eq!(table.take(0x1_0000), None);
    }

    #[test]
    fn the_table_grows_and_finds_everything_again() {
        let table = LiveTable::new();
        let address = |i: u32| 0x5555_0000_0000 + i as usize * 48;
        (0..200_000).for_each(|i| assert_eq!(table.insert(address(i), sample(i)), Ok(None)));
        let mut count = 0;
        table.for_each(|_| count += 1);
        assert_eq!(count, 200_000);
        (0..200_000).for_each(|i| assert_eq!(table.take(address(i)), Some(sample(i))));
        table.for_each(|s| panic!("left behind: {s:?}"));
    }

    #[test]
    fn threads_insert_and_take_each_others_blocks() {
        let table = LiveTable::new();
        let (sender, receiver) = std::sync::mpsc::sync_channel(1000);
        std::thread::scope(|scope| {
            for t in 0..2usize {
                let (table, sender) = (&table, sender.clone());
                scope.spawn(move || {
                    for i in 0..50_000usize {
                        let address = (t + 1) << 40 | i << 4;
                        table.insert(address, sample(i as u32)).unwrap();
                        sender.send((address, i)).unwrap();
                    }
                });
            }
            drop(sender);
            scope.spawn(|| {
                for (address, i) in receiver {
                    assert_eq!(table.take(address), Some(sample(i as u32)));
                }
            });
        });
    }
}
