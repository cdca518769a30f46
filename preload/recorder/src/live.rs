//! The live table: the sampled blocks that have not been freed, by address.
//!
//! A table of cache-line buckets, lock-free: a thread claims an empty entry by compare-exchange,
//! fills it, and publishes its key. Each bucket is for a granule of addresses in which about one
//! sampled block is expected, and neighbours in memory are neighbours here, so that the table is as
//! local as the program's own use of its heap. When all entries of a bucket are taken a block goes
//! into one of those beside it, a group of four; when these are full, to the level below, and when
//! there is room in none, to a new level on top, a table four times as large, with granules of a quarter,
//! mapped then. Nothing is
//! ever moved. So most blocks are found at the first look, into the bucket of the top level.
//!
//! No two threads work on the same address at once, because a block has one owner: it is inserted
//! before `malloc` returns it and taken before the original `free` gets it. So only the claim of an
//! empty entry is a matter of who is first, and that only where there are other threads.

use core::marker::PhantomData;
use core::num::NonZeroUsize;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

use heaptrace_channel::sample::{ERA_BITS, Era, Sample};
use heaptrace_channel::stacks::Stack;

use crate::c_library;
use crate::memory::Budget;
use crate::sys::PAGE;

/// There was no memory for the table to grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

const WAYS: usize = 4;
const LEVELS: usize = 12;
const GROWTH_BITS: u32 = 2;
/// Buckets of which each takes the others' blocks when they are full.
const GROUP: usize = 4;
/// The smallest granule: as many blocks of glibc begin in 128 bytes as a bucket has entries.
const SMALLEST_GRANULE_BITS: u32 = 7;
/// The first level is for that many bytes of heap, of which it needs no more than half.
const FIRST_BYTES_BITS: u32 = 19;
/// The first level has at least so many buckets.
const FIRST_BITS: u32 = 10;
/// Buckets that have a [`Level::notes`] together.
const CHUNK: usize = 64;
/// There ever was a block in the chunk.
const USED: u8 = 1;
/// There ever was one that is not in its own bucket.
const SPILLED: u8 = 2;
/// None is in a level below.
const ALONE: u8 = 4;

const EMPTY: u64 = 0;
/// Claimed, not filled yet. No address has this key: that of a block is at least 2^16.
const CLAIMED: u64 = 1;

/// A key holds address and high bits of the size, a value the stack, the era and the low bits of the size.
const SIZE_HIGH_BITS: u32 = 16;
const SIZE_LOW_BITS: u32 = 32;
const STACK_SHIFT: u32 = SIZE_LOW_BITS + ERA_BITS;

#[repr(C)]
struct Entry {
    key: AtomicU64,
    value: AtomicU64,
}

#[repr(C, align(64))]
struct Bucket([Entry; WAYS]);

/// The table. As zeros, it is one that has to be started.
#[derive(Debug, Default)]
pub struct LiveTable {
    /// Binary logarithm of the first level's granule in bytes.
    granule_bits: AtomicU32,
    /// Binary logarithm of the first level's buckets.
    first_bits: AtomicU32,
    /// As words: see [`Level::of`]. 0 for one that is not mapped.
    levels: [AtomicUsize; LEVELS],
    /// The highest level that is mapped.
    top: AtomicUsize,
}

/// In the word of a level the binary logarithms of its buckets and of its granule lie below the address of
/// its first bucket, which is a page's.
const LOG_BITS: u32 = 6;
const LOG: usize = (1 << LOG_BITS) - 1;
const _: () = assert!(PAGE == 1 << (2 * LOG_BITS));

/// A level that is mapped, as its word.
#[derive(Clone, Copy)]
struct Level<'t>(NonZeroUsize, PhantomData<&'t Bucket>);

impl<'t> Level<'t> {
    const fn bytes(bits: u32) -> usize {
        (size_of::<Bucket>() << bits) + (1 << bits) / CHUNK // the buckets, and the notes
    }

    /// The word of a level whose memory begins there.
    fn word(start: NonNull<u8>, bits: u32, granule_bits: u32) -> usize {
        start.as_ptr() as usize | (granule_bits as usize) << LOG_BITS | bits as usize
    }

