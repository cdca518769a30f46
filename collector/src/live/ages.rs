//! The sampled blocks of a cell by when they were born: what was, what still is, and how many were in
//! use as time went on. It grows with the eras in which something happens to the cell, of which there
//! are some ten in a minute and fifty in days.

use heaptrace_channel::sample::Era;
use heaptrace_pprof::cohorts::{Cohort, Cohorts};

use crate::eras::{Moment, Ticks};

/// The ages of a cell's blocks. Counts may be less than nothing for a moment: a free can be read before
/// its allocation.
#[derive(Debug, Clone, Default)]
pub struct Ages {
    latest: Brood,
    /// Blocks in use.
    in_use: i32,
    last_freed: Option<Ticks>,
    /// Those of the eras before the latest in which something happened, in order.
    earlier: Vec<Brood>,
}

/// The blocks of an era.
#[derive(Debug, Clone, Copy, Default)]
struct Brood {
    era: Era,
    born: u32,
    /// In use now.
    alive: i32,
    /// In use at the end of the era, whenever born, and those born before; of the latest not known yet.
    in_use: i32,
    older: i32,
}

impl Ages {
    /// A block was born: in this era or one before.
    #[inline]
    pub fn bear(&mut self, era: Era, now: Moment) {
        self.go_on(now.era.max(era));
        self.in_use += 1;
        if era == self.latest.era {
            self.latest.born += 1;
            self.latest.alive += 1;
        } else {
            self.bear_earlier(era);
        }
    }

    /// A block of that era was freed.
    #[inline]
    pub fn bury(&mut self, era: Era, now: Moment) {
        self.go_on(now.era.max(era));
        self.in_use -= 1;
        self.last_freed = Some(now.ticks);
        if era == self.latest.era {
            self.latest.alive -= 1;
        } else {
            self.earlier_of(era).alive -= 1;
        }
    }

    /// A block of that era was born and freed again.
    #[inline(always)] // part of the loop over a program's events
    pub fn pass(&mut self, era: Era, now: Moment) {
        self.go_on(now.era.max(era));
        if era == self.latest.era {
            self.latest.born += 1;
            self.last_freed = Some(now.ticks);
        } else {
            self.pass_earlier(era, now);
        }
    }

    #[cold]
    fn pass_earlier(&mut self, era: Era, now: Moment) {
        self.bear(era, now);
        self.bury(era, now);
    }

    /// So many blocks were freed, it is not known which: probably the youngest.
    pub fn bury_some(&mut self, count: f64, now: Moment) {
        self.go_on(now.era);
        let mut left = count.round().clamp(0.0, f64::from(self.in_use.max(0))) as i32;
        self.in_use -= left;
        for brood in std::iter::once(&mut self.latest).chain(self.earlier.iter_mut().rev()) {
            let taken = brood.alive.clamp(0, left);
            brood.alive -= taken;
            left -= taken;
        }
    }

    /// Blocks in use.
    pub fn in_use(&self) -> i32 {
        self.in_use.max(0)
    }

    /// What there is to tell, with times as `since` has them.
    pub fn cohorts(&self, since: impl Fn(Ticks) -> i64) -> Cohorts {
        let latest = Brood { in_use: self.in_use, older: self.in_use - self.latest.alive, ..self.latest };
        let broods = self.earlier.iter().chain([&latest]);
        let happened = broods.skip_while(|brood| brood.born == 0 && brood.in_use <= 0);
        Cohorts::of(happened.map(Brood::cohort), self.last_freed.map(since))
    }

    #[inline]
    fn go_on(&mut self, era: Era) {
        if era > self.latest.era {
            self.begin(era);
        }
    }

    #[cold]
    fn begin(&mut self, era: Era) {
        let ended = Brood { in_use: self.in_use, older: self.in_use - self.latest.alive, ..self.latest };
        if ended.born > 0 || ended.in_use != 0 || ended.alive != 0 || !self.earlier.is_empty() {
            self.earlier.push(ended);
        }
        self.latest = Brood { era, ..Brood::default() };
    }

    /// What a child inherits is from before, and a message may be read when its era is over.
    #[cold]
    fn bear_earlier(&mut self, era: Era) {
        let brood = self.earlier_of(era);
        brood.born += 1;
        brood.alive += 1;
        for brood in &mut self.earlier {
            brood.in_use += i32::from(brood.era >= era);
            brood.older += i32::from(brood.era > era);
        }
    }

