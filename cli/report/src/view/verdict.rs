//! Does a stack leak? From the [life](super::life) of its blocks, or from a row of profiles.
//!
//! What is in use now and was in use for long at each earlier moment tells more than what is in use: the
//! blocks of requests, queues and other churn come and go, and their number goes up and down, but they
//! are never old. So what is looked at is the *old population*: at the end of each era the blocks that
//! were born before it, which is when they were older than a quarter of the run. Of a leak it grows with
//! the time, however much churn there is beside it; of a cache it grows until that is full; of what was
//! allocated at the start it stays; of a queue there is none.

use crate::view::life::{Amount, Life};
use crate::view::noise::INTERVAL_95;

/// How sure a growth has to be to be called a leak, in standard deviations: of a thousand stacks that do
/// not grow, about one is that far off by chance.
const SURE: f64 = 3.0;
/// How sure it has to be for waiting to be worth while.
const LIKELY: f64 = 1.5;
/// Fewer samples than this are no evidence, however they came.
const LEAST_SAMPLES: f64 = 8.0;

/// Eras that there must have been before anything can be said.
pub const LEAST_ERAS: usize = 6;

/// What a stack does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It grows, all the time, and what it has is not freed.
    Leak,
    /// It has as much as it had, of blocks that live long.
    Cache,
    /// What it has was allocated at the beginning.
    StartUp,
    /// It has as much as it had, of blocks that come and go.
    Steady,
    /// It may grow.
    TooEarly(Wait),
}

/// What would make sure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait {
    /// Seconds to go on.
    pub seconds: f64,
    /// Or so many times as many samples; 1 if time alone helps.
    pub finer: f64,
}

/// How a stack grows, and what that means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Bytes a second.
    pub growth: f64,
    /// Half of its 95% interval, by the sampling variance.
    pub half_interval: f64,
    /// What it means.
    pub verdict: Verdict,
}

impl Judgement {
    /// The growth that it has at least, 39 times in 40.
    pub fn at_least(&self) -> f64 {
        self.growth - self.half_interval
    }
}

/// How much the old population changed between two moments.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// What has become old since and is still there.
    entered: Amount,
    /// What was old and is gone.
    left: Amount,
    /// The time in which the one was born.
    seconds: f64,
}

impl Change {
    fn bytes(&self) -> f64 {
        self.entered.bytes - self.left.bytes
    }

    fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.bytes() / self.seconds } else { 0.0 }
    }

    /// Standard deviation of the bytes by chance.
    fn chance(&self) -> f64 {
        (self.entered.chance + self.left.chance).sqrt()
    }

    fn sureness(&self) -> f64 {
        if self.chance() > 0.0 { self.bytes() / self.chance() } else { 0.0 }
    }
}

/// The change of the old population from the end of an era to now, when it is what was born before
/// `until` and is there.
fn change(life: &Life, era: usize, until: f64) -> Change {
    let from = life.eras[era];
    let stayed = life.alive_before(from.begin);
    Change {
        entered: life.alive_before(until) - stayed,
        left: from.older - stayed,
        seconds: until - from.begin,
    }
}

/// The last era that began at that share of the run or before.
fn era_at(life: &Life, share: f64) -> usize {
    let moment = life.end() * share;
    life.eras.iter().rposition(|era| era.begin <= moment).unwrap_or(0)
}

/// Judges a stack by the life of its blocks.
pub fn judge(life: &Life) -> Judgement {
    /// The first quarter of a run is its start; what is younger than the last is not old.
    const START: f64 = 0.25;
    const OLD: f64 = 0.75;
    let end = life.end();
    if life.alive().samples <= 0.0 {
        return Judgement { growth: 0.0, half_interval: 0.0, verdict: Verdict::Steady };
    }
    let (first, until) = (era_at(life, START), OLD * end);
    let whole = change(life, first, until);
    let growth = whole.rate();
    let half_interval = match whole.seconds {
        seconds if seconds > 0.0 => {
            INTERVAL_95 * (whole.entered.variance + whole.left.variance).sqrt() / seconds
        }
        _ => 0.0,
    };
    let goes_on = goes_on(life, whole);
    let is_young = life.first_birth() > START * end;
    let verdict = if life.divisions() < LEAST_ERAS {
        Verdict::TooEarly(Wait { seconds: divided_in(life), finer: 1.0 })
    } else if is_young {
        of_young(life)
    } else if whole.sureness() >= SURE && whole.entered.samples >= LEAST_SAMPLES && goes_on {
        match saturates_in(life, first, whole).or_else(|| only_fills_for(life, whole)) {
            Some(seconds) => Verdict::TooEarly(Wait { seconds, finer: 1.0 }),
            None if is_sustained(life, first, until, growth) && lasts(life, first, until) => Verdict::Leak,
            None => Verdict::TooEarly(Wait { seconds: end / 2.0, finer: 1.0 }),
        }
    } else if goes_on && whole.sureness() >= LIKELY {
        let times = (SURE / whole.sureness()).powi(2).max(LEAST_SAMPLES / whole.entered.samples).max(1.25);
        Verdict::TooEarly(Wait { seconds: (times - 1.0) * end, finer: times })
    } else {
        plateau(life, START * end)
    };
    Judgement { growth, half_interval, verdict }
}

