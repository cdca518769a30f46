//! A message and the slot that holds it.

use crate::atomic::{AtomicU64, Ordering::*};

use crate::marks::{Mark, MarkPart};
use crate::processes::{MAX_PROCESSES, Process};
use crate::sample::{BIRTH_BITS, Sample};
use crate::stacks::{Part, STACK_BITS, Stack};

/// What happened to a sampled block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was allocated.
    Allocated(Sample),
    /// It was freed: as what it was allocated.
    Freed(Sample),
    /// A forked child has it from its parent.
    Inherited(Sample),
}

/// What the rings hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// What happened in a process.
    Happened(Process, Event),
    /// A part of what a stack is.
    Told(Stack, Part),
    /// A part of a mark.
    Marked(Mark, MarkPart),
}

impl Event {
    /// The block.
    #[inline]
    pub fn sample(self) -> Sample {
        let (Event::Allocated(sample) | Event::Freed(sample) | Event::Inherited(sample)) = self;
        sample
    }

    /// The same of another stack.
    #[inline]
    pub fn with_stack(self, stack: Stack) -> Event {
        let sample = Sample { stack, ..self.sample() };
        match self {
            Event::Allocated(_) => Event::Allocated(sample),
            Event::Freed(_) => Event::Freed(sample),
            Event::Inherited(_) => Event::Inherited(sample),
        }
    }
}

/// When a message was written; see the module's documentation. It wraps after [`EPOCH_BITS`], so epochs
/// are compared by their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The one that follows.
    pub fn next(self) -> Epoch {
        Epoch(self.0.wrapping_add(1))
    }

    /// How many epochs ago it was, negative if it is yet to come.
    #[inline]
    pub fn age(self, now: Epoch) -> i32 {
        const UNUSED_BITS: u32 = u32::BITS - EPOCH_BITS;
        (now.0.wrapping_sub(self.0) << UNUSED_BITS) as i32 >> UNUSED_BITS
    }
}

/// A slot's content: in the tag 8 bits lap, 3 bits kind, the high 2 bits of the process, 26 bits stack and 25
/// bits epoch; beside it the process's low 10 bits, 6 bits of era and 48 bits of size. So what changes from
/// event to event is in one piece, and a writer has its process's bits ready ([`Origin`]). What tells of a
/// stack or a mark has its own kind, which part it is in the place of the process, its value in that of the
/// size, and the mark's number in that of the stack.
///
/// Words can also tell that a block was allocated and, as the next that happened, freed: they are brief. Such
/// are an allocation's of before, with one bit set.
///
/// The lap is the writing end's to add. It is never 0 in the first lap, so that memory that was never
/// written holds no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    pub(super) tag: u64,
    pub(super) size: u64,
}

const EPOCH_BITS: u32 = 25;
const PROCESS_HIGH_BITS: u32 = 2;
const PROCESS_LOW_BITS: u32 = 10;

const STACK_SHIFT: u32 = EPOCH_BITS;
const PROCESS_HIGH_SHIFT: u32 = STACK_SHIFT + STACK_BITS;
const KIND_SHIFT: u32 = PROCESS_HIGH_SHIFT + PROCESS_HIGH_BITS;
const PROCESS_LOW_SHIFT: u32 = BIRTH_BITS;
pub(super) const LAP_SHIFT: u32 = 56;
const LAP: u64 = 0xFF << LAP_SHIFT;
const EPOCH: u64 = (1 << EPOCH_BITS) - 1;

const _: () = assert!(MAX_PROCESSES == 1 << (PROCESS_HIGH_BITS + PROCESS_LOW_BITS));
const _: () =
    assert!(KIND_SHIFT + KIND_BITS == LAP_SHIFT && PROCESS_LOW_SHIFT + PROCESS_LOW_BITS == u64::BITS);

const KIND_BITS: u32 = 3;
const TOLD: u64 = 0;
const ALLOCATED: u64 = 1;
const INHERITED: u64 = 2;
const FREED: u64 = 3;
const BRIEF: u64 = 5;

/// The bits of the tag in which a free and what is brief differ from the allocation.
pub(super) const FREED_BIT: u32 = KIND_SHIFT + (FREED ^ ALLOCATED).ilog2();
pub(super) const BRIEF_BIT: u32 = KIND_SHIFT + (BRIEF ^ ALLOCATED).ilog2();
const _: () = assert!(FREED == ALLOCATED | 2 && BRIEF == ALLOCATED | 4);

/// What all events of a process have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// In the tag.
    pub tag: u64,
    /// Beside it.
    pub size: u64,
}

impl Origin {
    /// That of the events of `process`.
    pub fn of(Process(number): Process) -> Origin {
        const HIGH: u64 = (1 << PROCESS_HIGH_BITS) - 1;
        let number = u64::from(number);
        Origin {
            tag: (number >> PROCESS_LOW_BITS & HIGH) << PROCESS_HIGH_SHIFT,
            size: number << PROCESS_LOW_SHIFT,
        }
    }
}

