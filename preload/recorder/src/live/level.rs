//! A level of the live table: buckets for granules of addresses, and what is noted of them.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use heaptrace_channel::sample::Sample;

use super::entry::{Bucket, TableEntry};

/// Buckets of which each takes the others' blocks when they are full.
const GROUP: usize = 4;
/// Buckets that have a [`Level::notes`] together.
const CHUNK: usize = 64;
/// There ever was a block in the chunk.
const USED: u8 = 1;
/// There ever was one that is not in its own bucket.
const SPILLED: u8 = 2;
/// None is in a level below.
const ALONE: u8 = 4;

/// What is at the beginning of a level's memory, and says where an address belongs: as it is wanted, so that no more
/// than a few instructions are between an address and its bucket. Buckets and notes follow.
#[repr(C, align(64))]
struct Head {
    /// One less than the number of buckets.
    mask: usize,
    /// Binary logarithm of the granule in bytes.
    granule_bits: u32,
    /// Binary logarithm of the bytes that the level is for, beyond which it lies over itself.
    lap_bits: u32,
    notes: *const AtomicU8,
}

/// A level that is mapped.
#[derive(Clone, Copy)]
pub struct Level<'t>(&'t Head);

/// What is known, without a look, of a block that is about to be added.
pub enum Novelty {
    /// There is none at its address.
    New,
    /// There is none in the other buckets of this level.
    NewHere,
    /// Nothing.
    Nothing,
}

impl<'t> Level<'t> {
    /// Bytes of a level with so many buckets.
    pub const fn bytes(bits: u32) -> usize {
        size_of::<Head>() + (size_of::<Bucket>() << bits) + (1 << bits) / CHUNK
    }

    /// Makes a level without blocks. Its address stands for it.
    ///
    /// # Safety
    /// There is so much memory there, of zeros, that nobody else knows of and that stays as long as the result.
    pub unsafe fn make(start: NonNull<u8>, bits: u32, granule_bits: u32) -> *mut u8 {
        let head: NonNull<Head> = start.cast();
        // SAFETY: the caller's promise; `bytes` has room for all of that.
        unsafe {
            let notes = head.add(1).cast::<Bucket>().add(1 << bits).cast().as_ptr();
            let lap_bits = granule_bits + bits;
            head.write(Head { mask: (1 << bits) - 1, granule_bits, lap_bits, notes });
        }
        start.as_ptr()
    }

