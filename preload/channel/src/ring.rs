//! The ring: events of all threads and processes of a segment, in one order.
//!
//! Writers reserve a slot by moving `head` on, fill it and commit it by storing its tag word; the
//! reader takes slots in order and moves `tail` on. `head` and `tail` only grow; slot `n` is at
//! `n mod slots`, and the tag tells the lap, so that a slot of the lap before is never taken for new.
//! Because the order is that of the reservations, an event that happened before another in the
//! program (in one thread, or through the program's own synchronization) is read before it.

use core::sync::atomic::{AtomicU64, Ordering::*};
use core::time::Duration;

use crate::Segment;
use crate::processes::Process;
use crate::stacks::Stack;
use crate::sys;

/// How long a writer waits for room while the reader makes no progress.
pub const WAIT: Duration = Duration::from_millis(200);

/// What happened to a sampled block. Sizes are as requested, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was allocated.
    Allocated(Stack, u64),
    /// It was freed: the stack and the size that it was allocated with.
    Freed(Stack, u64),
    /// A forked child has it from its parent.
    Inherited(Stack, u64),
}

/// There was no room, and no progress of the reader for as long as a writer may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A slot: 8 bits lap, 4 bits kind, 12 bits process, 8 bits unused, 32 bits stack; and the size.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct Slot {
    tag: AtomicU64,
    size: AtomicU64,
}

const LAP: u64 = 0xFF << 56;
const ALLOCATED: u64 = 1;
const FREED: u64 = 2;
const INHERITED: u64 = 3;

const _: () = assert!(crate::processes::MAX_PROCESSES <= 1 << 12);

fn pack(process: Process, event: Event) -> (u64, u64) {
    let (kind, stack, size) = match event {
        Event::Allocated(stack, size) => (ALLOCATED, stack, size),
        Event::Freed(stack, size) => (FREED, stack, size),
        Event::Inherited(stack, size) => (INHERITED, stack, size),
    };
    (kind << 52 | u64::from(process.0) << 40 | u64::from(stack.0), size)
}

impl Slot {
    /// The tag and the size, if they were committed in that lap.
    #[inline]
    fn committed(&self, lap: u64) -> Option<(u64, u64)> {
        let tag = self.tag.load(Acquire); // pairs with the store in `Segment::write`
        (tag & LAP == lap).then(|| (tag, self.size.load(Relaxed)))
    }
}

/// The event of a slot; `None` if it makes no sense in a segment of so many stacks.
#[inline]
fn unpack(tag: u64, size: u64, stacks: u32) -> Option<(Process, Event)> {
    let process = Process((tag >> 40) as u16 & 0xFFF);
    let stack = Stack(tag as u32);
    if stack.0 >= stacks {
        return None;
    }
    let event = match tag >> 52 & 0xF {
        ALLOCATED => Event::Allocated(stack, size),
        FREED => Event::Freed(stack, size),
        INHERITED => Event::Inherited(stack, size),
        _ => return None,
    };
    Some((process, event))
}

impl Segment {
    /// The tag's lap bits for a position; never those of the lap before, nor of memory never written.
    #[inline]
    fn lap(&self, position: u64) -> u64 {
        (position >> self.geometry().ring_slots.trailing_zeros()).wrapping_add(1) << LAP.trailing_zeros()
    }

    /// Writes an event; waits for room if there is none, as long as the reader makes progress.
    ///
    /// # Errors
    /// [`Full`]: nothing was written.
    #[inline]
    pub fn write(&self, process: Process, event: Event) -> Result<(), Full> {
        let (tag, size) = pack(process, event);
        let position = self.reserve()?;
        let slots = self.ring_slots();
        let slot = &slots[position as usize & (slots.len() - 1)];
        slot.size.store(size, Relaxed);
        slot.tag.store(tag | self.lap(position), Release); // pairs with the load in `Slot::committed`
        let quarter = slots.len() as u64 / 4;
        if position & (quarter - 1) == 0 {
            self.nudge_if_behind(position, quarter);
        }
        Ok(())
    }

