//! One ring: slots in a circle, a head that writers move on, and a tail that the reader moves on. They lie behind each
//! other in one piece of memory.
//!
//! `head` and `tail` only grow; the slot of position `n` is at `n mod slots`, and its tag tells the lap.
//! Writers look at the tail only when they come to the `limit`, which lies at a quarter of the ring or
//! where it is full.

use crate::atomic::{AtomicU32, AtomicU64, Ordering::*, fence};
use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::time::Duration;

use super::event::{LAP_SHIFT, Slot, Words};
use crate::sys::{self, Patience};

/// How long a writer waits for room while the reader makes no progress.
pub const WAIT: Duration = Duration::from_millis(200);

/// There was no room, and no progress of the reader for as long as a writer may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// What both ends know of a ring: the writers' words in one line of the cache, the reader's in another.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct RingState {
    /// The next position to write to.
    head: AtomicU64,
    /// Before it a writer need not look for room. May be behind the head, and be any older limit.
    limit: AtomicU64,
    /// One more than the tail at which a writer last waited in vain, 0 if none did.
    stalled: AtomicU64,
    reader: ReaderState,
}

#[derive(Debug, Default)]
#[repr(C, align(64))]
struct ReaderState {
    /// What is before it has been read.
    tail: AtomicU64,
    /// Writers that wait for the tail to move.
    waiting: AtomicU32,
}

/// What the assembly of [`super::rseq`] uses.
pub(crate) const HEAD_AT: usize = offset_of!(RingState, head);
pub(super) const LIMIT_AT: usize = offset_of!(RingState, limit);

/// What a writer finds that comes to the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// There is room. `unread` is what the reader has yet to read.
    Some { unread: u64 },
    /// There was none, and now there may be: the reader has moved on.
    Awaited,
}

/// Where a ring's slots lie in its memory: behind its state.
pub(super) const SLOTS_AT: usize = size_of::<RingState>();

/// Bytes of a ring with so many slots, after which another may lie.
pub(crate) const fn ring_bytes(slots: usize) -> usize {
    (SLOTS_AT + slots * size_of::<Slot>()).next_multiple_of(align_of::<RingState>())
}

/// How many slots a ring has: a power of two, at least 4.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    /// One less.
    pub mask: usize,
    /// Its binary logarithm.
    pub bits: u32,
}

/// A ring over its memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ring<'m> {
    memory: NonNull<RingState>,
    pub count: Count,
    lives: PhantomData<&'m RingState>,
}

