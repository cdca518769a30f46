//! How far an estimate may be off.
//!
//! A heap profile is a sample. With rate R, a block of Z bytes is sampled with probability
//!
//! > p = 1 − e^(−Z/R)
//!
//! and a sampled block stands for w of what a sample type counts: 1/p objects, or Z/p bytes. That
//! makes the sum of the weights unbiased: each block contributes p·w = Z on average. It is the
//! Horvitz–Thompson estimator, and blocks are sampled independently, so its variance is the sum
//! over all blocks of (p·w)²·(1 − p)/p, of which
//!
//! > Σ over the sampled blocks of w²·(1 − p)
//!
//! is an unbiased estimate. A row of a profile with the label `bytes` = Z and the value v holds
//! n = v/w sampled blocks. So the samples behind any sum of rows are Σ v/w, and their variance is
//! Σ (v/w)·w²·(1 − p). For blocks much smaller than R the relative error is 1/√n; for blocks much
//! larger, and at rate 1, where p is 1, there is none. Go's heap profiles are made in the same way,
//! and so can be read in the same way.

use super::profile::{LabelValue, Profile};

/// Half of a 95% interval, in standard errors.
const INTERVAL_95: f64 = 1.96;

/// A value with what is known of its error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: i64,
    /// Sampled blocks behind it.
    pub samples: f64,
    /// Variance of the value.
    pub variance: f64,
}

impl Estimate {
    /// Adds an independent estimate.
    pub fn add(&mut self, other: Estimate) {
        self.value += other.value;
        self.samples += other.samples;
        self.variance += other.variance;
    }

    /// The standard error.
    pub fn stderr(&self) -> f64 {
        self.variance.sqrt()
    }

    /// Half of the interval that holds the true value 95 times in 100.
    pub fn half_interval(&self) -> f64 {
        INTERVAL_95 * self.stderr()
    }

    /// Whether the interval holds 0: too few samples to say more than that there is something, or,
    /// in a difference, that there is a difference.
    pub fn within_noise(&self) -> bool {
        self.half_interval() >= (self.value as f64).abs()
    }
}

/// Gives the estimates of one sample type of a profile.
#[derive(Debug)]
pub struct Sampling {
    /// For each label set, how its rows were sampled.
    rows: Vec<Option<Row>>,
}

/// How the blocks of a row were sampled.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// What a sampled block stands for.
    weight: f64,
    /// With what probability a block was not sampled.
    missed: f64,
}

impl Sampling {
    /// `None` if the profile is no sampled heap profile, or is merged from several with different
    /// rates: a row then does not say with which rate it was sampled.
    pub fn new(profile: &Profile, index: usize) -> Option<Sampling> {
        let period = &profile.period_type;
        let unit = profile.sample_types[index].unit.as_str();
        let is_heap = period.name == "space" && period.unit == "bytes" && profile.period > 0;
        if !is_heap || !profile.one_period || !["bytes", "count"].contains(&unit) {
            return None;
        }
        let rows = profile.label_sets.iter().map(|labels| {
            labels.iter().find_map(|label| match label.value {
                LabelValue::Number(size, _) if profile.text(label.key) == "bytes" && size > 0 => {
                    Some(Row::new(size as f64, profile.period as f64, unit == "bytes"))
                }
                _ => None,
            })
        });
        let sampling = Sampling { rows: rows.collect() };
        sampling.rows.iter().any(Option::is_some).then_some(sampling)
    }

    /// The estimate that a row is: `value`, made of parts that are `gross` without their signs.
    pub fn estimate(&self, label_set: u32, value: i64, gross: i64) -> Estimate {
        match self.rows[label_set as usize] {
            Some(row) => {
                let samples = gross as f64 / row.weight;
                Estimate { value, samples, variance: samples * row.weight * row.weight * row.missed }
            }
            None => Estimate { value, ..Estimate::default() },
        }
    }
}

impl Row {
    fn new(size: f64, rate: f64, bytes: bool) -> Row {
        let missed = if rate <= 1.0 { 0.0 } else { (-size / rate).exp() };
        let probability = if rate <= 1.0 { 1.0 } else { -(-size / rate).exp_m1() };
        Row { weight: if bytes { size } else { 1.0 } / probability, missed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The estimate of `blocks` sampled blocks.
    fn estimate(size: f64, rate: f64, bytes: bool, blocks: f64) -> Estimate {
        let sampling = Sampling { rows: vec![Some(Row::new(size, rate, bytes))] };
        let value = (blocks * sampling.rows[0].unwrap().weight) as i64;
        sampling.estimate(0, value, value)
    }

    #[test]
    fn at_rate_one_there_is_no_error() {
        let exact = estimate(48.0, 1.0, true, 7.0);
        assert_eq!((exact.value, exact.samples, exact.variance), (336, 7.0, 0.0));
    }

    #[test]
    fn for_small_blocks_the_relative_error_is_one_over_the_root_of_the_samples() {
        for bytes in [false, true] {
            let small = estimate(48.0, 524_288.0, bytes, 100.0);
            assert!((small.samples - 100.0).abs() < 0.01);
            assert!((small.stderr() / small.value as f64 - 0.1).abs() < 1e-4);
        }
    }

    #[test]
    fn a_block_much_larger_than_the_rate_is_certain_to_be_seen() {
        let large = estimate(64e6, 524_288.0, true, 1.0);
        assert_eq!(large.value, 64_000_000);
        assert!(large.stderr() < 1.0);
    }

    #[test]
    fn three_samples_of_small_blocks_are_too_few_and_four_are_not() {
        assert!(estimate(48.0, 524_288.0, true, 3.0).within_noise());
        assert!(!estimate(48.0, 524_288.0, true, 4.0).within_noise());
    }

    /// Samples 1,000 blocks at rate R a thousand times, and compares the spread of the estimates with
    /// the variance that they say they have.
    #[test]
    fn the_spread_of_estimates_is_the_one_predicted() {
        let (size, rate, blocks, runs) = (4096.0, 16_384.0, 1000.0, 1000);
        let row = Row::new(size, rate, true);
        let mut state = 88_172_645_463_325_252_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut sum, mut squares, mut predicted) = (0.0, 0.0, 0.0);
        for _ in 0..runs {
            let sampled = (0..blocks as u32).filter(|_| random() >= row.missed).count();
            let value = sampled as f64 * row.weight;
            sum += value;
            squares += (value - size * blocks).powi(2);
            predicted += Sampling { rows: vec![Some(row)] }.estimate(0, value as i64, value as i64).variance;
        }
        let runs = f64::from(runs);
        assert!((sum / runs / (size * blocks) - 1.0).abs() < 0.01, "the estimate is unbiased");
        assert!((squares / predicted - 1.0).abs() < 0.15, "{}", squares / predicted);
    }
}
