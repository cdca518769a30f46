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
//! is an unbiased estimate. A row of a profile with blocks of the size Z and the value v holds
//! n = v/w sampled blocks. So the samples behind any sum of rows are Σ v/w, and their variance is
//! Σ (v/w)·w²·(1 − p). The label `bytes` is the size class, up to a quarter more than the size; but
//! a row's bytes by its objects are the mean size, with which n is the number of samples taken, to the
//! last one of some hundreds. For blocks much smaller than R the relative error is 1/√n; for blocks much
//! larger, and at rate 1, where p is 1, there is none. Go's heap profiles are made in the same way,
//! and so can be read in the same way.

use crate::profile::tables::{LabelValue, Profile, Sample};

/// Half of a 95% interval, in standard errors.
pub const INTERVAL_95: f64 = 1.96;

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
pub struct Sampling<'a> {
    profile: &'a Profile,
    /// Whether the sample type counts bytes, not objects.
    bytes: bool,
    /// The sample types that count objects and bytes of the same blocks, if the profile has both.
    pair: Option<[usize; 2]>,
    /// For each label set, the size of the blocks, or the most that it can be.
    sizes: Vec<Option<i64>>,
}

impl<'a> Sampling<'a> {
    /// `None` if the profile is no sampled heap profile, or is merged from several with different
    /// rates: a row then does not say with which rate it was sampled.
    pub fn new(profile: &'a Profile, index: usize) -> Option<Sampling<'a>> {
        let period = &profile.period_type;
        let unit = profile.sample_types[index].unit.as_str();
        let is_heap = period.name == "space" && period.unit == "bytes" && profile.period > 0;
        if !is_heap || !profile.one_period || !["bytes", "count"].contains(&unit) {
            return None;
        }
        let sizes = profile.label_sets.iter().map(|labels| {
            labels.iter().find_map(|label| match label.value {
                LabelValue::Number(size, _) if profile.text(label.key) == "bytes" => {
                    Some(size).filter(|&size| size > 0)
                }
                _ => None,
            })
        });
        let pair = pair(profile, index);
        let sampling = Sampling { profile, bytes: unit == "bytes", pair, sizes: sizes.collect() };
        sampling.sizes.iter().any(Option::is_some).then_some(sampling)
    }

    /// The estimate that a sample is: `row` is its index, `value` its value, made of parts that are
    /// `gross` without their signs.
    pub fn estimate(&self, row: usize, sample: &Sample, value: i64, gross: i64) -> Estimate {
        let Some(class) = self.sizes[sample.labels as usize] else {
            return Estimate { value, ..Estimate::default() };
        };
        let size = self.mean_size(row).unwrap_or(class as f64);
        let weight = Weight::new(size, self.profile.period as f64, self.bytes);
        let samples = gross as f64 / weight.value;
        Estimate {
            value,
            // Blocks of one class differ a little in size, and so in what each stands for.
            samples: samples.round(),
            variance: weight.variance(samples),
        }
    }

    /// How the blocks of a row are sampled.
    pub fn weight(&self, row: usize, sample: &Sample) -> Weight {
        let class = self.sizes[sample.labels as usize].map(|class| class as f64);
        let size = self.mean_size(row).or(class).unwrap_or(self.profile.period as f64);
        Weight::new(size, self.profile.period as f64, self.bytes)
    }

    /// The mean size of the blocks of a row, if they are counted.
    fn mean_size(&self, row: usize) -> Option<f64> {
        let [objects, bytes] = self.pair?;
        let start = row * self.profile.sample_types.len();
        let values = &self.profile.gross.as_ref().unwrap_or(&self.profile.values)[start..];
        let mean = values[bytes] as f64 / values[objects] as f64;
        (mean.is_finite() && mean > 0.0).then_some(mean)
    }
}

/// The sample types `…_objects` and `…_space` of which that at `index` is one.
fn pair(profile: &Profile, index: usize) -> Option<[usize; 2]> {
    let (kind, _) = profile.sample_types[index].name.rsplit_once('_')?;
    let position = |what: &str| {
        let name = format!("{kind}_{what}");
        profile.sample_types.iter().position(|t| t.name == name)
    };
    Some([position("objects")?, position("space")?])
}

/// How blocks of one size are sampled.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    /// What a sampled block stands for.
    pub value: f64,
    /// With what probability a block is not sampled.
    pub missed: f64,
}

impl Weight {
    fn new(size: f64, rate: f64, bytes: bool) -> Weight {
        let missed = if rate <= 1.0 { 0.0 } else { (-size / rate).exp() };
        let probability = if rate <= 1.0 { 1.0 } else { -(-size / rate).exp_m1() };
        Weight { value: if bytes { size } else { 1.0 } / probability, missed }
    }