    /// The level at an address, if there is one.
    ///
    /// # Safety
    /// It is null, or one of [`Level::make`] whose memory stays as long as the result.
    #[inline(always)]
    pub unsafe fn at(start: *mut u8) -> Option<Level<'t>> {
        // SAFETY: the caller's promise.
        Some(Level(unsafe { start.cast::<Head>().as_ref() }?))
    }

    /// Binary logarithm of the number of buckets.
    pub fn bits(self) -> u32 {
        self.0.lap_bits - self.0.granule_bits
    }

    #[inline(always)]
    fn buckets(self) -> &'t [Bucket] {
        let first: *const Bucket = (&raw const *self.0).wrapping_add(1).cast();
        // SAFETY: the promise of `make`; the level's memory is that large.
        unsafe { core::slice::from_raw_parts(first, self.0.mask + 1) }
    }

    /// For each chunk of buckets, [`USED`], [`SPILLED`] and [`ALONE`].
    #[inline(always)]
    fn notes(self) -> &'t [AtomicU8] {
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts(self.0.notes, (self.0.mask + 1) / CHUNK) }
    }

    /// The bucket for an address.
    #[inline(always)]
    pub fn index(self, address: usize) -> usize {
        let granule = address >> self.0.granule_bits;
        // A heap larger than the level lies over itself, each time in another order.
        let lap = (address >> self.0.lap_bits).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (granule ^ (lap >> 32)) & self.0.mask
    }

    /// The buckets beside the one at `index`.
    fn beside(self, index: usize) -> impl Iterator<Item = &'t Bucket> {
        (1..GROUP).map(move |distance| &self.buckets()[index ^ distance])
    }

    /// What is noted of a bucket's chunk.
    #[inline(always)]
    fn noted(self, index: usize) -> u8 {
        // SAFETY: there is one for each chunk of buckets.
        unsafe { self.notes().get_unchecked((index & self.0.mask) / CHUNK) }.load(Relaxed)
    }

    #[inline(always)]
    fn note(self, index: usize, what: u8) {
        if self.noted(index) & what != what {
            self.notes()[index / CHUNK].fetch_or(what, Relaxed);
        }
    }

    /// Notes that no block is in a level below. Before anybody else has the level.
    pub fn note_alone(self) {
        for notes in self.notes() {
            notes.fetch_or(ALONE, Relaxed);
        }
    }

    /// Notes that a block of that address may be in a level below. By whoever puts it there, before it does.
    pub fn note_below(self, address: usize) {
        self.notes()[self.index(address) / CHUNK].fetch_and(!ALONE, Relaxed);
    }

    /// What the notes say of a block that is about to be added to that bucket, its own, where it is not yet.
    #[inline(always)]
    pub fn known(self, index: usize) -> Novelty {
        const USED_ALONE: u8 = USED | ALONE;
        match self.noted(index) {
            USED_ALONE => Novelty::New,
            USED => Novelty::NewHere,
            _ => Novelty::Nothing,
        }
    }

    /// May a block of that bucket be in one beside it?
    fn has_spilled(self, index: usize) -> bool {
        self.noted(index) & SPILLED != 0
    }

    /// The entries of the chunks that there ever was a block in.
    fn used(self) -> impl Iterator<Item = &'t TableEntry> {
        let chunks = self.buckets().chunks(CHUNK).zip(self.notes());
        let used = chunks.filter(|(_, notes)| notes.load(Relaxed) & USED != 0);
        used.flat_map(|(chunk, _)| chunk).flat_map(Bucket::entries)
    }

    /// All blocks that are in here, each with its address.
    pub fn blocks(self) -> impl Iterator<Item = (usize, Sample)> {
        self.used().filter_map(TableEntry::block)
    }

    /// The bucket for an address of that index.
    #[inline(always)]
    pub fn bucket(self, index: usize) -> &'t Bucket {
        let index = index & self.0.mask; // free of charge, as that is what [`Level::index`] ends with
        // SAFETY: there is one more than the mask.
        unsafe { self.buckets().get_unchecked(index) }
    }

    /// Adds a block; false if all buckets of its group are full.
    #[inline(always)]
    pub fn claim(self, address: usize, sample: Sample) -> bool {
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

    /// Is there a block at `address` in here?
    pub fn has(self, address: usize) -> bool {
        let index = self.index(address);
        let spilled = || self.has_spilled(index) && self.beside(index).any(|bucket| bucket.has(address));
        self.buckets()[index].has(address) || spilled()
    }

    /// Removes the block at `address`, if it is in here.
    pub fn take(self, address: usize) -> Option<Sample> {
        let index = self.index(address);
        let own = self.buckets()[index].take(address);
        if own.is_none() && self.has_spilled(index) {
            return self.beside(index).find_map(|bucket| bucket.take(address));
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use heaptrace_channel::sample::Era;
    use heaptrace_channel::stacks::ROOT;

    use super::super::entry::WAYS;
    use super::*;
    use crate::memory::map_private;

    const BITS: u32 = 10;
    const GRANULE: usize = 128;
    const SAMPLE: Sample = Sample { stack: ROOT, size: 1, era: Era::FIRST };

    /// One whose memory stays.
    fn level() -> Level<'static> {
        let start = map_private(Level::bytes(BITS)).unwrap();
        // SAFETY: fresh memory of that size, which is never given back.
        unsafe { Level::at(Level::make(start, BITS, GRANULE.ilog2())) }.unwrap()
    }

    #[test]
    fn a_level_takes_64_bytes_for_a_bucket_and_a_byte_for_64_of_them_and_64_of_its_own() {
        assert_eq!([10, 12].map(Level::bytes), [64 + 64 * 1024 + 16, 64 + 64 * 4096 + 64]);
    }

    #[test]
    fn neighbours_in_memory_are_neighbours_in_the_table() {
        let (level, chunk) = (level(), CHUNK * GRANULE);
        for start in (0..10).map(|i| 0x5555_0000_0000 + i * chunk) {
            let of_chunk = || (start..start + chunk).map(|address| level.index(address));
            assert!(of_chunk().all(|index| index / CHUNK == level.index(start) / CHUNK));
            let granules: Vec<_> = of_chunk().collect();
            assert!(granules.chunks(GRANULE).all(|granule| granule.iter().all(|index| *index == granule[0])));
        }
    }

    #[test]
    fn a_heap_that_is_larger_than_the_level_lies_over_itself_in_another_order_each_time() {
        let level = level();
        let lap = |n: usize| {
            (0..1 << BITS)
                .map(move |granule| level.index(((n << BITS) + granule) * GRANULE))
                .collect::<Vec<_>>()
        };
        let mut laps: Vec<_> = (0..8).map(lap).collect();
        laps.sort();
        laps.dedup();
        assert_eq!(laps.len(), 8);
        for mut lap in laps {
            lap.sort();
            assert!(lap.into_iter().eq(0..1 << BITS), "a bucket for each granule");
        }
    }

    #[test]
    fn a_group_of_buckets_takes_each_others_blocks() {
        (0..GROUP).for_each(|bucket| fill_a_group(0x10000 + bucket * GRANULE));
    }

    /// With blocks that begin at `start`, one byte from each other, as if they were in one bucket.
    fn fill_a_group(start: usize) {
        let level = level();
        let blocks = || (start..).take(GROUP * WAYS);
        for (n, address) in blocks().enumerate() {
            assert_eq!(level.has_spilled(level.index(address)), n > WAYS);
            assert!(!level.has(address));
            assert!(level.claim(address, SAMPLE));
            assert!(level.has(address));
        }
        assert!(!level.claim(start + GROUP * WAYS, SAMPLE), "it is full");
        let mut all: Vec<_> = level.blocks().map(|(address, _)| address).collect();
        all.sort();
        assert!(all.into_iter().eq(blocks()));
        assert!(blocks().all(|address| level.take(address) == Some(SAMPLE) && !level.has(address)));
    }

    #[test]
    fn only_chunks_that_there_ever_was_a_block_in_are_looked_through() {
        let level = level();
        assert_eq!(level.used().count(), 0);
        assert!(level.claim(0x10000, SAMPLE) && level.take(0x10000) == Some(SAMPLE));
        assert_eq!((level.used().count(), level.blocks().count()), (CHUNK * WAYS, 0));
    }

    #[test]
    fn what_is_noted_says_where_a_block_need_not_be_looked_for() {
        let level = level();
        let (address, elsewhere) = (0x10000, 0x10000 + CHUNK * GRANULE);
        level.note_alone();
        assert!(
            matches!(level.known(level.index(address)), Novelty::Nothing),
            "that there are blocks is not noted yet"
        );
        assert!(level.claim(address, SAMPLE) && level.claim(elsewhere, SAMPLE));
        assert!(matches!(level.known(level.index(address)), Novelty::New));
        level.note_below(address);
        assert!(matches!(
            (level.known(level.index(address)), level.known(level.index(elsewhere))),
            (Novelty::NewHere, Novelty::New)
        ));
        (0..WAYS).for_each(|n| assert!(level.claim(elsewhere + n, SAMPLE)));
        assert!(matches!(level.known(level.index(elsewhere)), Novelty::Nothing), "one is beside");
    }
}