impl<'m> Ring<'m> {
    /// The one that lies there.
    ///
    /// # Safety
    /// There are [`ring_bytes`] for so many slots, of atomics, which live as long.
    #[inline(always)]
    pub unsafe fn at(memory: NonNull<RingState>, count: Count) -> Ring<'m> {
        Ring { memory, count, lives: PhantomData }
    }

    /// Heads, tails and limits.
    #[inline(always)]
    pub fn state(&self) -> &'m RingState {
        // SAFETY: see `at`.
        unsafe { self.memory.as_ref() }
    }

    /// The slots.
    #[inline]
    pub fn slots(&self) -> &'m [Slot] {
        // SAFETY: see `at`. Behind the state all is aligned for them.
        unsafe { NonNull::slice_from_raw_parts(self.memory.add(1).cast(), self.count.mask + 1).as_ref() }
    }

    /// The tag's lap bits for a position: never those of the lap before, nor of memory never written.
    #[inline]
    pub fn lap(&self, position: u64) -> u64 {
        (position >> self.count.bits).wrapping_add(1) << LAP_SHIFT
    }

    #[inline]
    pub fn slot(&self, position: u64) -> &'m Slot {
        &self.slots()[position as usize & self.count.mask]
    }

    /// Up to `count` slots from a position on, all of one lap.
    #[inline]
    pub fn slots_from(&self, position: u64, count: u64) -> &'m [Slot] {
        let (slots, start) = (self.slots(), position as usize & self.count.mask);
        &slots[start..slots.len().min(start + count as usize)]
    }

    /// A quarter of the slots.
    pub fn quarter(&self) -> u64 {
        self.slots().len() as u64 / 4
    }

    /// How many events were ever written.
    #[inline]
    pub fn head(&self) -> u64 {
        self.state().head.load(Acquire) // pairs with the stores of `rseq` and the exchange below
    }

    /// Writes as one of many that may do so at the same time. False if the limit is reached.
    ///
    /// A position is reserved by moving the head on, and the slot committed after: between the two a
    /// writer can be killed, and the reader must pass over the slot.
    #[inline]
    pub fn write_shared(&self, words: Words) -> bool {
        let mut position = self.state().head.load(Relaxed);
        loop {
            if position >= self.state().limit.load(Relaxed) {
                return false;
            }
            match self.state().head.compare_exchange_weak(position, position.wrapping_add(1), AcqRel, Relaxed)
            {
                Ok(_) => break self.slot(position).commit(words, self.lap(position)),
                Err(now) => position = now,
            }
        }
        true
    }

    /// Writes as the only one: what the assembly of [`super::rseq`] does. False if the limit is reached.
    #[cfg(loom)]
    pub fn write_alone(&self, words: Words) -> bool {
        let position = self.state().head.load(Relaxed);
        let has_room = position < self.state().limit.load(Relaxed);
        if has_room {
            self.slot(position).commit(words, self.lap(position));
            self.state().head.store(position.wrapping_add(1), Release);
        }
        has_room
    }

    /// Makes the last message brief as the only writer: what the assembly of [`super::rseq`] does. False if that
    /// is not this allocation.
    #[cfg(loom)]
    pub fn shorten_last(&self, allocation: Words) -> bool {
        let last = self.state().head.load(Relaxed).wrapping_sub(1);
        let is_it = self.slot(last).committed(self.lap(last)).is_some_and(|words| words.is_same(allocation));
        if is_it {
            self.slot(last).shorten();
        }
        is_it
    }

    /// Moves the limit on to the end of the quarter that the head is in, or waits for room.
    ///
    /// Any thread may do so at any time: a limit is never more than one lap beyond a tail that once was.
    ///
    /// # Errors
    /// [`Full`] if there is no room and the reader makes no progress.
    pub fn find_room(&self) -> Result<Room, Full> {
        let position = self.state().head.load(Relaxed);
        let tail = self.state().reader.tail.load(Acquire); // pairs with `release`
        let (unread, slots) = (position.wrapping_sub(tail), self.slots().len() as u64);
        if unread >= slots {
            return self.wait_for_room(tail).map(|()| Room::Awaited);
        }
        let end_of_quarter = (position | (self.quarter() - 1)).saturating_add(1);
        self.state().limit.store(end_of_quarter.min(tail.saturating_add(slots)), Relaxed);
        Ok(Room::Some { unread })
    }

    /// Returns when the tail has moved on from `tail`.
    fn wait_for_room(&self, tail: u64) -> Result<(), Full> {
        const STEP: Duration = Duration::from_millis(5);
        let ReaderState { tail: word, waiting } = &self.state().reader;
        // A reader that once let a writer wait in vain is not waited for again until it moves.
        if self.state().stalled.load(Relaxed) == tail.wrapping_add(1) {
            return Err(Full);
        }
        waiting.fetch_add(1, Relaxed);
        fence(SeqCst); // before the look at the tail: see `release`
        let mut patience = Patience::new(WAIT);
        while word.load(Acquire) == tail && patience.wait(sys::low_half(word), tail as u32, STEP) {}
        let moved = word.load(Acquire) != tail;
        waiting.fetch_sub(1, Relaxed);
        if !moved {
            self.state().stalled.store(tail.wrapping_add(1), Relaxed);
        }
        moved.then_some(()).ok_or(Full)
    }

    /// Gives what is before `position` back to the writers, and wakes those that wait.
    pub fn release(&self, position: u64) {
        let ReaderState { tail, waiting } = &self.state().reader;
        if tail.load(Relaxed) == position {
            return;
        }
        tail.store(position, Release); // pairs with the loads in `find_room` and `wait_for_room`
        // As in `wait_for_room`: either the writer sees the new tail, or we see it waiting.
        fence(SeqCst);
        if waiting.load(Relaxed) > 0 {
            sys::futex_wake(sys::low_half(tail));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::processes::Process;
    use crate::ring::event::{Epoch, Event, Message};
    use crate::ring::rings::tests::Memory;
    use crate::ring::rseq::{Outcome, Rseq, tests::pretended};
    use crate::sample::Sample;
    use crate::stacks::Stack;

    impl RingState {
        /// What a stray write or a hostile peer may do to it; nobody waits for this reader.
        pub fn spoil(&self, head: u64, tail: u64) {
            self.head.store(head, Relaxed);
            self.reader.tail.store(tail, Relaxed);
            self.stalled.store(tail.wrapping_add(1), Relaxed);
        }
    }

    fn words(size: u64) -> Words {
        Words::of(Message::Happened(
            Process(1),
            Event::Allocated(Sample { stack: Stack(1), size, ..Sample::default() }),
        ))
    }

    /// Both ways to write, which must do the same.
    fn both(test: impl Fn(&dyn Fn(&Ring<'_>, u64) -> bool)) {
        test(&|ring, size| ring.write_shared(words(size)));
        test(&|ring, size| {
            let outcome = pretended(&mut [0; 4], 5).write(ring, 5, words(size));
            assert_ne!(outcome, Outcome::Elsewhere);
            outcome == Outcome::Written
        });
    }

    #[test]
    fn what_is_written_lies_in_its_slot_with_its_lap() {
        both(|write| {
            let memory = Memory::new(1, 8);
            let ring = memory.rings().ring(0);
            for position in 0..40 {
                if !write(&ring, position) {
                    ring.find_room().unwrap();
                    assert!(write(&ring, position));
                }
                assert_eq!(ring.head(), position + 1);
                let committed = ring.slot(position).committed(ring.lap(position)).unwrap();
                assert_eq!(committed.message(), words(position).message());
                assert_eq!(ring.slot(position).committed(ring.lap(position + 8)), None);
                assert_eq!(ring.lap(position), ring.lap(position | 7), "of one lap");
                ring.release(position + 1);
            }
        });
    }

    #[test]
    fn the_last_allocation_becomes_brief_when_its_block_is_freed_in_its_epoch() {
        let memory = Memory::new(1, 4);
        let (ring, mut area) = (memory.rings().ring(0), [0; 4]);
        let rseq = pretended(&mut area, 5);
        let read = |position| ring.slot(position).committed(ring.lap(position)).unwrap();
        // With each slot as the last one, the ring's last among them.
        for position in 0..9 {
            ring.release(position);
            ring.find_room().unwrap();
            assert_eq!(rseq.write(&ring, 5, words(position)), Outcome::Written);
            assert_eq!(rseq.write_free(&ring, 4, words(position)), Outcome::Elsewhere);
            assert!(read(position).is_same(words(position)), "it is another processor's");
            assert_eq!(rseq.write_free(&ring, 5, words(position)), Outcome::Written);
            assert!(read(position).is_same(words(position).brief()));
            assert_eq!(ring.head(), position + 1);
        }
        // What is brief already, another size, and an allocation of another epoch.
        let others = [(words(1).brief(), 1), (words(1), 2), (words(1).at(Epoch(1)), 1)];
        for (before, size) in others {
            let memory = Memory::new(1, 8);
            let ring = memory.rings().ring(0);
            ring.find_room().unwrap();
            assert_eq!(rseq.write(&ring, 5, before), Outcome::Written);
            assert_eq!(rseq.write_free(&ring, 5, words(size)), Outcome::Written);
            let read = |position| ring.slot(position).committed(ring.lap(position)).unwrap();
            assert!(read(0).is_same(before) && read(1).is_same(words(size).freed()));
            assert_eq!(ring.head(), 2);
        }
        let empty = Memory::new(1, 8);
        assert_eq!(rseq.write_free(&empty.rings().ring(0), 5, words(0)), Outcome::AtLimit);
    }

    #[test]
    fn a_writer_stops_at_each_quarter_and_where_the_ring_is_full() {
        both(|write| {
            let memory = Memory::new(1, 8);
            let ring = memory.rings().ring(0);
            let mut written = 0;
            for unread in [0, 2, 4, 6] {
                assert!(!write(&ring, 0));
                assert_eq!(ring.find_room(), Ok(Room::Some { unread }));
                while write(&ring, 0) {
                    written += 1;
                }
            }
            assert_eq!(written, 8);
            assert_eq!(ring.find_room(), Err(Full));
            ring.release(1);
            assert_eq!(ring.find_room(), Ok(Room::Some { unread: 7 }));
            assert!(write(&ring, 0) && !write(&ring, 0));
        });
    }

    #[test]
    fn a_writer_that_waited_in_vain_does_not_wait_again_until_the_reader_moves() {
        let memory = Memory::new(1, 4);
        let ring = memory.rings().ring(0);
        while ring.write_shared(words(1)) || ring.find_room().is_ok() {}
        assert_eq!(memory.rings().ring(0).state().stalled.load(Relaxed), 1);
        let start = std::time::Instant::now();
        (0..100).for_each(|_| assert_eq!(ring.find_room(), Err(Full)));
        assert!(start.elapsed() < 50 * WAIT, "each of them waited");
        ring.release(1);
        assert_eq!(ring.find_room(), Ok(Room::Some { unread: 3 }));
    }

    #[test]
    fn a_waiting_writer_is_woken_by_the_reader() {
        let memory = Memory::new(1, 4);
        let ring = memory.rings().ring(0);
        while ring.write_shared(words(1)) || ring.head() < 4 && ring.find_room().is_ok() {}
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| memory.rings().ring(0).find_room());
            while memory.rings().ring(0).state().reader.waiting.load(SeqCst) == 0 {
                std::thread::yield_now();
            }
            ring.release(4);
            assert_eq!(writer.join().unwrap(), Ok(Room::Awaited));
        });
    }

    #[test]
    fn on_another_processor_nothing_is_written() {
        let memory = Memory::new(1, 4);
        let ring = memory.rings().ring(0);
        ring.find_room().unwrap();
        assert_eq!(pretended(&mut [0; 4], 3).write(&ring, 5, words(1)), Outcome::Elsewhere);
        assert_eq!(pretended(&mut [0; 4], -1).write(&ring, 5, words(1)), Outcome::Elsewhere);
        assert_eq!(ring.head(), 0);
        assert_eq!(Rseq::NONE.processor(), None);
    }

    /// The other end's words may hold anything.
    #[test]
    fn whatever_the_words_hold_a_writer_ends() {
        for (head, limit, tail) in [
            (u64::MAX, 0, 0),
            (u64::MAX, u64::MAX, u64::MAX - 1),
            (5, 0, 9),
            (0, 0, u64::MAX),
            (1 << 63, 3, 1 << 63),
        ] {
            both(|write| {
                let memory = Memory::new(1, 4);
                memory.rings().ring(0).state().spoil(head, tail);
                memory.rings().ring(0).state().limit.store(limit, Relaxed);
                for _ in 0..10 {
                    let _ = (write(&memory.rings().ring(0), 1), memory.rings().ring(0).find_room());
                }
            });
        }
    }
}
