//! The eras of an image: how the collector divides its time, for the [ages](crate::live) of blocks.

use std::time::{Duration, Instant};

use heaptrace_channel::sample::{ERAS, Era};

/// When eras began, since the recording did.
#[derive(Debug, Clone)]
pub struct Eras {
    began: Vec<Duration>,
    /// When the image was taken on, and how long after its beginning.
    taken_on: (Instant, Duration),
}

/// When the collector reads an event.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// In this era.
    pub era: Era,
    /// That long after the recording began.
    pub ticks: Ticks,
}

/// Time since a recording began, in hundredths of a second: enough for a year, and then no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(pub u32);

const TICKS_A_SECOND: u128 = 100;

impl Ticks {
    /// As long as that, but not nothing.
    pub fn of(time: Duration) -> Ticks {
        let ticks = time.as_nanos() / (1_000_000_000 / TICKS_A_SECOND);
        Ticks(u32::try_from(ticks).unwrap_or(u32::MAX).max(1))
    }

    /// How long that is.
    pub fn duration(self) -> Duration {
        Duration::from_millis(u64::from(self.0) * 10)
    }
}

/// The eras as a process tells them that began to be recorded later than its image.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    began: Vec<Duration>,
    /// How much later.
    lead: Duration,
}

impl Calendar {
    /// When each era began, in nanoseconds since the process did.
    pub fn eras(&self) -> Vec<i64> {
        self.began.iter().map(|&began| self.nanos(began)).collect()
    }

    /// When that was, in nanoseconds since the process began.
    pub fn since(&self, ticks: Ticks) -> i64 {
        self.nanos(ticks.duration())
    }

    fn nanos(&self, time: Duration) -> i64 {
        let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        nanos(time) - nanos(self.lead)
    }
}

impl Eras {
    /// The first one.
    const FIRST: Duration = Duration::from_millis(50);

    /// Those of an image that is taken on now and has been recorded for `before`.
    pub fn new(before: Duration) -> Eras {
        Eras { began: vec![Duration::ZERO], taken_on: (Instant::now(), before) }
    }

    /// When the recording began, as far as the clock that eras go by reaches back.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.taken_on.0).saturating_add(self.taken_on.1)
    }

    /// Begins another era if it is time: a third more than all before.
    pub fn advance(&mut self, now: Instant) -> Option<Era> {
        let age = self.age(now);
        let last = self.began[self.began.len() - 1];
        let is_due = age >= Eras::FIRST.max(last.saturating_add(last / 3));
        if is_due { self.begin(now) } else { None }
    }

    /// Begins another era, if there are more.
    pub fn begin(&mut self, now: Instant) -> Option<Era> {
        (self.began.len() < ERAS).then(|| {
            self.began.push(self.age(now));
            self.now(now).era
        })
    }

    /// This moment.
    pub fn now(&self, now: Instant) -> Moment {
        Moment { era: Era::new(self.began.len() as u64 - 1), ticks: Ticks::of(self.age(now)) }
    }

    /// The eras as a process tells them that began to be recorded `lead` later.
    pub fn calendar(&self, lead: Duration) -> Calendar {
        Calendar { began: self.began.clone(), lead }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eras_are_enough_for_a_month_and_no_longer_than_a_third_of_what_was_before() {
        let mut eras = Eras::new(Duration::ZERO);
        let begin = eras.taken_on.0;
        let mut age = Duration::ZERO;
        let month = Duration::from_secs(30 * 86_400);
        while age < month {
            let before = eras.began.len();
            let era = eras.advance(begin + age);
            assert_eq!(era.map(Era::number), (eras.began.len() > before).then_some(before));
            age += (age / 50).clamp(Duration::from_millis(20), Duration::from_secs(1));
        }
        let began = &eras.began;
        assert!((50..=ERAS).contains(&began.len()), "{}", began.len());
        let (too_long, least) = (|before: Duration| before * 3 / 2, |before: Duration| before * 4 / 3);
        assert!(
            began.windows(2).skip(5).all(|pair| (least(pair[0])..too_long(pair[0])).contains(&pair[1])),
            "{began:?}"
        );
        assert!(month < began[began.len() - 1] * 3 / 2);
    }

    #[test]
    fn the_last_era_does_not_end() {
        let mut eras = Eras::new(Duration::ZERO);
        let begin = eras.taken_on.0;
        let last = (1..200)
            .filter_map(|n| eras.advance(begin + Duration::from_secs(1) * 2u32.pow(n.min(30))))
            .last();
        assert!(eras.began.len() <= ERAS && last.unwrap().number() == eras.began.len() - 1);
    }
}
