//! The rates at which an image was sampled, one after the other. A sample has the weight of the rate that
//! it was drawn at, and its era tells which that was: a rate that is another one begins an era.

use std::time::Duration;

use heaptrace_channel::config::{DEFAULT_RATE, RateText};
use heaptrace_channel::sample::{ERAS, Era};
use heaptrace_channel::weight::OFF;

/// The rate of each era.
pub type ByEra = [u64; ERAS];

/// The rates of an image.
#[derive(Debug, Clone)]
pub struct Rates {
    by_era: ByEra,
    /// The rate that samples are drawn at, or were before it was switched off.
    last: u64,
    is_off: bool,
    /// When the rate was changed, since recording began, and to what.
    changes: Vec<(Duration, u64)>,
}

impl Rates {
    /// The rate that recording begins with.
    pub fn new(first: u64) -> Rates {
        Rates {
            by_era: [first; ERAS],
            last: first,
            is_off: first == OFF,
            changes: vec![(Duration::ZERO, first)],
        }
    }

    /// Mean bytes between the samples that are drawn now.
    pub fn now(&self) -> u64 {
        if self.is_off { OFF } else { self.last }
    }

    /// What a profile states: the last rate that there was.
    pub fn period(&self) -> u64 {
        if self.last == OFF { DEFAULT_RATE } else { self.last }
    }

    /// The rate of each era.
    pub fn by_era(&self) -> &ByEra {
        &self.by_era
    }

    /// Notes that an era has begun.
    pub fn begin(&mut self, era: Era) {
        self.by_era[era.number()] = self.last;
    }

    /// Does it take another era to go on with this rate? Not if no sample will have another weight.
    pub fn needs_era(&self, rate: u64) -> bool {
        rate != OFF && rate != self.last && self.last != OFF
    }

    /// Goes on with another rate, in that era.
    pub fn change(&mut self, rate: u64, era: Era, at: Duration) {
        self.is_off = rate == OFF;
        if rate != OFF {
            self.last = rate;
            self.by_era[era.number()] = rate;
        }
        self.changes.push((at, rate));
    }

    /// When it was what, if it ever was another one.
    pub fn history(&self) -> Option<String> {
        let change =
            |&(at, rate): &(Duration, u64)| format!("{} from {:.3}s", RateText(rate), at.as_secs_f64());
        let dormant = self.changes.len() == 1 && self.is_off;
        (self.changes.len() > 1 || dormant)
            .then(|| self.changes.iter().map(change).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_era_keeps_the_rate_that_its_samples_were_drawn_at() {
        let mut rates = Rates::new(4096);
        assert_eq!((rates.now(), rates.history()), (4096, None));
        assert!(!rates.needs_era(OFF) && !rates.needs_era(4096) && rates.needs_era(1));
        rates.change(OFF, Era::new(0), Duration::from_secs(1));
        rates.begin(Era::new(1));
        assert_eq!((rates.now(), rates.period(), rates.by_era()[1]), (OFF, 4096, 4096));
        rates.change(1, Era::new(2), Duration::from_millis(1500));
        assert_eq!((rates.now(), rates.by_era()[..3].to_vec()), (1, vec![4096, 4096, 1]));
        assert_eq!(rates.history().unwrap(), "4KiB from 0.000s, off from 1.000s, 1 from 1.500s");
    }

    #[test]
    fn what_was_dormant_from_the_beginning_has_one_rate_once_it_is_on() {
        let mut rates = Rates::new(OFF);
        assert_eq!((rates.now(), rates.history().as_deref()), (OFF, Some("off from 0.000s")));
        assert!(!rates.needs_era(64));
        rates.change(64, Era::FIRST, Duration::ZERO);
        assert_eq!((rates.now(), rates.by_era()[0]), (64, 64));
    }
}
