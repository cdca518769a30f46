//! The live table, made of its levels.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering::*};

use heaptrace_channel::sample::Sample;

use super::level::{Level, Novelty};
use crate::arch::prefetch;
use crate::c_library;
use crate::memory::Budget;

/// There was no memory for the table to grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

const LEVELS: usize = 12;
const GROWTH_BITS: u32 = 2;
/// The smallest granule: as many blocks of glibc begin in 128 bytes as a bucket has entries.
const SMALLEST_GRANULE_BITS: u32 = 7;
/// The first level is for that many bytes of heap, and takes half as many where all is sampled: as large as a program
/// does not miss, because blocks of a heap beyond it get into each other's way before there is a second one. Pages of
/// it are used where blocks are. And where there is little memory:
const FIRST_BYTES_BITS: u32 = 22;
const FEWEST_BYTES_BITS: u32 = 19;
/// Into a larger level no blocks move up: it would stop the program for longer than 10 ms.
const MOST_LIFTED_BITS: u32 = 18;
/// The first level has at least so many buckets.
const FIRST_BITS: u32 = 10;

/// The table. As zeros, it is one that has to be started.
#[derive(Debug, Default)]
pub struct LiveTable {
    /// Binary logarithm of the first level's granule in bytes.
    granule_bits: AtomicU32,
    /// Binary logarithm of the first level's buckets.
    first_bits: AtomicU32,
    /// Null for one that is not mapped.
    levels: [AtomicPtr<u8>; LEVELS],
    /// The highest level that is mapped.
    top: AtomicPtr<u8>,
}

impl LiveTable {
    /// An empty table.
    pub const fn new() -> LiveTable {
        LiveTable {
            granule_bits: AtomicU32::new(0),
            first_bits: AtomicU32::new(0),
            levels: [const { AtomicPtr::new(null_mut()) }; LEVELS],
            top: AtomicPtr::new(null_mut()),
        }
    }

    /// Sets the table up for a rate, or for one that is not known yet. Called once, before the first block is added.
    pub fn start(&self, rate: u64, budget: &Budget) {
        // A sample stands for as many bytes, of which a heap has no more than addresses.
        let granule_bits = rate.checked_ilog2().unwrap_or(FEWEST_BYTES_BITS).max(SMALLEST_GRANULE_BITS);
        let first_bits = |bytes_bits: u32| bytes_bits.saturating_sub(granule_bits).max(FIRST_BITS);
        let is_much = budget.is_much(Level::bytes(first_bits(FIRST_BYTES_BITS)));
        let bytes_bits = if is_much { FEWEST_BYTES_BITS } else { FIRST_BYTES_BITS };
        self.granule_bits.store(granule_bits, Relaxed);
        self.first_bits.store(first_bits(bytes_bits), Relaxed);
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
        // SAFETY: made by `grow`, with which the load pairs, and never given back.
        unsafe { Level::at(self.levels[level].load(Acquire)) }
    }

    /// The highest level, if there is one.
    #[inline(always)]
    fn top(&self) -> Option<Level<'_>> {
        // SAFETY: as in `level`.
        unsafe { Level::at(self.top.load(Acquire)) }
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