    /// At each quarter of the ring: asks the reader to look if a quarter or more is unread.
    #[cold]
    fn nudge_if_behind(&self, position: u64, quarter: u64) {
        let header = self.header();
        if position.wrapping_sub(header.tail.0.load(Relaxed)) >= quarter {
            header.nudge();
        }
    }

    #[inline]
    fn reserve(&self) -> Result<u64, Full> {
        let head = &self.header().head.0;
        let slots = self.ring_slots().len() as u64;
        loop {
            let position = head.load(Relaxed);
            let tail = self.header().tail.0.load(Acquire); // pairs with `Reader::release`
            if position.wrapping_sub(tail) >= slots {
                self.wait_for_room(tail)?;
            } else if head.compare_exchange_weak(position, position.wrapping_add(1), Relaxed, Relaxed).is_ok()
            {
                return Ok(position);
            }
        }
    }

    /// Returns when the tail has moved on from `tail`.
    #[cold]
    fn wait_for_room(&self, tail: u64) -> Result<(), Full> {
        const STEP: Duration = Duration::from_millis(5);
        let header = self.header();
        // A reader that once let a writer wait in vain is not waited for again until it moves.
        if header.stalled.load(Relaxed) == tail.wrapping_add(1) {
            return Err(Full);
        }
        header.waiting.0.fetch_add(1, SeqCst); // before the look at the tail: see `Reader::release`
        let moved = (0..WAIT.as_millis() / STEP.as_millis()).any(|_| {
            if header.tail.0.load(SeqCst) == tail {
                sys::futex_wait(sys::low_half(&header.tail.0), tail as u32, STEP);
            }
            header.tail.0.load(Acquire) != tail
        });
        header.waiting.0.fetch_sub(1, Relaxed);
        if !moved {
            header.stalled.store(tail.wrapping_add(1), Relaxed);
        }
        moved.then_some(()).ok_or(Full)
    }

    /// How many events were written since the segment was made.
    pub fn written(&self) -> u64 {
        self.header().head.0.load(Relaxed)
    }
}

/// The reading end. There is one for a segment.
///
/// Positions wrap around, and what is read of the writers' is never more than a ring ahead: `head` is
/// a word that a stray write of the program can change.
#[derive(Debug)]
pub struct Reader {
    segment: Segment,
    position: u64,
    is_damaged: bool,
}

impl Reader {
    /// Slots read before they are given back to the writers.
    const BATCH: u64 = 512;

    /// The reader of a segment that nobody has read from.
    pub fn new(segment: Segment) -> Reader {
        Reader { segment, position: 0, is_damaged: false }
    }

    /// The segment that is read.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Was there a head that no writer can have made, so that events are missing?
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Calls `each` for every committed event that was there at the call, up to the first slot that
    /// is reserved but not committed. Returns how many slots were passed.
    pub fn drain(&mut self, mut each: impl FnMut(Process, Event)) -> u64 {
        let start = self.position;
        let head = self.head();
        let is_impossible = head.wrapping_sub(start) > self.segment.ring_slots().len() as u64;
        let mut left = self.waiting_slots(head);
        while left > 0 {
            let read = self.read_batch(left, &mut each);
            if read == 0 {
                break;
            }
            left -= read;
            self.release();
        }
        let passed = self.position.wrapping_sub(start);
        if is_impossible {
            // The writers go on from there.
            (self.position, self.is_damaged) = (head, true);
        }
        self.release();
        passed
    }

    /// Reads on, by at most `most` slots. Returns how many it passed: none if the next is not committed.
    fn read_batch(&mut self, most: u64, each: &mut impl FnMut(Process, Event)) -> u64 {
        let slots = self.next_slots(most.min(Self::BATCH));
        let (lap, stacks) = (self.segment.lap(self.position), self.segment.geometry().stack_nodes);
        let start = self.position;
        for slot in slots {
            let Some((tag, size)) = slot.committed(lap) else { break };
            self.position = self.position.wrapping_add(1);
            if let Some((process, event)) = unpack(tag, size, stacks) {
                each(process, event);
            }
        }
        self.position.wrapping_sub(start)
    }