    /// The level of a word, if it is one.
    ///
    /// # Safety
    /// The word is 0, or one of a level whose memory stays as long as the result.
    #[inline(always)]
    unsafe fn of(word: usize) -> Option<Level<'t>> {
        Some(Level(NonZeroUsize::new(word)?, PhantomData))
    }

    /// Binary logarithm of the number of buckets.
    #[inline(always)]
    fn bits(self) -> u32 {
        (self.0.get() & LOG) as u32
    }

    /// Binary logarithm of the granule in bytes.
    #[inline(always)]
    fn granule_bits(self) -> u32 {
        (self.0.get() >> LOG_BITS & LOG) as u32
    }

    fn start(self) -> *const Bucket {
        (self.0.get() & !(PAGE - 1)) as *const Bucket
    }

    #[inline(always)]
    fn buckets(self) -> &'t [Bucket] {
        // SAFETY: the promise of `of`; the level's memory is that large.
        unsafe { core::slice::from_raw_parts(self.start(), 1 << self.bits()) }
    }

    /// For each chunk of buckets, [`USED`], [`SPILLED`] and [`ALONE`].
    #[inline(always)]
    fn notes(self) -> &'t [AtomicU8] {
        let count = self.buckets().len();
        // SAFETY: as above; they lie behind the buckets.
        unsafe { core::slice::from_raw_parts(self.start().add(count).cast(), count / CHUNK) }
    }

    /// The bucket for an address.
    #[inline(always)]
    fn index(self, address: usize) -> usize {
        let granule = address >> self.granule_bits();
        // A heap larger than the level lies over itself, each time in another order.
        let lap = (granule >> self.bits()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (granule ^ (lap >> 32)) & (self.buckets().len() - 1)
    }

    /// The entries of the chunks that there ever was a block in.
    fn used(self) -> impl Iterator<Item = &'t Entry> {
        let chunks = self.buckets().chunks(CHUNK).zip(self.notes());
        let used = chunks.filter(|(_, notes)| notes.load(Relaxed) & USED != 0);
        used.flat_map(|(chunk, _)| chunk).flat_map(|bucket| &bucket.0)
    }

    /// The buckets beside the one at `index`.
    fn beside(self, index: usize) -> impl Iterator<Item = &'t Bucket> {
        (1..GROUP).map(move |distance| &self.buckets()[index ^ distance])
    }

    #[inline(always)]
    fn note(self, index: usize, what: u8) {
        if self.noted(index) & what != what {
            self.notes()[index / CHUNK].fetch_or(what, Relaxed);
        }
    }

    /// Adds a block; false if all buckets of its group are full.
    #[inline(always)]
    fn claim(self, address: usize, sample: Sample) -> bool {
        let index = self.index(address);
        self.note(index, USED);
        self.buckets()[index].claim(address, sample) || self.spill(index, address, sample)
    }

    #[cold]
    fn spill(self, index: usize, address: usize, sample: Sample) -> bool {
        // Noted by whoever hands the block on before it does.
        self.note(index, SPILLED);
        self.beside(index).any(|bucket| bucket.claim(address, sample))
    }

    /// What is noted of a bucket's chunk.
    #[inline(always)]
    fn noted(self, index: usize) -> u8 {
        debug_assert!(index < self.buckets().len());
        // SAFETY: there is one for each chunk of buckets.
        unsafe { self.notes().get_unchecked(index / CHUNK) }.load(Relaxed)
    }

    /// May a block of that bucket be in one beside it?
    fn has_spilled(self, index: usize) -> bool {
        self.noted(index) & SPILLED != 0
    }

    /// Is there a block at `address` in here?
    fn has(self, address: usize) -> bool {
        let index = self.index(address);
        let spilled = || self.has_spilled(index) && self.beside(index).any(|bucket| bucket.has(address));
        self.buckets()[index].has(address) || spilled()
    }

    /// Removes the block at `address`, if it is in here.
    fn take(self, address: usize) -> Option<Sample> {
        let index = self.index(address);
        let own = self.buckets()[index].take(address);
        if own.is_none() && self.has_spilled(index) {
            return self.beside(index).find_map(|bucket| bucket.take(address));
        }
        own
    }
}