    #[cold]
    fn grow(&self, level: usize, budget: &Budget) -> Option<Level<'_>> {
        let (bits, granule_bits) = (self.bits(level), self.granule_bits(level));
        if self.levels.get(level)?.load(Relaxed).is_null() {
            let memory = budget.map(Level::bytes(bits))?;
            // SAFETY: fresh memory of that size.
            let new = unsafe { Level::make(memory, bits, granule_bits) };
            if level == 0 {
                // SAFETY: the level that was just made.
                unsafe { Level::at(new) }?.note_alone();
            }
            if self.levels[level].compare_exchange(null_mut(), new, AcqRel, Relaxed).is_err() {
                // SAFETY: another thread's level was first; nobody has seen this one.
                unsafe { budget.give_back(memory, Level::bytes(bits)) };
            }
        }
        let grown = self.level(level)?;
        // SAFETY: as in `level`.
        let is_lower = |top| unsafe { Level::at(top) }.is_none_or(|top| top.bits() < grown.bits());
        let new = self.levels[level].load(Relaxed);
        let _ = self.top.fetch_update(AcqRel, Acquire, |top| is_lower(top).then_some(new)); // pairs with `top`
        Some(grown)
    }

    /// Moves the blocks below the highest level, which has that number, into it as far as it has room for them, so
    /// that most need no look below, and notes where none is there any more. A signal's handler may free some
    /// meanwhile, and no other thread.
    fn lift(&self, number: usize) {
        let Some(top) = self.level(number) else { return };
        let from = if top.bits() <= MOST_LIFTED_BITS { number } else { 0 };
        for below in self.below(from) {
            for (address, sample) in below.blocks() {
                if top.claim(address, sample) && below.take(address).is_none() {
                    top.take(address); // as it was freed
                }
            }
        }
        self.note_alone(top, number);
    }

    /// Notes of a level, which has that number, where no block is in a level below.
    fn note_alone(&self, level: Level, number: usize) {
        level.note_alone();
        let below = self.below(number).flat_map(Level::blocks);
        below.for_each(|(address, _)| level.note_below(address));
    }

    /// Has fetched from memory what a block at `address` will be added to.
    #[inline(always)]
    pub fn fetch(&self, address: usize) {
        if let Some(top) = self.top() {
            prefetch(top.bucket(top.index(address)));
        }
    }

    /// Adds a block as [`LiveTable::insert`] does, where there is nothing to it: there is room in its own
    /// bucket, and no block at its address. Else nothing is done, and false returned.
    #[inline(always)]
    pub fn add(&self, address: usize, sample: Sample) -> bool {
        let Some(top) = self.top() else { return false };
        // Where no block of the chunk is in another bucket, neither is one of this address.
        let index = top.index(address); // once: it is for every call of malloc
        let is_new = match top.known(index) {
            Novelty::New => true,
            Novelty::NewHere => !self.has_below(top, address),
            Novelty::Nothing => false,
        };
        is_new && top.bucket(index).add(address, sample)
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
            top.note_below(address);
        }
        if self.top_down().skip(1).any(|level| level.claim(address, sample)) {
            return Ok(());
        }
        // What several threads fill at once may be full again.
        for level in self.count()..LEVELS {
            let has_room = self.grow(level, budget).ok_or(NoRoom)?.claim(address, sample);
            // Others take its room only now. Another thread could free one of them between its two places, or add
            // one below.
            if c_library::is_alone() {
                self.lift(level);
            }
            if has_room {
                return Ok(());
            }
        }
        Err(NoRoom)
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
        top.bucket(top.index(address)).take(address)
    }

    /// Calls `each` for every block in the table.
    pub fn for_each(&self, mut each: impl FnMut(Sample)) {
        self.top_down().flat_map(Level::blocks).for_each(|(_, sample)| each(sample));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heaptrace_channel::sample::Era;
    use heaptrace_channel::stacks::{MAX_STACKS, Stack};

    static BUDGET: Budget = Budget::new();

    /// One that begins as small as there are any, so that it grows.
    fn table(rate: u64) -> LiveTable {
        let (table, budget) = (LiveTable::new(), Budget::new());
        budget.leave(0);
        table.start(rate, &budget);
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
    fn a_block_is_added_at_once_where_there_is_nothing_to_it_and_is_at_hand() {
        let table = table(1);
        let known = |address| table.top().map(|top| top.known(top.index(address))).unwrap();
        assert!(!table.add(0x10000, sample(1)), "there is no level yet");
        assert_eq!(table.insert(0x10000, sample(1), &BUDGET), Ok(None));
        assert!(matches!(known(0x10000), Novelty::New), "there is none below");
        let grown =
            (1..).find(|&i| insert(&table, i << 16, sample(0)).is_ok() && table.count() == 2).unwrap();
        for first in [0x7000_0000, (grown + 1) << 16] {
            assert_eq!(table.insert(first, sample(1), &BUDGET), Ok(None));
            // There may be more threads, which add blocks to the level below.
            assert!(matches!(known(first), Novelty::NewHere));
            assert!(table.add(first + 16, sample(2)) && !table.add(first + 16, sample(3)));
            assert_eq!(table.take_at_hand(first), Some(sample(1)));
            assert_eq!(table.take_at_hand(first + 16), Some(sample(2)));
        }
    }

    #[test]
    fn a_level_has_granules_of_a_quarter_of_the_one_below_down_to_the_smallest() {
        let table = table(512 * 1024);
        assert_eq!(1 << table.granule_bits(0), 512 * 1024);
        for level in 1..LEVELS {
            let quarter = table.granule_bits(level - 1) - GROWTH_BITS;
            assert_eq!(table.granule_bits(level), quarter.max(SMALLEST_GRANULE_BITS));
        }
    }

    #[test]
    fn the_first_level_is_for_four_mebibytes_of_heap_or_half_a_one_where_there_is_little_memory() {
        for (rate, left, bits) in [
            (1, 8 << 20, 15),
            (1, 4 << 20, 12),
            (2048, 1 << 20, 11),
            (512 * 1024, 1 << 20, 10),
            (0, 1 << 20, 10),
        ] {
            let (table, budget) = (LiveTable::new(), Budget::new());
            budget.leave(left);
            table.start(rate, &budget);
            assert_eq!(table.bits(0), bits, "rate {rate}, {left} bytes left");
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
        let new = (0..COUNT).filter(|&i| matches!(top.known(top.index(address(i))), Novelty::New)).count();
        assert!((1..COUNT as usize).contains(&new), "{new} of {COUNT}");
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

    /// As jemalloc has them, of which there are more in a bucket's part of the heap than it has entries.
    #[test]
    fn blocks_that_lie_close_together_find_room_when_others_have_moved_up() {
        let table = table(1);
        for i in 0..100 {
            let levels = table.count();
            assert_eq!(insert(&table, 0x10_0000 + i as usize * 8, sample(i)), Ok(None));
            if table.count() > levels {
                table.lift(levels);
            }
        }
        assert_eq!(table.count(), 4, "64 blocks lie close enough to have 16 places in each level");
        (0..100).for_each(|i| assert_eq!(table.take(0x10_0000 + i as usize * 8), Some(sample(i))));
    }

    /// As where the process has one thread when the table grows.
    #[test]
    fn blocks_below_move_up_as_far_as_there_is_room() {
        const COUNT: u32 = 100_000;
        for (step, all) in [(128, true), (16, false)] {
            let (table, address) = (table(1), |i: u32| 0x5555_0000_0000 + i as usize * step);
            (0..COUNT).for_each(|i| assert_eq!(insert(&table, address(i), sample(i)), Ok(None)));
            let top = table.count() - 1;
            let below = || table.below(top).flat_map(Level::blocks).count();
            let before = below();
            assert!(before > 1000, "{before}");
            table.lift(top);
            assert!(
                if all { below() == 0 } else { (1..before).contains(&below()) },
                "{} of {before}",
                below()
            );
            let level = table.level(top).unwrap();
            for i in 0..COUNT {
                let is_below = table.below(top).any(|level| level.has(address(i)));
                let is_new = matches!(level.known(level.index(address(i))), Novelty::New);
                assert!(!(is_below && is_new), "{i} is below, and noted as if there were none");
                assert_eq!(table.take(address(i)), Some(sample(i)));
                assert_eq!(table.take(address(i)), None, "it is in one place");
            }
        }
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