/// In how many seconds there will be enough eras, each a third of all that was before: of a process that was
/// forked late that is its parent's time.
fn divided_in(life: &Life) -> f64 {
    let missing = (LEAST_ERAS - life.divisions()) as i32;
    (life.before + life.end().max(1.0)) * ((4.0_f64 / 3.0).powi(missing) - 1.0)
}

/// Does what is in use still grow as the old population did? Of a cache that has become full the old
/// population lags behind.
fn goes_on(life: &Life, whole: Change) -> bool {
    const RECENT: f64 = 0.7;
    let since = life.eras[era_at(life, RECENT).saturating_sub(1)];
    let stayed = life.alive_before(since.end);
    let (born, died) = (life.alive() - stayed, since.in_use - stayed);
    let (grown, chance) = (born.bytes - died.bytes, (born.chance + died.chance).sqrt());
    grown + 2.0 * chance >= 0.5 * whole.rate() * (life.end() - since.end) && grown + chance > 0.0
}

/// In how many seconds it will be known whether there is a plateau, where one is in sight: old blocks are
/// freed too, and if they go on to be at that rate, there will be as many freed as become old when there
/// are only so many times as many as now.
fn saturates_in(life: &Life, first: usize, whole: Change) -> Option<f64> {
    const IN_SIGHT: f64 = 8.0;
    let (old, left) = (life.eras[first].older, whole.left);
    let surely_left = left.bytes - left.chance.sqrt();
    let seconds = life.end() - life.eras[first].end;
    let now = old.bytes + whole.bytes();
    if surely_left <= 0.0 || seconds <= 0.0 || now <= 0.0 {
        return None;
    }
    let freed_a_second = surely_left / old.bytes / seconds;
    let plateau = whole.entered.bytes / whole.seconds / freed_a_second;
    let lifetime = 1.0 / freed_a_second;
    (plateau < IN_SIGHT * now).then(|| (3.0 * lifetime - life.end()).max(life.end() / 4.0))
}

/// In how many seconds what only fills would have begun to lose old blocks, if it is a cache: nearly all that
/// was allocated is there, and of the old nothing is gone, so it cannot be told from one before that is full, or
/// what it has is too old for it. Of a leak among blocks that come and go most are gone, and it is known for
/// what it is at once.
fn only_fills_for(life: &Life, whole: Change) -> Option<f64> {
    /// What caches take to fill, or keep their entries, mostly: most are set to five, ten or fifteen minutes.
    const CACHES_FILL: f64 = 20.0 * 60.0;
    const NEARLY_ALL: f64 = 0.5;
    let keeps = life.alive().samples >= NEARLY_ALL * life.born().samples;
    let loses_none = whole.left.samples <= 0.1 * whole.entered.samples;
    let (end, only_fills) = (life.end(), keeps && loses_none);
    let wait = if end < CACHES_FILL { CACHES_FILL - end } else { end / 2.0 };
    (only_fills && (end < CACHES_FILL || slows_down(life))).then_some(wait)
}

/// Do ever fewer blocks come that stay? Of what only fills the young ones tell as well as the old.
fn slows_down(life: &Life) -> bool {
    let before = |share: f64| life.alive_before(share * life.end());
    let (early, late) = (before(0.4) - before(0.1), life.alive() - before(0.7));
    late.bytes + late.chance.sqrt() < 0.7 * early.bytes
}

/// Did it grow in the second half of the time about as in the first, and not only there or less and
/// less?
fn lasts(life: &Life, first: usize, until: f64) -> bool {
    let middle = era_at(life, 0.5);
    let late = change(life, middle, until);
    let (from, to) = (life.eras[first], life.eras[middle]);
    let seconds = to.begin - from.begin;
    let early = if seconds > 0.0 { (to.older.bytes - from.older.bytes) / seconds } else { 0.0 };
    let slack = if late.seconds > 0.0 { late.chance() / late.seconds } else { 0.0 };
    late.sureness() >= 1.0 && late.rate() + slack >= 0.7 * early && early > 0.0
}

