//! What became of the blocks of a stack, by when they were born: what a [verdict](super::verdict) is
//! made of.

use std::ops::{Add, Sub};

use heaptrace_pprof::cohorts::Cohort;

use crate::view::noise::Weight;

/// Blocks of which some were sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amount {
    /// How many were.
    pub samples: f64,
    /// The bytes of all, estimated.
    pub bytes: f64,
    /// The variance of the bytes if each of the blocks came by chance, as events of a Poisson process do.
    pub chance: f64,
    /// The variance of the bytes from sampling alone.
    pub variance: f64,
}

impl Amount {
    /// So many sampled blocks, each of that weight in bytes.
    pub fn of(samples: i64, weight: Weight) -> Amount {
        let samples = samples as f64;
        Amount {
            samples,
            bytes: samples * weight.value,
            chance: samples * weight.value * weight.value,
            variance: weight.variance(samples),
        }
    }

    /// A part of it.
    pub fn part(self, share: f64) -> Amount {
        Amount {
            samples: self.samples * share,
            bytes: self.bytes * share,
            chance: self.chance * share,
            variance: self.variance * share,
        }
    }
}

impl Add for Amount {
    type Output = Amount;

    fn add(self, other: Amount) -> Amount {
        Amount {
            samples: self.samples + other.samples,
            bytes: self.bytes + other.bytes,
            chance: self.chance + other.chance,
            variance: self.variance + other.variance,
        }
    }
}

/// What is left of an amount without a part of it: never less than nothing.
impl Sub for Amount {
    type Output = Amount;

    fn sub(self, part: Amount) -> Amount {
        Amount {
            samples: (self.samples - part.samples).max(0.0),
            bytes: (self.bytes - part.bytes).max(0.0),
            chance: (self.chance - part.chance).max(0.0),
            variance: (self.variance - part.variance).max(0.0),
        }
    }
}

/// A stretch of time, in seconds since the recording began, and the blocks of one stack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Era {
    /// When it began.
    pub begin: f64,
    /// When it ended.
    pub end: f64,
    /// Allocated in it.
    pub born: Amount,
    /// Of those, in use now.
    pub alive: Amount,
    /// In use at its end, whenever born.
    pub in_use: Amount,
    /// Of those, born before it.
    pub older: Amount,
}

/// The blocks of a stack.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// One after the other, up to now.
    pub eras: Vec<Era>,
    /// For how many seconds there had been eras when the recording began.
    pub before: f64,
    /// When one was freed last, in seconds since the recording began.
    pub last_freed: Option<f64>,
}

impl Life {
    /// No blocks, in eras that began then; the last ends now, at `end`. Those of before the recording began, of
    /// which a process that is forked late has some, take no time: what it inherited is there from the start.
    pub fn new(began: &[f64], end: f64) -> Life {
        let before = began.first().map_or(0.0, |first| (-first).max(0.0));
        let began: Vec<f64> = began.iter().map(|begin| begin.max(0.0)).collect();
        let ends = began.iter().skip(1).copied().chain([end]);
        let era = |(&begin, end): (&f64, f64)| Era { begin, end: end.max(begin), ..Era::default() };
        Life { eras: began.iter().zip(ends).map(era).collect(), before, last_freed: None }
    }

    /// In how many eras the time is divided.
    pub fn divisions(&self) -> usize {
        self.eras.iter().filter(|era| era.end > era.begin).count()
    }

    /// Adds blocks of one weight, with a row for each era.
    pub fn add(&mut self, rows: &[Cohort], weight: Weight) {
        for (era, row) in self.eras.iter_mut().zip(rows) {
            era.born = era.born + Amount::of(row.born, weight);
            era.alive = era.alive + Amount::of(row.alive, weight);
            era.in_use = era.in_use + Amount::of(row.in_use, weight);
            era.older = era.older + Amount::of(row.older, weight);
        }
    }

    /// Now.
    pub fn end(&self) -> f64 {
        self.eras.last().map_or(0.0, |era| era.end)
    }

    /// What is in use.
    pub fn alive(&self) -> Amount {
        self.eras.iter().fold(Amount::default(), |sum, era| sum + era.alive)
    }

    /// What was allocated.
    pub fn born(&self) -> Amount {
        self.eras.iter().fold(Amount::default(), |sum, era| sum + era.born)
    }

    /// What is in use and was born before a moment. Of an era's blocks it is not known when in it.
    pub fn alive_before(&self, moment: f64) -> Amount {
        let part = |era: &Era| match (moment - era.begin) / (era.end - era.begin) {
            share if share.is_nan() => 0.0,
            share => share.clamp(0.0, 1.0),
        };
        self.eras.iter().fold(Amount::default(), |sum, era| sum + era.alive.part(part(era)))
    }

    /// When the first block was born.
    pub fn first_birth(&self) -> f64 {
        self.eras.iter().find(|era| era.born.samples > 0.0).map_or(self.end(), |era| era.begin)
    }

    /// The age that half of the bytes in use exceed, in seconds.
    pub fn median_age(&self) -> f64 {
        let half = self.alive().bytes / 2.0;
        let mut before = 0.0;
        let end = self.end();
        for era in &self.eras {
            let bytes = era.alive.bytes;
            if bytes > 0.0 && before + bytes >= half {
                // What is left of an era's blocks may be of any time in it; but of the present one, whose
                // blocks still go, it is of the last.
                let is_present = era.end >= end && era.born.samples > 0.0;
                let share = if is_present { (era.alive.samples / era.born.samples).min(1.0) } else { 1.0 };
                let later = 1.0 - (half - before) / bytes;
                let born = era.end - (era.end - era.begin) * share * later;
                return (end - born.max(0.0)).max(0.0);
            }
            before += bytes;
        }
        0.0
    }
}