impl Words {
    /// Packs a message of epoch 0.
    pub fn of(message: Message) -> Words {
        match message {
            Message::Happened(process, event) => Words::of_event(event, Origin::of(process)),
            Message::Told(stack, part) => Words::of_part(stack, part.pack()),
            Message::Marked(mark, part) => Words::of_part(Stack(mark.0), part.pack()),
        }
    }

    /// Packs an event.
    #[inline(always)] // where it is known what is packed, hardly anything is left to do
    pub fn of_event(event: Event, of: Origin) -> Words {
        let (kind, sample) = match event {
            Event::Allocated(sample) => (ALLOCATED, sample),
            Event::Freed(sample) => (FREED, sample),
            Event::Inherited(sample) => (INHERITED, sample),
        };
        let stack = u64::from(sample.stack.0) & ((1 << STACK_BITS) - 1);
        Words { tag: kind << KIND_SHIFT | stack << STACK_SHIFT | of.tag, size: sample.birth() | of.size }
    }

    /// Packs a part of a stack or of a mark: which it is, and its value.
    fn of_part(stack: Stack, (which, value): (u16, u64)) -> Words {
        let Origin { tag, size } = Origin::of(Process(which));
        let stack = u64::from(stack.0) & ((1 << STACK_BITS) - 1);
        Words { tag: TOLD << KIND_SHIFT | stack << STACK_SHIFT | tag, size: size | value }
    }

    /// The same, of that epoch.
    #[inline]
    pub(super) fn at(self, epoch: Epoch) -> Words {
        Words { tag: self.tag | u64::from(epoch.0) & EPOCH, size: self.size }
    }

    /// When it was written.
    #[inline]
    pub(super) fn epoch(self) -> Epoch {
        Epoch((self.tag & EPOCH) as u32)
    }

    #[inline]
    fn kind(self) -> u64 {
        self.tag >> KIND_SHIFT & ((1 << KIND_BITS) - 1)
    }

    /// Does it tell of an allocation, and no more?
    #[inline]
    pub(super) fn is_allocation(self) -> bool {
        self.kind() == ALLOCATED
    }

    /// The free of an allocation's block.
    ///
    /// Of blocks of one process, stack, size and era it is all the same which is freed.
    #[inline]
    pub(super) fn freed(self) -> Words {
        Words { tag: self.tag | 1 << FREED_BIT, size: self.size }
    }

    /// Are they the same but for the lap?
    #[inline]
    pub(super) fn is_same(self, other: Words) -> bool {
        (self.tag ^ other.tag) & !LAP == 0 && self.size == other.size
    }

    /// An allocation, and its free.
    #[inline]
    pub(super) fn brief(self) -> Words {
        Words { tag: self.tag | 1 << BRIEF_BIT, size: self.size }
    }

    /// The block, and whose it is, if the words are brief.
    #[inline]
    pub(super) fn as_brief(self) -> Option<(Process, Sample)> {
        (self.kind() == BRIEF).then(|| (self.process(), self.sample()))
    }

    /// The block that an allocation is of, and whose it is, if these words tell of one and `next` of its free.
    #[inline]
    pub(super) fn freed_by(self, next: Words) -> Option<(Process, Sample)> {
        const SAME: u64 = !(LAP | EPOCH);
        let is_its_free = (self.tag ^ next.tag) & SAME == 1 << FREED_BIT && self.size == next.size;
        (self.is_allocation() && is_its_free).then(|| (self.process(), self.sample()))
    }

    fn process(self) -> Process {
        const HIGH: u64 = (1 << PROCESS_HIGH_BITS) - 1;
        let high = (self.tag >> PROCESS_HIGH_SHIFT & HIGH) << PROCESS_LOW_BITS;
        Process((high | self.size >> PROCESS_LOW_SHIFT) as u16)
    }

    /// The sample, if it is an event.
    pub fn sample(self) -> Sample {
        let stack = Stack((self.tag >> STACK_SHIFT) as u32 & ((1 << STACK_BITS) - 1));
        Sample::born(stack, self.size)
    }

    /// The message; `None` if it makes no sense, or they are brief.
    #[inline]
    pub(super) fn message(self) -> Option<Message> {
        let (process, sample) = (self.process(), self.sample());
        let Sample { stack, size, .. } = sample;
        let event = match self.kind() {
            ALLOCATED => Event::Allocated(sample),
            FREED => Event::Freed(sample),
            INHERITED => Event::Inherited(sample),
            TOLD => {
                let told = Part::unpack(process.0, size).map(|part| Message::Told(stack, part));
                let marked = || Some(Message::Marked(Mark(stack.0), MarkPart::unpack(process.0, size)?));
                return told.or_else(marked);
            }
            _ => return None,
        };
        Some(Message::Happened(process, event))
    }
}

