//! The stacks: a tree of frames, root first, so that stacks with a common beginning share it.
//!
//! A stack has a number. What it is is told once, in the rings, by who writes its first event. A
//! stack's caller is always an older one; so a reader that checks `caller < stack` cannot be led into
//! a cycle. A process finds its stacks again in memory of its own; two may tell of the same stack,
//! under two numbers.
//!
//! **Guarantees.**
//! - A number is one stack's in its segment, and after the last one there is none.
//! - What was sent as a stack reads as one: whatever bits are in its words, each is a frame or a reason why
//!   frames are missing, or is no part at all.

use crate::atomic::{AtomicU32, Ordering::*};

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
/// Binary logarithm of that.
pub const STACK_BITS: u32 = 26;

/// There are as many stacks as there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// The numbers of a segment's stacks, given out one after the other.
#[derive(Debug, Clone, Copy)]
pub struct StackNumbers<'m>(&'m AtomicU32);

impl<'m> StackNumbers<'m> {
    /// Numbers from the one on that `next` holds.
    pub(crate) fn new(next: &'m AtomicU32) -> StackNumbers<'m> {
        StackNumbers(next)
    }

    /// A number for a new stack. No other process of the segment gets it.
    ///
    /// # Errors
    /// [`TooMany`] if there are no more.
    pub fn take(&self) -> Result<Stack, TooMany> {
        // Read first, so that the counter does not count on until it wraps.
        if self.0.load(Relaxed) >= MAX_STACKS {
            return Err(TooMany);
        }
        let new = self.0.fetch_add(1, Relaxed);
        if new < MAX_STACKS { Ok(Stack(new)) } else { Err(TooMany) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let next = AtomicU32::new(1);
        let numbers = StackNumbers::new(&next);
        assert_eq!([numbers.take(), numbers.take()], [Ok(Stack(1)), Ok(Stack(2))]);
        next.store(MAX_STACKS - 1, Relaxed);
        assert_eq!(numbers.take(), Ok(Stack(MAX_STACKS - 1)));
        assert_eq!([numbers.take(), numbers.take()], [Err(TooMany); 2]);
        next.store(u32::MAX, Relaxed);
        assert_eq!(numbers.take(), Err(TooMany));
        assert_eq!(next.load(Relaxed), u32::MAX, "it does not wrap");
    }
}
