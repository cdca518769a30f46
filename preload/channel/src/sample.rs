//! A sampled block, and when it was born.

use crate::stacks::Stack;

/// A sampled block as it was allocated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// Who allocated it.
    pub stack: Stack,
    /// Bytes requested, below 2^48.
    pub size: u64,
    /// When it was allocated.
    pub era: Era,
}

/// A stretch of time of a segment: the collector begins one after the other, each so much longer than
/// the one before that there are enough for years, and only it knows when. A block keeps the era that
/// it was born in, so that of a free it is known how old the block was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Era(u8);

/// A program has no more eras; the last one does not end.
pub const ERAS: usize = 1 << ERA_BITS;
/// As many as the live table and an event have left.
pub const ERA_BITS: u32 = 6;

impl Era {
    /// That in which recording begins.
    pub const FIRST: Era = Era(0);

    /// The era of that number. A number that is none, as only a stray write leaves it, stands for one
    /// that is.
    #[inline]
    pub fn new(number: u64) -> Era {
        Era(number as u8 & (ERAS - 1) as u8)
    }

    /// Its number.
    #[inline]
    pub fn number(self) -> usize {
        self.0.into()
    }
}