    /// Where the next event will be written, as far as there can be some.
    pub fn end(&self) -> u64 {
        self.position.wrapping_add(self.waiting_slots(self.head()))
    }

    /// Has all been read or skipped that is before `end`?
    pub fn has_passed(&self, end: u64) -> bool {
        self.position.wrapping_sub(end) < 1 << 63
    }

    /// Is the next slot reserved, but not committed?
    ///
    /// So it is for an instant whenever a thread writes, and for good if it was killed then.
    pub fn is_blocked(&self) -> bool {
        self.waiting_slots(self.head()) > 0 && !self.is_next_committed()
    }

    /// Passes over slots before `end` that will not be committed, up to the next that is.
    pub fn skip(&mut self, end: u64) {
        while !self.has_passed(end) && self.is_blocked() {
            self.position = self.position.wrapping_add(1);
        }
        self.release();
    }

    fn is_next_committed(&self) -> bool {
        self.next_slots(1)[0].committed(self.segment.lap(self.position)).is_some()
    }

    fn head(&self) -> u64 {
        self.segment.header().head.0.load(Relaxed)
    }

    /// Reserved slots from the position on: never more than there are, whatever `head` claims.
    fn waiting_slots(&self, head: u64) -> u64 {
        head.wrapping_sub(self.position).min(self.segment.ring_slots().len() as u64)
    }