/// A place for an event in a ring.
#[derive(Debug, Default)]
#[repr(C, align(16))]
pub(crate) struct Slot {
    tag: AtomicU64,
    size: AtomicU64,
}

/// What the assembly of [`super::rseq`] stores to.
pub(super) const SIZE_AT: usize = core::mem::offset_of!(Slot, size);
const _: () = assert!(cfg!(loom) || core::mem::offset_of!(Slot, tag) == 0 && size_of::<Slot>() == 16);

impl Slot {
    /// Writes an event for a reader that comes to the slot in that lap.
    #[inline]
    pub(super) fn commit(&self, words: Words, lap: u64) {
        self.size.store(words.size, Relaxed);
        self.tag.store(words.tag | lap, Release); // pairs with the load in `committed`
    }

    /// Makes an allocation brief that was written before.
    #[cfg(loom)]
    pub(super) fn shorten(&self) {
        self.tag.store(self.tag.load(Relaxed) | 1 << BRIEF_BIT, Release); // as in `commit`
    }

    /// What was written in that lap, if anything was.
    #[inline]
    pub(super) fn committed(&self, lap: u64) -> Option<Words> {
        let tag = self.tag.load(Acquire);
        (tag & LAP == lap).then(|| Words { tag, size: self.size.load(Relaxed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Era;

    const SAMPLE: Sample = Sample { stack: Stack(9), size: 1, era: Era::FIRST };
    const EVENT: Message = Message::Happened(Process(1), Event::Allocated(SAMPLE));

    impl Slot {
        /// As if it had never been written.
        pub fn spoil(&self) {
            self.spoil_with(0, 0);
        }

        pub fn spoil_with(&self, tag: u64, size: u64) {
            self.tag.store(tag, Relaxed);
            self.size.store(size, Relaxed);
        }
    }

    #[test]
    fn a_message_and_its_epoch_read_back() {
        let stack = Stack((1 << STACK_BITS) - 1);
        let size = (1 << 48) - 1;
        let large = Sample { stack, size, era: Era::new(63) };
        for event in [Event::Allocated(large), Event::Freed(Sample::default()), Event::Inherited(SAMPLE)] {
            for (process, epoch) in [(0, 0), (4095, (1 << EPOCH_BITS) - 1), (5, 0x0134_5678)] {
                let message = Message::Happened(Process(process), event);
                let words = Words::of(message).at(Epoch(epoch));
                assert_eq!((words.epoch(), words.message()), (Epoch(epoch), Some(message)));
                assert_eq!(words.tag & LAP, 0);
            }
        }
        for part in [Part::Caller(stack, u16::MAX), Part::Low((1 << 48) - 1)] {
            let message = Message::Told(stack, part);
            assert_eq!(Words::of(message).at(Epoch(7)).message(), Some(message));
        }
        for part in [MarkPart::Name(*b"name\0\0"), MarkPart::Moment(Process(4095))] {
            let message = Message::Marked(Mark((1 << STACK_BITS) - 1), part);
            assert_eq!(Words::of(message).at(Epoch(7)).message(), Some(message));
        }
    }

    #[test]
    fn a_size_that_no_block_has_is_cut_and_spoils_nothing_beside_it() {
        let sample = |size| Sample { size, era: Era::new(5), ..SAMPLE };
        let message = |size| Message::Happened(Process(1), Event::Allocated(sample(size)));
        assert_eq!(Words::of(message(u64::MAX)).message(), Some(message((1 << 48) - 1)));
    }

    #[test]
    fn what_makes_no_sense_is_no_event() {
        let words = Words::of(EVENT).at(Epoch(1));
        assert_eq!(words.message(), Some(EVENT));
        assert_eq!(Words { tag: TOLD << KIND_SHIFT, size: 9 << PROCESS_LOW_SHIFT }.message(), None);
    }

    #[test]
    fn ages_are_right_where_epochs_wrap() {
        for last in [u32::MAX, (1 << EPOCH_BITS) - 1] {
            assert_eq!(Epoch(last).age(Epoch(1)), 2);
            assert_eq!(Epoch(1).age(Epoch(last)), -2);
        }
    }

    #[test]
    fn a_slot_has_an_event_of_its_lap_only() {
        let slot = Slot::default();
        assert_eq!(slot.committed(1 << LAP_SHIFT), None);
        slot.commit(Words::of(EVENT).at(Epoch(1)), 1 << LAP_SHIFT);
        assert_eq!(slot.committed(1 << LAP_SHIFT).unwrap().message(), Some(EVENT));
        assert_eq!(slot.committed(2 << LAP_SHIFT), None);
    }
}
