//! All rings of a segment, and what a thread does to write an event.

use crate::atomic::{AtomicU32, Ordering::*};
use core::cell::Cell;
use core::ptr::NonNull;

use super::event::{Epoch, Words};
use super::ring::{Count, Full, Ring, RingState, Room, ring_bytes};
use super::rseq::{Outcome, Rseq};

/// Rings of one segment: the shared one, and one each for so many processors. The stacks of loom's model
/// are small.
pub const MAX_RINGS: usize = if cfg!(loom) { 3 } else { 257 };

/// The ring that a thread wrote to last: what it must remember from event to event. 0 for none, `SHARED_LAST` or
/// else the number of a processor's.
///
/// A cell, and one word, because a signal handler may write an event while its thread does.
#[derive(Debug, Default)]
pub struct LastRing(Cell<u32>);

const SHARED_LAST: u32 = u32::MAX;

impl LastRing {
    /// Is it the ring of that number?
    fn is(&self, index: usize) -> bool {
        self.0.get() == LastRing::number(index)
    }

    fn number(index: usize) -> u32 {
        if index == SHARED { SHARED_LAST } else { index as u32 }
    }
}

/// The rings over their memory. The first is the shared one, that of processor `n` is number `n + 1`.
#[derive(Debug, Clone, Copy)]
pub struct Rings<'m> {
    epoch: &'m AtomicU32,
    first: NonNull<RingState>,
    /// Bytes from one to the next.
    ring_bytes: usize,
    /// Slots of each.
    slots: Count,
    /// Processors that have a ring: all but the shared one.
    processors: u32,
}

// SAFETY: behind the pointer are atomics only.
unsafe impl Send for Rings<'_> {}
// SAFETY: as above.
unsafe impl Sync for Rings<'_> {}

/// How often a sequence is begun again before the shared ring is used: a debugger that steps through
/// it interrupts it each time.
const TRIES: u32 = 16;

/// How often room is looked for in the shared ring, where other threads may be quicker each time.
const SHARED_TRIES: u32 = 1000;

/// The number of the shared ring.
const SHARED: usize = 0;
/// That of the first processor's.
pub(super) const FIRST_OWN: usize = SHARED + 1;

