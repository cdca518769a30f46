//! The stacks: a tree of frames, root first, so that stacks with a common beginning share it.
//!
//! A stack has a number. What it is is told once, in the rings, by who writes its first event. A
//! stack's caller is always an older one; so a reader that checks `caller < stack` cannot be led into
//! a cycle. A process finds its stacks again in memory of its own; two may tell of the same stack,
//! under two numbers.

use core::sync::atomic::{AtomicU64, Ordering::*};

use crate::Segment;
use crate::modules::ModuleId;

/// A stack, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Stack(pub u32);

/// The empty stack, of which all others are descendants.
pub const ROOT: Stack = Stack(0);

/// Why a stack does not reach its root. Stands as the outermost frame of such a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Truncation {
    /// More frames than are kept.
    TooDeep = 1,
    /// The next frame lies in memory that is not readable stack.
    Unreadable = 2,
    /// Code without unwind information, and no frame pointer.
    NoUnwindInfo = 3,
    /// The unwind information led nowhere.
    BadUnwindInfo = 4,
    /// All places to unwind in were taken.
    Busy = 5,
}

impl Truncation {
    const ALL: [Truncation; 5] = [
        Truncation::TooDeep,
        Truncation::Unreadable,
        Truncation::NoUnwindInfo,
        Truncation::BadUnwindInfo,
        Truncation::Busy,
    ];
}

/// What a node of a stack stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A frame.
    Frame {
        /// Address of the call, or of the interrupted instruction.
        address: u64,
        /// The module that it is in.
        module: ModuleId,
    },
    /// The stack's outer part is missing.
    Truncated(Truncation),
}

const ADDRESS_BITS: u32 = 48;
const ADDRESS: u64 = (1 << ADDRESS_BITS) - 1;

impl Entry {
    /// All of it in a word, which is not 0.
    pub fn pack(self) -> u64 {
        match self {
            Entry::Frame { address, module } => u64::from(module.0) << ADDRESS_BITS | (address & ADDRESS),
            Entry::Truncated(why) => why as u64,
        }
    }

    fn unpack(bits: u64) -> Entry {
        match Truncation::ALL.into_iter().find(|&why| why as u64 == bits) {
            Some(why) => Entry::Truncated(why),
            None => Entry::Frame { address: bits & ADDRESS, module: ModuleId((bits >> ADDRESS_BITS) as u16) },
        }
    }
}

/// A part of what a stack is: it takes two messages to tell of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The stack without its leaf, an older one whose number is lower, and the high 16 bits of the leaf.
    Caller(Stack, u16),
    /// The low 48 bits of the leaf, told after the caller.
    Low(u64),
}

impl Part {
    /// The parts of the stack that has `entry` called from `caller`, in their order.
    pub fn all(caller: Stack, entry: Entry) -> [Part; 2] {
        let bits = entry.pack();
        [Part::Caller(caller, (bits >> ADDRESS_BITS) as u16), Part::Low(bits & ADDRESS)]
    }

    /// The leaf of which these are the high and the low bits.
    pub fn entry(high: u16, low: u64) -> Entry {
        Entry::unpack(u64::from(high) << ADDRESS_BITS | low & ADDRESS)
    }

    /// Which part it is, and its value in 48 bits.
    pub(crate) fn pack(self) -> (u16, u64) {
        match self {
            Part::Caller(caller, high) => (0, u64::from(high) << STACK_BITS | u64::from(caller.0)),
            Part::Low(low) => (1, low),
        }
    }

    pub(crate) fn unpack(which: u16, value: u64) -> Option<Part> {
        match which {
            0 => Some(Part::Caller(Stack(value as u32 & (MAX_STACKS - 1)), (value >> STACK_BITS) as u16)),
            1 => Some(Part::Low(value)),
            _ => None,
        }
    }
}

/// Stacks of one segment are fewer.
pub const MAX_STACKS: u32 = 1 << STACK_BITS;
pub(crate) const STACK_BITS: u32 = 26;

/// There are as many stacks as there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// Frees of one stack that found no room in the ring: sums of weights, as the bits of an `f64`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct LostFrees {
    /// The stack's number, 0 as long as the entry is free. Never another one's after that.
    stack: AtomicU64,
    objects: AtomicU64,
    space: AtomicU64,
}

impl Segment {
    /// A number for a new stack. No other process of the segment gets it.
    ///
    /// # Errors
    /// [`TooMany`] if there are no more.
    pub fn number_stack(&self) -> Result<Stack, TooMany> {
        let counter = &self.header().stacks;
        // Read first, so that the counter does not count on until it wraps.
        if counter.load(Relaxed) >= MAX_STACKS {
            return Err(TooMany);
        }
        let new = counter.fetch_add(1, Relaxed);
        if new < MAX_STACKS { Ok(Stack(new)) } else { Err(TooMany) }
    }