    /// The blocks of an era before the latest.
    fn earlier_of(&mut self, era: Era) -> &mut Brood {
        // A block is rarely old when it is freed.
        let after = self.earlier.iter().rposition(|brood| brood.era <= era).map_or(0, |index| index + 1);
        let is_there = after > 0 && self.earlier[after - 1].era == era;
        if !is_there {
            let in_use = after.checked_sub(1).map_or(0, |index| self.earlier[index].in_use);
            self.earlier.insert(after, Brood { era, in_use, older: in_use, ..Brood::default() });
        }
        &mut self.earlier[if is_there { after - 1 } else { after }]
    }
}

impl Brood {
    fn cohort(&self) -> Cohort {
        let count = |number: i32| i64::from(number.max(0));
        Cohort {
            era: self.era.number(),
            born: self.born.into(),
            alive: count(self.alive),
            in_use: count(self.in_use),
            older: count(self.older),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(era: u64) -> Moment {
        Moment { era: Era::new(era), ticks: Ticks(era as u32 * 100) }
    }

    /// A block: the era of its birth, and that of its death.
    type Life = (u64, Option<u64>);

    /// What `Ages` does, told simply.
    fn model(blocks: &[Life], eras: u64) -> Vec<Cohort> {
        let row = |era| {
            let born: Vec<&Life> = blocks.iter().filter(|block| block.0 == era).collect();
            let is_there = |block: &&Life| block.0 <= era && block.1.is_none_or(|died| died > era);
            let there: Vec<&Life> = blocks.iter().filter(is_there).collect();
            Cohort {
                era: era as usize,
                born: born.len() as i64,
                alive: born.iter().filter(|block| block.1.is_none()).count() as i64,
                in_use: there.len() as i64,
                older: there.iter().filter(|block| block.0 < era).count() as i64,
            }
        };
        (0..eras).map(row).collect()
    }

    #[test]
    fn any_lives_come_to_the_cohorts_of_a_simple_model() {
        let mut random = 1u64;
        let mut below = |limit: u64| {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (random >> 33) % limit
        };
        for _ in 0..200 {
            let (mut ages, mut blocks, mut era) = (Ages::default(), Vec::<Life>::new(), 0);
            let (pace, deaths) = (1 + below(40), below(4));
            for _ in 0..200 {
                era += u64::from(below(pace) == 0 && era < 60) * (1 + below(2));
                let alive: Vec<_> = (0..blocks.len()).filter(|&at| blocks[at].1.is_none()).collect();
                if below(4) < deaths && !alive.is_empty() {
                    let block = &mut blocks[alive[below(alive.len() as u64) as usize]];
                    block.1 = Some(era);
                    ages.bury(Era::new(block.0), at(era));
                } else {
                    let late = if below(10) == 0 { below(3) } else { 0 };
                    let born = era.saturating_sub(late);
                    if below(5) == 0 {
                        blocks.push((born, Some(era)));
                        ages.pass(Era::new(born), at(era));
                    } else {
                        blocks.push((born, None));
                        ages.bear(Era::new(born), at(era));
                    }
                }
            }
            let cohorts = ages.cohorts(|ticks| ticks.0.into());
            assert_eq!(cohorts.rows(era as usize + 1), model(&blocks, era + 1));
        }
    }

    #[test]
    fn the_last_free_is_told_and_its_absence_too() {
        let mut ages = Ages::default();
        ages.bear(Era::FIRST, at(0));
        assert_eq!(ages.cohorts(|_| 5).last_freed, None);
        ages.bury(Era::FIRST, at(7));
        assert_eq!(ages.cohorts(|ticks| ticks.0.into()).last_freed, Some(700));
    }

    #[test]
    fn of_frees_that_were_lost_the_youngest_blocks_are_gone() {
        let mut ages = Ages::default();
        [0, 0, 3, 3, 3].into_iter().for_each(|era| ages.bear(Era::new(era), at(era)));
        ages.bury_some(4.2, at(4));
        let alive: Vec<_> = ages.cohorts(|_| 0).rows(5).iter().map(|row| row.alive).collect();
        assert_eq!(alive, [1, 0, 0, 0, 0]);
        ages.bury_some(9.0, at(4));
        assert_eq!(ages.in_use, 0);
    }

    #[test]
    fn a_free_that_is_read_before_its_allocation_comes_out_even() {
        let mut ages = Ages::default();
        ages.bury(Era::new(5), at(5));
        ages.bear(Era::new(5), at(5));
        assert_eq!(ages.cohorts(|_| 0).rows(6)[5], Cohort { era: 5, born: 1, ..Cohort::default() });
    }
}