impl<'m> Rings<'m> {
    /// So many rings, of so many slots each, a power of two, one after another.
    ///
    /// # Safety
    /// For each there are [`ring_bytes`], of atomics that live as long.
    pub(crate) unsafe fn new(
        epoch: &'m AtomicU32,
        first: NonNull<RingState>,
        (rings, slots): (u32, u32),
    ) -> Rings<'m> {
        let (slots, bits) = (slots as usize, slots.ilog2());
        let ring_bytes = ring_bytes(slots);
        Rings { epoch, first, ring_bytes, slots: Count { mask: slots - 1, bits }, processors: rings - 1 }
    }

    /// Ring number `index`, which must be below [`Rings::count`].
    #[inline]
    pub(super) fn ring(&self, index: usize) -> Ring<'m> {
        assert!(index < self.count());
        // SAFETY: there is a ring of that number.
        unsafe { self.known_ring(index) }
    }

    /// The same.
    ///
    /// # Safety
    /// There is a ring of that number.
    #[inline(always)]
    unsafe fn known_ring(&self, index: usize) -> Ring<'m> {
        // SAFETY: the caller's promise, and that of `new`.
        unsafe { Ring::at(self.first.byte_add(index * self.ring_bytes), self.slots) }
    }

    /// How many rings there are.
    pub(super) fn count(&self) -> usize {
        self.processors as usize + 1
    }

    /// Slots of each ring.
    pub fn slots(&self) -> u64 {
        self.slots.mask as u64 + 1
    }

    /// The present epoch.
    #[inline]
    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Acquire)) // pairs with `advance`
    }

    /// Begins a new epoch, and returns it.
    pub(super) fn advance(&self) -> Epoch {
        Epoch(self.epoch.fetch_add(1, AcqRel)).next()
    }

    /// What is written from now on is read after all that was written before it, in whatever ring.
    pub fn separate(&self) {
        self.advance();
    }

    /// How many events were written since the segment was made.
    pub fn written(&self) -> u64 {
        (0..self.count()).fold(0, |sum, index| sum.wrapping_add(self.ring(index).head()))
    }

    /// Writes a message; waits for room if there is none, as long as the reader makes progress. Calls
    /// `nudge` if a quarter of the ring or more is unread.
    ///
    /// # Errors
    /// [`Full`]: nothing was written.
    #[inline(always)]
    pub fn write(&self, rseq: Rseq, last: &LastRing, message: Words, nudge: impl Fn()) -> Result<(), Full> {
        match self.write_at_once(last, message, |ring, at, message| rseq.write(ring, at, message)) {
            Outcome::Written => Ok(()),
            _ => self.write_slowly(rseq, last, message, &nudge),
        }
    }

    /// Writes that the block of an allocation was freed, as [`Rings::write`] does: by itself, or, if nothing happened
    /// since, together with that.
    ///
    /// # Errors
    /// [`Full`]: nothing was written.
    #[inline(always)]
    pub fn write_free(
        &self,
        rseq: Rseq,
        last: &LastRing,
        allocation: Words,
        nudge: impl Fn(),
    ) -> Result<(), Full> {
        match self.write_at_once(last, allocation, |ring, at, words| rseq.write_free(ring, at, words)) {
            Outcome::Written => Ok(()),
            _ => self.write_slowly(rseq, last, allocation.freed(), &nudge),
        }
    }

    /// Where it is the thread's ring of before, most often.
    #[inline(always)]
    fn write_at_once(
        &self,
        last: &LastRing,
        message: Words,
        write: impl Fn(&Ring<'_>, u32, Words) -> Outcome,
    ) -> Outcome {
        let index = last.0.get();
        let processor = index.wrapping_sub(1);
        if processor >= self.processors {
            return Outcome::Elsewhere;
        }
        // SAFETY: the processor has a ring, and that is its number.
        let ring = unsafe { self.known_ring(index as usize) };
        write(&ring, processor, message.at(self.epoch()))
    }

    /// Where it is not the thread's ring of before, or that is at its limit, or the thread was interrupted.
    #[cold]
    #[inline(never)]
    fn write_slowly(
        &self,
        rseq: Rseq,
        last: &LastRing,
        message: Words,
        nudge: &impl Fn(),
    ) -> Result<(), Full> {
        for _ in 0..TRIES {
            let Some(processor) = rseq.processor() else { break };
            let Some(index) = self.ring_of(processor) else { break };
            self.come_to(index, last);
            match rseq.write(&self.ring(index), processor, message.at(self.epoch())) {
                Outcome::Written => return Ok(()),
                Outcome::AtLimit => self.find_room(index, nudge)?,
                Outcome::Elsewhere => {}
            }
        }
        self.write_shared(last, message, nudge)
    }

    /// The ring that a thread on that processor has for itself, if there is one.
    #[inline]
    fn ring_of(&self, processor: u32) -> Option<usize> {
        (processor < self.processors).then_some(processor as usize + FIRST_OWN)
    }

    /// A thread's events in one ring are older than those that it writes to the next.
    fn come_to(&self, index: usize, last: &LastRing) {
        if !last.is(index) {
            if last.0.get() != 0 {
                self.advance();
            }
            last.0.set(LastRing::number(index));
        }
    }

    fn write_shared(&self, last: &LastRing, message: Words, nudge: &impl Fn()) -> Result<(), Full> {
        self.come_to(SHARED, last);
        let ring = self.ring(SHARED);
        for _ in 0..SHARED_TRIES {
            if ring.write_shared(message.at(self.epoch())) {
                return Ok(());
            }
            self.find_room(SHARED, nudge)?;
        }
        Err(Full)
    }

    #[cold]
    fn find_room(&self, index: usize, nudge: &impl Fn()) -> Result<(), Full> {
        let ring = self.ring(index);
        if let Room::Some { unread } = ring.find_room()? {
            self.advance();
            if unread >= ring.quarter() {
                nudge();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::processes::Process;
    use crate::ring::event::{Event, Message, Slot};
    use crate::ring::rseq::tests::pretended;
    use crate::sample::{Era, Sample};
    use crate::stacks::Stack;

    /// Rings of their own memory.
    #[derive(Debug)]
    pub struct Memory {
        pub epoch: AtomicU32,
        first: NonNull<RingState>,
        rings: u32,
        slots: u32,
    }

    // SAFETY: as of `Rings`.
    unsafe impl Send for Memory {}
    // SAFETY: as above.
    unsafe impl Sync for Memory {}

    impl Memory {
        pub fn new(rings: u32, slots: u32) -> Memory {
            let first = NonNull::new(Memory::make(rings, slots)).unwrap();
            Memory { epoch: AtomicU32::new(0), first, rings, slots }
        }

        /// In loom's model an atomic is not what it looks like, and cannot be zeroed memory.
        fn make(rings: u32, slots: u32) -> *mut RingState {
            // SAFETY: the layout has a size, and all that is written lies inside.
            unsafe {
                let first: *mut RingState = std::alloc::alloc(Memory::layout(rings, slots)).cast();
                for index in 0..rings as usize {
                    let state = first.byte_add(index * ring_bytes(slots as usize));
                    state.write(RingState::default());
                    (0..slots as usize)
                        .for_each(|at| state.add(1).cast::<Slot>().add(at).write(Slot::default()));
                }
                first
            }
        }

        fn layout(rings: u32, slots: u32) -> std::alloc::Layout {
            let bytes = rings as usize * ring_bytes(slots as usize);
            std::alloc::Layout::from_size_align(bytes, align_of::<RingState>()).unwrap()
        }

        pub fn rings(&self) -> Rings<'_> {
            // SAFETY: made so.
            unsafe { Rings::new(&self.epoch, self.first, (self.rings, self.slots)) }
        }
    }

    impl Drop for Memory {
        fn drop(&mut self) {
            // SAFETY: made so; atomics of the real kind need no drop, and loom's memory lives for ever.
            unsafe {
                std::alloc::dealloc(self.first.as_ptr().cast(), Memory::layout(self.rings, self.slots))
            };
        }
    }

    const EVENT: Message =
        Message::Happened(Process(0), Event::Allocated(Sample { stack: Stack(1), size: 1, era: Era::FIRST }));

    fn write(rings: &Rings<'_>, rseq: Rseq, last: &LastRing) -> Result<(), Full> {
        rings.write(rseq, last, Words::of(EVENT), || {})
    }

    fn heads(rings: &Rings<'_>) -> Vec<u64> {
        (0..rings.count()).map(|index| rings.ring(index).head()).collect()
    }

    #[test]
    fn a_thread_writes_to_the_ring_of_its_processor_if_it_has_one() {
        let memory = Memory::new(3, 8);
        let rings = memory.rings();
        for (processor, expected) in [(0, [0, 1, 0]), (1, [0, 1, 1]), (2, [1, 1, 1]), (-1, [2, 1, 1])] {
            write(&rings, pretended(&mut [0; 4], processor), &LastRing::default()).unwrap();
            assert_eq!(heads(&rings), expected);
        }
        write(&rings, Rseq::NONE, &LastRing::default()).unwrap();
        assert_eq!(heads(&rings), [3, 1, 1]);
        assert_eq!(rings.written(), 5);
    }

    #[test]
    fn an_epoch_begins_where_a_thread_comes_to_another_ring_and_at_each_quarter() {
        let memory = Memory::new(3, 8);
        let rings = memory.rings();
        let (mut one, mut other) = ([0; 4], [0; 4]);
        let (one, other) = (pretended(&mut one, 0), pretended(&mut other, 1));
        let last = LastRing::default();
        let mut epochs = vec![];
        for rseq in [one, one, one, other, one] {
            write(&rings, rseq, &last).unwrap();
            epochs.push(rings.epoch().0);
        }
        // The first of each ring and the third of the first find a quarter full, the last two a move.
        assert_eq!(epochs, [1, 1, 2, 4, 5]);
    }

    #[test]
    fn what_is_separated_is_of_different_epochs() {
        let memory = Memory::new(1, 8);
        memory.rings().separate();
        assert_eq!(memory.rings().epoch(), Epoch(1));
    }

    #[test]
    fn the_reader_is_nudged_where_a_quarter_is_unread() {
        let memory = Memory::new(1, 16);
        let nudges = std::cell::Cell::new(0);
        let counted: Vec<_> = (0..16)
            .map(|_| {
                let nudge = || nudges.set(nudges.get() + 1);
                let rings = memory.rings();
                rings.write(Rseq::NONE, &LastRing::default(), Words::of(EVENT), nudge).unwrap();
                nudges.get()
            })
            .collect();
        assert_eq!(counted, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    }

    #[test]
    fn a_full_ring_refuses_and_leaves_the_others_alone() {
        let memory = Memory::new(2, 8);
        let rings = memory.rings();
        let mut area = [0; 4];
        let rseq = pretended(&mut area, 0);
        let last = LastRing::default();
        (0..8).for_each(|_| write(&rings, rseq, &last).unwrap());
        assert_eq!(write(&rings, rseq, &last), Err(Full));
        assert_eq!(write(&rings, Rseq::NONE, &last), Ok(()));
        assert_eq!(heads(&rings), [1, 8]);
    }

    /// A head at the end of all numbers leaves no room that could be found.
    #[test]
    fn a_writer_ends_whatever_the_words_hold() {
        for (head, tail) in [(u64::MAX, u64::MAX - 1), (u64::MAX - 1, u64::MAX - 3), (3, 9), (9, 3)] {
            for index in 0..2 {
                let memory = Memory::new(2, 4);
                memory.rings().ring(index).state().spoil(head, tail);
                let mut area = [0; 4];
                let _ = write(&memory.rings(), pretended(&mut area, 0), &LastRing::default());
                let _ = write(&memory.rings(), Rseq::NONE, &LastRing::default());
            }
        }
    }
}
