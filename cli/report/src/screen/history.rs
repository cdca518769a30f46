//! Rows over the last minutes.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::screen::sight::Site;
use crate::view::verdict::{Judgement, Reading, judge_readings};

/// Moments that are kept.
pub const MOMENTS: usize = 180;
/// Seconds that growth is looked at over.
const GROWTH_OVER: f64 = 60.0;
/// Seconds that a rate of allocation is the mean of.
const RATE_OVER: f64 = 10.0;

/// Rows over time.
#[derive(Debug, Default)]
pub struct History {
    /// When, in seconds since the recording began.
    moments: VecDeque<f64>,
    rows: HashMap<String, Past>,
}

/// A row over time.
#[derive(Debug)]
pub struct Past {
    /// What it is now.
    pub now: Site,
    /// What it was at the latest moments: before them it was nothing.
    values: VecDeque<Value>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Value {
    in_use: i64,
    variance: f64,
    allocated: i64,
}

impl History {
    /// Adds a moment.
    pub fn add(&mut self, at: f64, rows: &[Site]) {
        self.moments.push_back(at);
        if self.moments.len() > MOMENTS {
            self.moments.pop_front();
        }
        for row in rows {
            let past = self
                .rows
                .entry_ref(&row.name)
                .or_insert_with(|| Past { now: Site::default(), values: VecDeque::new() });
            past.values.push_back(Value {
                in_use: row.in_use.value,
                variance: row.in_use.variance,
                allocated: row.allocated,
            });
            past.now = row.clone();
        }
        let known: hashbrown::HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        for (name, past) in &mut self.rows {
            if !known.contains(name.as_str()) {
                past.leave();
            }
            while past.values.len() > self.moments.len() {
                past.values.pop_front();
            }
        }
        self.rows.retain(|_, past| past.values.iter().any(|value| value.in_use != 0 || value.allocated != 0));
    }

    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = &Past> {
        self.rows.values()
    }

    /// A row.
    pub fn row(&self, name: &str) -> Option<&Past> {
        self.rows.get(name)
    }

    /// How a row's bytes in use change over the last minute; not known of fewer than three moments.
    pub fn growth(&self, past: &Past) -> Option<Judgement> {
        let since = self.moments.back()? - GROWTH_OVER;
        let values = self.moments.iter().zip(self.padded(past));
        let reading = |(&at, value): (&f64, Value)| Reading {
            at,
            bytes: value.in_use as f64,
            variance: value.variance,
        };
        let readings: Vec<Reading> = values.map(reading).filter(|reading| reading.at >= since).collect();
        (readings.len() >= 3).then(|| judge_readings(&readings))
    }

    /// Bytes a second that a row allocates of late; not known of one moment.
    pub fn rate(&self, past: &Past) -> Option<f64> {
        let last = self.moments.len().checked_sub(1)?;
        let since = self.moments[last] - RATE_OVER;
        let first = self.moments.iter().position(|&at| at >= since)?.min(last.checked_sub(1)?);
        let seconds = self.moments[last] - self.moments[first];
        let at = |index: usize| self.padded(past).nth(index).map_or(0, |value| value.allocated);
        (seconds > 0.0).then(|| (at(last) - at(first)).max(0) as f64 / seconds)
    }

    /// Bytes in use at each moment.
    pub fn in_use(&self, past: &Past) -> Vec<i64> {
        self.padded(past).map(|value| value.in_use).collect()
    }

    /// Bytes allocated a second, from each moment to the next.
    pub fn allocated(&self, past: &Past) -> Vec<i64> {
        let values: Vec<(f64, i64)> =
            self.moments.iter().copied().zip(self.padded(past).map(|value| value.allocated)).collect();
        let rate =
            |pair: &[(f64, i64)]| (pair[1].1 - pair[0].1).max(0) as f64 / (pair[1].0 - pair[0].0).max(1e-3);
        values.windows(2).map(|pair| rate(pair) as i64).collect()
    }

    /// A value for each moment.
    fn padded<'p>(&self, past: &'p Past) -> impl Iterator<Item = Value> + use<'p> {
        let missing = self.moments.len() - past.values.len();
        std::iter::repeat_n(Value::default(), missing).chain(past.values.iter().copied())
    }
}

impl Past {
    /// It holds nothing any more. What it allocated stays so.
    fn leave(&mut self) {
        self.now.in_use = Default::default();
        self.values.push_back(Value { allocated: self.now.allocated, ..Value::default() });
    }
}