    /// Up to `count` slots from the position on, all of one lap.
    fn next_slots(&self, count: u64) -> &'static [Slot] {
        let slots = self.segment.ring_slots();
        let start = self.position as usize & (slots.len() - 1);
        &slots[start..slots.len().min(start + count as usize)]
    }

    /// Gives the slots read so far back to the writers, and wakes those that wait.
    fn release(&mut self) {
        let header = self.segment.header();
        if header.tail.0.load(Relaxed) == self.position {
            return;
        }
        // SeqCst here and in `wait_for_room`: either the writer sees the new tail, or we see it waiting.
        header.tail.0.store(self.position, SeqCst);
        if header.waiting.0.load(SeqCst) > 0 {
            sys::futex_wake(sys::low_half(&header.tail.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Geometry;
    use crate::header::Start;
    use crate::segment::tests::{SMALL, segment};
    use std::sync::atomic::AtomicBool;

    fn ready(geometry: Geometry) -> Segment {
        let segment = segment(geometry);
        segment.header().publish(&Start { geometry, ..Default::default() });
        segment
    }

    fn read_all(reader: &mut Reader) -> Vec<(Process, Event)> {
        let mut events = Vec::new();
        reader.drain(|process, event| events.push((process, event)));
        events
    }

    #[test]
    fn events_come_out_in_the_order_they_went_in() {
        let segment = ready(SMALL);
        let events = [
            Event::Allocated(Stack(1), 100),
            Event::Inherited(Stack(3), 1 << 40),
            Event::Freed(Stack(1), 100),
        ];
        for event in events {
            segment.write(Process(7), event).unwrap();
        }
        let read = read_all(&mut Reader::new(segment));
        assert_eq!(read, events.map(|event| (Process(7), event)));
    }

    #[test]
    fn a_full_ring_without_a_reader_refuses_after_a_bounded_wait_and_then_at_once() {
        let segment = ready(SMALL);
        let event = Event::Allocated(Stack(1), 1);
        for _ in 0..SMALL.ring_slots {
            segment.write(Process(0), event).unwrap();
        }
        assert_eq!(segment.write(Process(0), event), Err(Full));
        assert_eq!(segment.header().stalled.load(Relaxed), 1);
        assert_eq!(segment.write(Process(0), event), Err(Full));
        let mut reader = Reader::new(segment);
        assert_eq!(read_all(&mut reader).len(), SMALL.ring_slots as usize);
        assert_eq!(segment.write(Process(0), event), Ok(()));
    }

    #[test]
    fn laps_do_not_confuse_old_slots_with_new_ones() {
        let segment = ready(SMALL);
        let mut reader = Reader::new(segment);
        for round in 0..300 * u64::from(SMALL.ring_slots) / 3 {
            for i in 0..3 {
                segment.write(Process(0), Event::Allocated(Stack(1), round * 3 + i)).unwrap();
            }
            let sizes: Vec<_> = read_all(&mut reader).iter().map(|e| e.1).collect();
            assert_eq!(sizes, [0, 1, 2].map(|i| Event::Allocated(Stack(1), round * 3 + i)));
        }
    }

    #[test]
    fn a_slot_that_is_never_committed_blocks_until_it_is_skipped() {
        let segment = ready(SMALL);
        let mut reader = Reader::new(segment);
        segment.reserve().unwrap();
        segment.write(Process(0), Event::Freed(Stack(2), 5)).unwrap();
        assert_eq!(read_all(&mut reader), []);
        assert!(reader.is_blocked());
        reader.skip(reader.end());
        assert_eq!(read_all(&mut reader), [(Process(0), Event::Freed(Stack(2), 5))]);
        assert!(!reader.is_blocked());
    }

    #[test]
    fn four_writers_and_a_reader_lose_nothing_and_keep_each_writers_order() {
        const EACH: u64 = 50_000;
        let segment = ready(Geometry { ring_slots: 64, ..SMALL });
        let done = AtomicBool::new(false);
        let mut read = Vec::new();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut reader = Reader::new(segment);
                let mut all = Vec::new();
                loop {
                    let last = done.load(Acquire);
                    if reader.drain(|process, event| all.push((process, event))) == 0 && last {
                        return all;
                    }
                }
            });
            let writers: Vec<_> = (0..4)
                .map(|w| {
                    scope.spawn(move || {
                        (0..EACH)
                            .for_each(|i| segment.write(Process(w), Event::Allocated(Stack(1), i)).unwrap())
                    })
                })
                .collect();
            writers.into_iter().for_each(|w| w.join().unwrap());
            done.store(true, Release);
            read = reader.join().unwrap();
        });
        for w in 0..4 {
            let sizes: Vec<_> = read.iter().filter(|e| e.0 == Process(w)).map(|e| e.1).collect();
            assert_eq!(sizes, (0..EACH).map(|i| Event::Allocated(Stack(1), i)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_hostile_head_or_tag_yields_no_more_than_the_ring_holds() {
        let segment = ready(SMALL);
        segment.header().head.0.store(u64::MAX / 2, Relaxed);
        for slot in segment.ring_slots() {
            slot.tag.store(u64::MAX, Relaxed);
        }
        assert_eq!(read_all(&mut Reader::new(segment)), []);
    }

    #[test]
    fn the_reader_goes_on_from_any_head_and_tail_and_says_that_events_are_missing() {
        for stray in [u64::MAX, u64::MAX / 2, 1 << 40, 1000, 0] {
            let segment = ready(SMALL);
            let mut reader = Reader::new(segment);
            let event = |size| Event::Allocated(Stack(1), size);
            for size in 0..3 {
                segment.write(Process(0), event(size)).unwrap();
            }
            assert_eq!(read_all(&mut reader).len(), 3);
            segment.write(Process(0), event(3)).unwrap();
            segment.header().head.0.store(stray, Relaxed);
            segment.header().tail.0.store(stray, Relaxed);
            assert_eq!(read_all(&mut reader), [(Process(0), event(3))], "{stray}");
            assert!(reader.is_damaged() && reader.has_passed(reader.end()));
            for size in 0..100 {
                segment.write(Process(0), event(size)).unwrap();
                assert_eq!(read_all(&mut reader), [(Process(0), event(size))], "{stray}");
            }
        }
    }

    #[test]
    fn an_event_of_a_stack_that_cannot_be_is_passed_over() {
        let segment = ready(SMALL);
        for stack in [SMALL.stack_nodes - 1, SMALL.stack_nodes, u32::MAX] {
            segment.write(Process(0), Event::Allocated(Stack(stack), 1)).unwrap();
        }
        let last = Event::Allocated(Stack(SMALL.stack_nodes - 1), 1);
        assert_eq!(read_all(&mut Reader::new(segment)), [(Process(0), last)]);
    }
}
