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
mod tests;