impl Entry {
    /// The key, if it is that of `address`, which is one of a block.
    #[inline]
    fn matches(&self, address: usize) -> Option<u64> {
        let key = self.key.load(Acquire); // pairs with the publishing store in `claim`
        (key >> SIZE_HIGH_BITS == address as u64).then_some(key)
    }

    fn sample(&self, key: u64) -> Sample {
        let value = self.value.load(Relaxed);
        let size = (key & ((1 << SIZE_HIGH_BITS) - 1)) << SIZE_LOW_BITS | (value & 0xFFFF_FFFF);
        Sample { stack: Stack((value >> STACK_SHIFT) as u32), size, era: Era::new(value >> SIZE_LOW_BITS) }
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
        let era = (sample.era.number() as u64) << SIZE_LOW_BITS;
        let value = u64::from(sample.stack.0) << STACK_SHIFT | era | (sample.size & 0xFFFF_FFFF);
        self.value.store(value, Relaxed);
        let key = (address as u64) << SIZE_HIGH_BITS | (sample.size >> SIZE_LOW_BITS & 0xFFFF);
        self.key.store(key, Release); // pairs with the load in `matches`
        true
    }
}

impl Bucket {
    /// Adds a block; false if it is full.
    #[inline(always)]
    fn claim(&self, address: usize, sample: Sample) -> bool {
        self.0.iter().any(|entry| entry.claim(address, sample))
    }

    /// Is there a block at `address` in here?
    #[inline(always)]
    fn has(&self, address: usize) -> bool {
        self.0.iter().any(|entry| entry.matches(address).is_some())
    }

    /// Adds a block, if there is none at its address. False if there is, or it is full.
    #[inline(always)]
    fn add(&self, address: usize, sample: Sample) -> bool {
        if self.0.iter().fold(EMPTY, |all, entry| all | entry.key.load(Relaxed)) == EMPTY {
            return self.0[0].fill(address, sample);
        }
        let mut empty = None;
        for entry in self.0.iter().rev() {
            let key = entry.key.load(Relaxed);
            if key >> SIZE_HIGH_BITS == address as u64 {
                return false;
            }
            if key == EMPTY {
                empty = Some(entry);
            }
        }
        empty.is_some_and(|entry: &Entry| entry.fill(address, sample))
    }

    /// Removes the block at `address`, if it is in here.
    #[inline(always)]
    fn take(&self, address: usize) -> Option<Sample> {
        let (entry, key) = self.0.iter().find_map(|entry| Some((entry, entry.matches(address)?)))?;
        let sample = entry.sample(key);
        entry.key.store(EMPTY, Release); // pairs with the exchange in `claim`
        Some(sample)
    }
}

impl LiveTable {
    /// An empty table.
    pub const fn new() -> LiveTable {
        LiveTable {
            granule_bits: AtomicU32::new(0),
            first_bits: AtomicU32::new(0),
            levels: [const { AtomicUsize::new(0) }; LEVELS],
            top: AtomicUsize::new(0),
        }
    }

    /// Sets the table up for a rate, or for one that is not known yet. Called once, before the first block is added.
    pub fn start(&self, rate: u64) {
        // A sample stands for as many bytes, of which a heap has no more than addresses.
        let granule_bits = rate.checked_ilog2().unwrap_or(FIRST_BYTES_BITS).max(SMALLEST_GRANULE_BITS);
        self.granule_bits.store(granule_bits, Relaxed);
        self.first_bits.store(FIRST_BYTES_BITS.saturating_sub(granule_bits).max(FIRST_BITS), Relaxed);
    }

    /// Binary logarithm of a level's buckets.
    fn bits(&self, level: usize) -> u32 {
        self.first_bits.load(Relaxed) + GROWTH_BITS * level as u32
    }