/// Are there blocks of all of the time, and not of a step or two?
fn is_sustained(life: &Life, first: usize, until: f64, growth: f64) -> bool {
    let eras = life.eras[first..].iter().filter(|era| era.end <= until * 1.01);
    let has = eras.map(|era| era.alive.bytes >= 0.2 * growth * (era.end - era.begin));
    let (with, all) = has.fold((0, 0), |(with, all), has| (with + usize::from(has), all + 1));
    with >= 3 && with + 1 >= all
}

/// A stack that has not been there for three quarters of the run.
fn of_young(life: &Life) -> Verdict {
    let (end, first) = (life.end(), life.first_birth());
    let (alive, born) = (life.alive(), life.born());
    let keeps = alive.samples >= 0.25 * born.samples || life.median_age() >= 0.2 * (end - first);
    if keeps && alive.samples >= LEAST_SAMPLES {
        Verdict::TooEarly(Wait { seconds: (4.0 * first - end).max(end / 4.0), finer: 1.0 })
    } else {
        Verdict::Steady
    }
}

/// What does not grow, or not any more.
fn plateau(life: &Life, start: f64) -> Verdict {
    if life.alive_before(start).bytes >= 0.7 * life.alive().bytes {
        Verdict::StartUp
    } else if life.median_age() >= 0.1 * life.end() {
        Verdict::Cache
    } else {
        Verdict::Steady
    }
}

/// What is in use in a profile of several.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// When, in seconds.
    pub at: f64,
    /// The bytes.
    pub bytes: f64,
    /// Their variance from sampling.
    pub variance: f64,
}

/// Judges a stack by what it had in use in a row of profiles, the oldest first, that do not tell when
/// blocks were born. The growth is the slope of the straight line through them.
pub fn judge_readings(readings: &[Reading]) -> Judgement {
    const LEAST: usize = 4;
    let (growth, spread) = slope(readings);
    let half_interval = INTERVAL_95 * sampling_error(readings);
    let error = spread.max(sampling_error(readings));
    let sureness = if error > 0.0 { growth / error } else { f64::INFINITY * growth.signum() };
    let halves = readings.split_at(readings.len() / 2);
    let (early, late) = (rise(halves.0), rise(halves.1));
    let (first, last) = (readings.first().map_or(0.0, |r| r.bytes), readings.last().map_or(0.0, |r| r.bytes));
    let length = readings.last().map_or(0.0, |r| r.at) - readings.first().map_or(0.0, |r| r.at);
    let verdict = if last <= 0.0 {
        Verdict::Steady
    } else if readings.len() < LEAST {
        match growth > 0.0 {
            true => Verdict::TooEarly(Wait { seconds: length.max(60.0), finer: 1.0 }),
            false => Verdict::Steady,
        }
    } else if growth > 0.0 && sureness >= SURE && late >= 0.4 * early {
        Verdict::Leak
    } else if growth > 0.0 && sureness >= LIKELY && late >= 0.4 * early {
        let times = (SURE / sureness).powi(2).max(1.25);
        Verdict::TooEarly(Wait { seconds: (times - 1.0) * length, finer: times })
    } else if first > 0.7 * last {
        Verdict::Steady
    } else {
        Verdict::Cache
    };
    Judgement { growth, half_interval, verdict }
}

/// By least squares, and its standard error by how far the readings are from the line.
fn slope(readings: &[Reading]) -> (f64, f64) {
    let count = readings.len() as f64;
    let mean = |of: fn(&Reading) -> f64| readings.iter().map(of).sum::<f64>() / count;
    let (at, bytes) = (mean(|r| r.at), mean(|r| r.bytes));
    let across: f64 = readings.iter().map(|r| (r.at - at).powi(2)).sum();
    if across <= 0.0 {
        return (0.0, 0.0);
    }
    let slope = readings.iter().map(|r| (r.at - at) * (r.bytes - bytes)).sum::<f64>() / across;
    let rest: f64 = readings.iter().map(|r| (r.bytes - bytes - slope * (r.at - at)).powi(2)).sum();
    (slope, (rest / (count - 2.0).max(1.0) / across).sqrt())
}

/// The slope's standard error from sampling.
fn sampling_error(readings: &[Reading]) -> f64 {
    let mean = readings.iter().map(|r| r.at).sum::<f64>() / readings.len() as f64;
    let across: f64 = readings.iter().map(|r| (r.at - mean).powi(2)).sum();
    let sum: f64 = readings.iter().map(|r| (r.at - mean).powi(2) * r.variance).sum();
    if across > 0.0 { sum.sqrt() / across } else { 0.0 }
}

fn rise(readings: &[Reading]) -> f64 {
    slope(readings).0
}

#[cfg(test)]
mod tests;