    /// The variance of what so many sampled blocks stand for together.
    pub fn variance(self, samples: f64) -> f64 {
        samples * self.value * self.value * self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heaptrace_pprof::SampleType;

    use crate::profile::tables::Label;

    /// The estimates of rows, each of blocks of these sizes that were sampled, all of one class.
    fn estimates(rate: f64, bytes: bool, rows: &[Vec<f64>]) -> Vec<Estimate> {
        let sample_type = |name: &str, unit: &str| SampleType { name: name.into(), unit: unit.into() };
        let mut profile = Profile {
            sample_types: vec![sample_type("alloc_objects", "count"), sample_type("alloc_space", "bytes")],
            period_type: sample_type("space", "bytes"),
            period: rate as i64,
            one_period: true,
            ..Profile::default()
        };
        let key = profile.strings.intern("bytes");
        for sizes in rows {
            let largest = sizes.iter().copied().fold(0.0, f64::max);
            let label = Label { key, value: LabelValue::Number(largest as i64, key) };
            let labels = profile.label_sets.intern(&[label]);
            profile.samples.push(Sample { stack: 0, labels });
            for bytes in [false, true] {
                let values = sizes.iter().map(|&size| Weight::new(size, rate, bytes).value);
                profile.values.push(values.sum::<f64>().round() as i64);
            }
        }
        let sampling = Sampling::new(&profile, usize::from(bytes)).unwrap();
        let samples = profile.values_of(usize::from(bytes)).enumerate();
        samples.map(|(row, (sample, value))| sampling.estimate(row, sample, value, value)).collect()
    }

    /// The estimate of `blocks` sampled blocks.
    fn estimate(size: f64, rate: f64, bytes: bool, blocks: usize) -> Estimate {
        estimates(rate, bytes, &[vec![size; blocks]])[0]
    }

    #[test]
    fn at_rate_one_there_is_no_error() {
        let exact = estimate(48.0, 1.0, true, 7);
        assert_eq!((exact.value, exact.samples, exact.variance), (336, 7.0, 0.0));
    }

    #[test]
    fn for_small_blocks_the_relative_error_is_one_over_the_root_of_the_samples() {
        for bytes in [false, true] {
            let small = estimate(48.0, 524_288.0, bytes, 100);
            assert!((small.samples - 100.0).abs() < 0.01);
            assert!((small.stderr() / small.value as f64 - 0.1).abs() < 1e-4);
        }
    }

    #[test]
    fn a_block_much_larger_than_the_rate_is_certain_to_be_seen() {
        let large = estimate(64e6, 524_288.0, true, 1);
        assert_eq!(large.value, 64_000_000);
        assert!(large.stderr() < 1.0);
    }

    #[test]
    fn three_samples_of_small_blocks_are_too_few_and_four_are_not() {
        assert!(estimate(48.0, 524_288.0, true, 3).within_noise());
        assert!(!estimate(48.0, 524_288.0, true, 4).within_noise());
    }

    #[test]
    fn the_samples_of_a_row_are_as_many_as_were_taken() {
        for rate in [1.0, 4096.0, 65_536.0, 524_288.0] {
            for class in [80.0, 20_480.0, 262_144.0, 1_048_576.0] {
                for (count, spread) in [(1, 0.0), (10, 0.2), (200, 0.2), (2000, 0.0)] {
                    let size = |i: usize| (class * (1.0 - spread * i as f64 / count as f64)).floor();
                    let sizes: Vec<f64> = (0..count).map(size).collect();
                    for bytes in [false, true] {
                        let estimate = &estimates(rate, bytes, std::slice::from_ref(&sizes))[0];
                        assert_eq!(estimate.samples, count as f64, "{rate} {class} {spread} {bytes}");
                    }
                }
            }
        }
    }

    /// Samples 1,000 blocks at rate R a thousand times, and compares the spread of the estimates with
    /// the variance that they say they have.
    #[test]
    fn the_spread_of_estimates_is_the_one_predicted() {
        let (size, rate, blocks, runs) = (4096.0, 16_384.0, 1000.0, 1000);
        let missed = Weight::new(size, rate, true).missed;
        let mut state = 88_172_645_463_325_252_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let sampled = |_| vec![size; (0..blocks as u32).filter(|_| random() >= missed).count()];
        let rows: Vec<Vec<f64>> = (0..runs).map(sampled).collect();
        let (mut sum, mut squares, mut predicted) = (0.0, 0.0, 0.0);
        for estimate in estimates(rate, true, &rows) {
            sum += estimate.value as f64;
            squares += (estimate.value as f64 - size * blocks).powi(2);
            predicted += estimate.variance;
        }
        let runs = f64::from(runs);
        assert!((sum / runs / (size * blocks) - 1.0).abs() < 0.01, "the estimate is unbiased");
        assert!((squares / predicted - 1.0).abs() < 0.15, "{}", squares / predicted);
    }
}
