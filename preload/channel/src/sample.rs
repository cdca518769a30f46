//! A sampled block, when it was born, and how blocks are sampled.

use crate::config::MAX_RATE;
use crate::stacks::Stack;
use crate::weight::OFF;

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

const SIZE_BITS: u32 = 48;
/// Bits of [`Sample::birth`].
pub const BIRTH_BITS: u32 = SIZE_BITS + ERA_BITS;

impl Sample {
    /// The largest size that there is; a larger one is cut to it, as no block has it.
    pub const MOST: u64 = (1 << SIZE_BITS) - 1;

    /// Size and era in one word, as events and the live table have them.
    #[inline(always)]
    pub fn birth(self) -> u64 {
        (self.era.number() as u64) << SIZE_BITS | self.size.min(Sample::MOST)
    }

    /// A sample of that stack, whose birth is the low bits of `word`.
    #[inline(always)]
    pub fn born(stack: Stack, word: u64) -> Sample {
        Sample { stack, size: word & Sample::MOST, era: Era::new(word >> SIZE_BITS) }
    }
}

/// A stretch of time of a segment: the collector begins one after the other, each so much longer than
/// the one before that there are enough for years, and only it knows when. A block keeps the era that
/// it was born in, so that of a free it is known how old the block was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Era(u32); // as wide as a stack, so that a sample has no padding, which would be copied byte by byte

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
        Era(number as u32 & (ERAS - 1) as u32)
    }

    /// Its number.
    #[inline]
    pub fn number(self) -> usize {
        self.0 as usize
    }
}

/// How samples are drawn: in which era, and at which rate. In one word, so that both are of one moment, and
/// two of them are compared at once. As zero, none are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampling(u64);

const RATE_SHIFT: u32 = u8::BITS;
const _: () = assert!(ERA_BITS <= RATE_SHIFT && MAX_RATE << RATE_SHIFT >> RATE_SHIFT == MAX_RATE);

impl Sampling {
    /// Samples are drawn in that era, with `rate` bytes on average between them, [`OFF`] for none.
    #[inline]
    pub fn new(era: Era, rate: u64) -> Sampling {
        Sampling(rate << RATE_SHIFT | u64::from(era.0))
    }

    /// Whatever a word holds that anybody may write to.
    #[inline]
    pub(crate) fn of(word: u64) -> Sampling {
        Sampling(word)
    }

    /// The word.
    pub(crate) fn word(self) -> u64 {
        self.0
    }

    /// In which era a block is born.
    #[inline]
    pub fn era(self) -> Era {
        Era::new(self.0)
    }

    /// Mean bytes between samples, [`OFF`] if none are drawn.
    #[inline]
    pub fn rate(self) -> u64 {
        self.0 >> RATE_SHIFT
    }

    /// Is every block one?
    #[inline]
    pub fn takes_all(self) -> bool {
        self.rate() == 1
    }

    /// Are none drawn?
    #[inline]
    pub fn is_off(self) -> bool {
        self.rate() == OFF
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_samples_are_drawn_reads_back() {
        for (era, rate) in [(0, 1), (63, MAX_RATE), (5, OFF)] {
            let sampling = Sampling::new(Era::new(era), rate);
            assert_eq!((sampling.era(), sampling.rate()), (Era::new(era), rate));
            assert_eq!(sampling.is_off(), rate == OFF);
        }
        assert!(Sampling::default().is_off());
    }
}