    /// Binary logarithm of a level's granule: there are as many more of them as buckets, for a program
    /// whose rate becomes smaller than the one that the first level is for.
    fn granule_bits(&self, level: usize) -> u32 {
        let first = self.granule_bits.load(Relaxed);
        first.saturating_sub(GROWTH_BITS * level as u32).max(SMALLEST_GRANULE_BITS)
    }

    /// A level, if it is there.
    fn level(&self, level: usize) -> Option<Level<'_>> {
        // SAFETY: the word is that of a level, which is never given back. Pairs with `grow`.
        unsafe { Level::of(self.levels[level].load(Acquire)) }
    }

    /// The highest level, if there is one.
    #[inline(always)]
    fn top(&self) -> Option<Level<'_>> {
        // SAFETY: as in `level`.
        unsafe { Level::of(self.top.load(Acquire)) }
    }

    /// How many levels there are.
    fn count(&self) -> usize {
        self.top().map_or(0, |top| self.number(top) + 1)
    }

    /// Which level it is.
    fn number(&self, level: Level) -> usize {
        ((level.bits() - self.first_bits.load(Relaxed)) / GROWTH_BITS) as usize
    }

    /// The levels below that number, the largest first.
    fn below(&self, number: usize) -> impl Iterator<Item = Level<'_>> {
        (0..number).rev().filter_map(|index| self.level(index))
    }

    /// The levels, the largest first.
    fn top_down(&self) -> impl Iterator<Item = Level<'_>> {
        self.below(self.count())
    }

    /// Notes of a new level, which will have that number, where no block is in a level below.
    fn note_alone(&self, new: Level, number: usize) {
        for notes in new.notes() {
            notes.fetch_or(ALONE, Relaxed);
        }
        let keys = self.below(number).flat_map(Level::used).map(|entry| entry.key.load(Relaxed));
        for key in keys.filter(|&key| key > CLAIMED) {
            let address = key >> SIZE_HIGH_BITS;
            new.notes()[new.index(address as usize) / CHUNK].fetch_and(!ALONE, Relaxed);
        }
    }

    #[cold]
    fn grow(&self, level: usize, budget: &Budget) -> Option<Level<'_>> {
        let (bits, granule_bits) = (self.bits(level), self.granule_bits(level));
        if self.levels.get(level)?.load(Relaxed) == 0 {
            let new = budget.map(Level::bytes(bits))?;
            let word = Level::word(new, bits, granule_bits);
            // Another thread, to which this level is new, may add one below meanwhile.
            if level == 0 || c_library::is_alone() {
                // SAFETY: of the level that was just mapped.
                self.note_alone(unsafe { Level::of(word) }?, level);
            }
            if self.levels[level].compare_exchange(0, word, AcqRel, Relaxed).is_err() {
                // SAFETY: another thread's level was first; nobody has seen this one.
                unsafe { budget.give_back(new, Level::bytes(bits)) };
            }
        }
        let (word, size) = (self.levels[level].load(Acquire), |word: usize| word & LOG);
        let higher = |top: usize| (size(top) < size(word)).then_some(word);
        let _ = self.top.fetch_update(AcqRel, Acquire, higher); // pairs with `top`
        self.level(level)
    }

    /// Adds a block as [`LiveTable::insert`] does, where there is nothing to it: there is room in its own
    /// bucket, and no block at its address. Else nothing is done, and false returned.
    #[inline(always)]
    pub fn add(&self, address: usize, sample: Sample) -> bool {
        let Some(top) = self.top() else { return false };
        let index = top.index(address);
        const USED_ALONE: u8 = USED | ALONE;
        // Where no block of the chunk is in another bucket, neither is one of this address.
        let is_new = match top.noted(index) {
            USED_ALONE => true,
            USED => !self.has_below(top, address),
            _ => false,
        };
        is_new && top.buckets()[index].add(address, sample)
    }

    /// Is there a block of that address in a level below?
    #[inline(never)]
    fn has_below(&self, level: Level, address: usize) -> bool {
        self.below(self.number(level)).any(|level| level.has(address))
    }

    /// Adds a block. Returns the one at the same address that was in the table, freed unseen.
    ///
    /// # Errors
    /// [`NoRoom`] if the table is full and cannot grow.
    #[inline(never)]
    pub fn insert(&self, address: usize, sample: Sample, budget: &Budget) -> Result<Option<Sample>, NoRoom> {
        let displaced = self.take(address);
        if !self.top().is_some_and(|level| level.claim(address, sample)) {
            self.add_below(address, sample, budget)?;
        }
        Ok(displaced)
    }

    /// Adds a block that has no room at the top.
    fn add_below(&self, address: usize, sample: Sample, budget: &Budget) -> Result<(), NoRoom> {
        if let Some(top) = self.top() {
            // Noted by whoever hands the block on before it does.
            top.notes()[top.index(address) / CHUNK].fetch_and(!ALONE, Relaxed);
        }
        if self.top_down().skip(1).any(|level| level.claim(address, sample)) {
            return Ok(());
        }
        let mut next = self.count();
        // What several threads fill at once may be full again.
        while !self.grow(next, budget).ok_or(NoRoom)?.claim(address, sample) {
            next += 1;
        }
        Ok(())
    }

    /// Removes the block at `address`, if it is a sampled one.
    #[inline(never)]
    pub fn take(&self, address: usize) -> Option<Sample> {
        if address == 0 {
            return None; // it would match what is empty
        }
        self.top_down().find_map(|level| level.take(address))
    }

    /// Removes the block at `address` if it is where most are: in its own bucket of the highest level.
    #[inline(always)]
    pub fn take_at_hand(&self, address: usize) -> Option<Sample> {
        if address == 0 {
            return None; // it would match what is empty
        }
        let top = self.top()?;
        top.buckets()[top.index(address)].take(address)
    }

    /// Calls `each` for every block in the table.
    pub fn for_each(&self, mut each: impl FnMut(Sample)) {
        for entry in self.top_down().flat_map(Level::used) {
            let key = entry.key.load(Acquire); // pairs with the publishing store in `claim`
            if key > CLAIMED {
                each(entry.sample(key));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heaptrace_channel::stacks::MAX_STACKS;

    static BUDGET: Budget = Budget::new();

    fn table(rate: u64) -> LiveTable {
        let table = LiveTable::new();
        table.start(rate);
        table
    }

    fn insert(table: &LiveTable, address: usize, sample: Sample) -> Result<Option<Sample>, NoRoom> {
        if table.add(address, sample) { Ok(None) } else { table.insert(address, sample, &BUDGET) }
    }

    /// Heaps may lie anywhere, in parts as far from each other as glibc's are.
    #[test]
    fn a_heap_of_many_parts_is_found_again_at_any_rate() {
        for rate in [1, 4096, 512 * 1024] {
            let table = table(rate);
            let parts = [0x5555_5555_0000, 0x7fff_0000_0000, 0x7ffe_0000_0000, 0x7ffd_0400_0000];
            let step = 32.max(rate as usize / 4);
            let addresses = || parts.into_iter().flat_map(|part| (0..20_000).map(move |i| part + i * step));
            for (address, n) in addresses().zip(0..) {
                assert_eq!(insert(&table, address, sample(n)), Ok(None));
            }
            for (address, n) in addresses().zip(0..) {
                assert_eq!(table.take(address), Some(sample(n)), "rate {rate}, {address:#x}");
            }
        }
    }

    fn sample(n: u32) -> Sample {
        Sample { stack: Stack(n), size: u64::from(n) << 20, era: Era::new(n.into()) }
    }

    #[test]
    fn a_block_is_taken_once_with_what_was_put_in() {
        let table = table(1);
        let large = Sample { stack: Stack(MAX_STACKS - 1), size: (1 << 47) + 12345, era: Era::new(63) };
        assert_eq!(insert(&table, 0x7fff_ffff_fff0, large), Ok(None));
        assert_eq!(table.take(0x7fff_ffff_ffe0), None);
        assert_eq!(table.take(0x7fff_ffff_fff0), Some(large));
        assert_eq!(table.take(0x7fff_ffff_fff0), None);
    }

    #[test]
    fn a_block_takes_the_place_of_one_at_its_address_that_was_freed_unseen() {
        let table = table(1);
        // Neighbours that fill the bucket, so that the old block is at a deeper level than the new.
        (0..5).for_each(|i| assert_eq!(insert(&table, 0x10000 + i * 16, sample(i as u32)), Ok(None)));
        table.take(0x10000).unwrap();
        assert_eq!(insert(&table, 0x10040, sample(9)), Ok(Some(sample(4))));
        assert_eq!(table.take(0x10040), Some(sample(9)));
        assert_eq!(table.take(0x10040), None);
    }

    /// `free(NULL)` must not match an empty entry, which still has the value of its last block.
    #[test]
    fn there_is_no_block_at_null() {
        let table = table(1);
        for i in 1..10_000 {
            insert(&table, i << 16, sample(1)).unwrap();
            table.take(i << 16).unwrap();
            assert_eq!((table.take(0), table.take_at_hand(0)), (None, None));
        }
    }

    #[test]
    fn the_table_grows_and_finds_everything_again() {
        let table = table(1);
        let address = |i: u32| 0x5555_0000_0000 + i as usize * 48;
        (0..200_000).for_each(|i| assert_eq!(insert(&table, address(i), sample(i)), Ok(None)));
        let mut count = 0;
        table.for_each(|_| count += 1);
        assert_eq!(count, 200_000);
        (0..200_000).for_each(|i| assert_eq!(table.take(address(i)), Some(sample(i))));
        table.for_each(|s| panic!("left behind: {s:?}"));
    }

    /// As where the process has one thread when the table grows.
    #[test]
    fn no_block_is_added_over_one_in_a_level_below_wherever_it_is_known_that_there_is_none() {
        const COUNT: u32 = 100_000;
        let (table, address) = (table(1), |i: u32| 0x5555_0000_0000 + i as usize * 48);
        (0..COUNT).for_each(|i| assert_eq!(insert(&table, address(i), sample(i)), Ok(None)));
        let top = table.top().unwrap();
        table.note_alone(top, table.number(top));
        let alone = top.notes().iter().filter(|notes| notes.load(Relaxed) & ALONE != 0).count();
        assert!((1..top.notes().len()).contains(&alone), "{alone} of {}", top.notes().len());
        (0..COUNT).for_each(|i| assert!(!table.add(address(i), sample(9)), "there is one"));
        (0..COUNT).for_each(|i| assert_eq!(insert(&table, address(i), sample(i + 1)), Ok(Some(sample(i)))));
        let more = COUNT..3 * COUNT;
        more.clone().for_each(|i| assert_eq!(insert(&table, address(i), sample(i + 1)), Ok(None)));
        for i in 0..more.end {
            let at_hand = table.take_at_hand(address(i));
            assert_eq!(at_hand.or_else(|| table.take(address(i))), Some(sample(i + 1)));
        }
        table.for_each(|s| panic!("left behind: {s:?}"));
    }

    #[test]
    fn threads_insert_and_take_each_others_blocks() {
        let table = table(1);
        let (sender, receiver) = std::sync::mpsc::sync_channel(1000);
        std::thread::scope(|scope| {
            for t in 0..2usize {
                let (table, sender) = (&table, sender.clone());
                scope.spawn(move || {
                    for i in 0..50_000usize {
                        let address = (t + 1) << 40 | i << 4;
                        insert(table, address, sample(i as u32)).unwrap();
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

    #[test]
    fn a_table_that_cannot_grow_keeps_what_it_has() {
        let (table, budget) = (table(1), Budget::new());
        assert!(table.insert(0x10000, sample(1), &budget).is_ok());
        budget.leave(0);
        let address = |i: usize| 0x20000 + i * 16;
        let full = (0..).find(|&i| table.insert(address(i), sample(2), &budget).is_err()).unwrap();
        assert_eq!(table.insert(address(full), sample(2), &budget), Err(NoRoom));
        assert_eq!(table.take(0x10000), Some(sample(1)));
        (0..full).for_each(|i| assert_eq!(table.take(address(i)), Some(sample(2))));
        assert_eq!(table.insert(address(full), sample(2), &budget), Ok(None), "there is room again");
    }
}