    /// The sums of a stack, or the entry where they could be.
    fn lost_frees_of(&self, stack: Stack) -> Option<&'static LostFrees> {
        let all = self.lost_frees();
        let first = stack.0.wrapping_mul(0x9E37_79B1) as usize;
        let entries = (first..first + all.len()).map(|index| &all[index & (all.len() - 1)]);
        let is_it = |stack: u64| move |entry: &&LostFrees| [0, stack].contains(&entry.stack.load(Relaxed));
        entries.into_iter().find(is_it(stack.0.into()))
    }

    /// Notes a free for which the ring had no room: `objects` and `space` are its weights. Where that
    /// has happened to more stacks than there are entries, it is not noted.
    pub fn lose_free(&self, stack: Stack, objects: f64, space: f64) {
        let number = u64::from(stack.0);
        while let Some(entry) = self.lost_frees_of(stack) {
            let claimed = entry.stack.compare_exchange(0, number, Relaxed, Relaxed);
            if claimed.is_ok() || claimed == Err(number) {
                add(&entry.objects, objects);
                return add(&entry.space, space);
            }
        }
    }

    /// The stacks that [`Segment::lose_free`] has noted frees of.
    pub fn stacks_with_lost_frees(&self) -> impl Iterator<Item = Stack> + use<> {
        let stacks = self.lost_frees().iter().map(|entry| Stack(entry.stack.load(Relaxed) as u32));
        stacks.filter(|&stack| stack != ROOT)
    }

    /// Takes the sums of [`Segment::lose_free`] for a stack: (objects, space).
    pub fn take_lost_frees(&self, stack: Stack) -> (f64, f64) {
        let entry = self.lost_frees_of(stack).filter(|entry| entry.stack.load(Relaxed) != 0);
        let take = |sum: &AtomicU64| f64::from_bits(sum.swap(0, Relaxed));
        entry.map_or((0.0, 0.0), |entry| (take(&entry.objects), take(&entry.space)))
    }
}

/// Adds to a sum that others add to as well.
fn add(sum: &AtomicU64, value: f64) {
    let mut now = sum.load(Relaxed);
    while let Err(other) =
        sum.compare_exchange_weak(now, (f64::from_bits(now) + value).to_bits(), Relaxed, Relaxed)
    {
        now = other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Start;
    use crate::segment::tests::{SMALL, segment};

    fn ready() -> Segment {
        let segment = segment(SMALL);
        segment.header().publish(&Start { geometry: SMALL, ..Default::default() });
        segment
    }

    #[test]
    fn an_entry_reads_back_from_its_parts() {
        let entries = [
            Entry::Frame { address: 0x7fff_1234_5678, module: ModuleId(u16::MAX) },
            Entry::Truncated(Truncation::Busy),
        ];
        for entry in entries {
            let [Part::Caller(caller, high), Part::Low(low)] = Part::all(Stack(7), entry) else { panic!() };
            assert_eq!((caller, Part::entry(high, low)), (Stack(7), entry));
        }
    }

    #[test]
    fn every_stack_has_a_number_of_its_own_until_there_are_too_many() {
        let segment = ready();
        assert_eq!([segment.number_stack(), segment.number_stack()], [Ok(Stack(1)), Ok(Stack(2))]);
        segment.header().stacks.store(MAX_STACKS - 1, Relaxed);
        assert_eq!(segment.number_stack(), Ok(Stack(MAX_STACKS - 1)));
        assert_eq!([segment.number_stack(), segment.number_stack()], [Err(TooMany); 2]);
    }

    #[test]
    fn lost_frees_are_summed_for_each_stack_and_taken_once() {
        let segment = ready();
        for stack in 1..=SMALL.lost_frees {
            segment.lose_free(Stack(stack * 1000), 1.0, 64.0);
            segment.lose_free(Stack(stack * 1000), 2.5, stack.into());
        }
        segment.lose_free(Stack(7), 1.0, 1.0); // no entry is left
        assert_eq!(segment.stacks_with_lost_frees().count(), SMALL.lost_frees as usize);
        for stack in 1..=SMALL.lost_frees {
            assert_eq!(segment.take_lost_frees(Stack(stack * 1000)), (3.5, 64.0 + f64::from(stack)));
            assert_eq!(segment.take_lost_frees(Stack(stack * 1000)), (0.0, 0.0));
        }
        assert_eq!(segment.take_lost_frees(Stack(7)), (0.0, 0.0));
    }

    #[test]
    fn threads_that_lose_frees_lose_no_sum() {
        let segment = ready();
        let lose = || (1..=4000).for_each(|i| segment.lose_free(Stack(1 + i % 4), 1.0, 2.0));
        std::thread::scope(|scope| [(); 4].map(|()| scope.spawn(lose)).map(drop));
        (1..=4).for_each(|stack| assert_eq!(segment.take_lost_frees(Stack(stack)), (4000.0, 8000.0)));
    }
}
