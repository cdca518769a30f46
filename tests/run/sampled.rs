//! At any rate a profile is unbiased, and as precise as theory says.

use std::collections::BTreeMap;

use crate::support::{Ledger, Profile, Room};

/// Runs of the same program, with different seeds.
struct Runs {
    ledger: Ledger,
    /// For each function, the sizes of its blocks with their counts.
    blocks: BTreeMap<String, Vec<(f64, f64)>>,
    profiles: Vec<Profile>,
    rate: f64,
}

fn runs(rate: u64, seeds: u64) -> Runs {
    let room = Room::new();
    let mut runs =
        Runs { ledger: Ledger::default(), blocks: BTreeMap::new(), profiles: Vec::new(), rate: rate as f64 };
    for seed in 0..seeds {
        let launch = room.run("steady.c").rate(&rate.to_string());
        let ended = launch.option("-q").option("--seed").option(&(1000 + seed).to_string()).go().well();
        runs.profiles.push(room.profile("out.prof"));
        runs.ledger = ended.ledger();
        runs.blocks = blocks(&ended.text());
    }
    runs
}

fn blocks(text: &str) -> BTreeMap<String, Vec<(f64, f64)>> {
    let mut blocks: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in text.lines() {
        if let [function, "blocks", size, count] = line.split(' ').collect::<Vec<_>>()[..] {
            let pair = (size.parse().unwrap(), count.parse().unwrap());
            blocks.entry(function.to_owned()).or_default().push(pair);
        }
    }
    blocks
}

impl Runs {
    /// The variance of one run's estimate. A block of Z bytes is sampled with p = 1 − e^(−Z/R), on
    /// its own, and then counts as Z/p bytes: that has mean Z and variance Z²(1−p)/p. For objects it
    /// counts as 1/p: variance (1−p)/p. Variances of independent blocks add up.
    fn variance(&self, function: &str, index: &str) -> f64 {
        let of_block = |size: f64| {
            let p = -(-size / self.rate).exp_m1();
            let value = if index.ends_with("space") { size } else { 1.0 };
            value * value * (1.0 - p) / p
        };
        self.blocks[function].iter().map(|(size, count)| count * of_block(*size)).sum()
    }

    fn truth(&self, function: &str, index: &str) -> f64 {
        let at = crate::support::profile::INDEXES.iter().position(|name| *name == index).unwrap();
        self.ledger.0[function][at] as f64
    }

    fn estimates(&self, function: &str, index: &str) -> Vec<f64> {
        self.profiles.iter().map(|profile| profile.under(function, index) as f64).collect()
    }
}

/// The mean of n runs has the n-th part of the variance of one. Estimates are rounded to whole
/// numbers for each stack and size class, which adds less than 1 for each of some dozens.
///
/// Five standard errors: one good run in two million fails, for each function and index.
#[test]
fn the_mean_over_seeds_is_the_truth_for_each_function() {
    for (rate, seeds) in [(4096, 12), (64 << 10, 12)] {
        let runs = runs(rate, seeds);
        for function in runs.blocks.keys() {
            for index in ["alloc_space", "alloc_objects"] {
                let estimates = runs.estimates(function, index);
                let mean = estimates.iter().sum::<f64>() / seeds as f64;
                let error = (runs.variance(function, index) / seeds as f64).sqrt();
                let truth = runs.truth(function, index);
                assert!(
                    (mean - truth).abs() <= 5.0 * error + 50.0,
                    "{function} {index} at {rate}: {mean}, but it is {truth} within {error}"
                );
            }
        }
    }
}

/// What is in use is estimated from the same samples: what was freed is taken off exactly.
#[test]
fn what_is_in_use_is_estimated_without_bias_too() {
    let (rate, seeds) = (4096, 12);
    let runs = runs(rate, seeds);
    for function in runs.blocks.keys() {
        let mean = runs.estimates(function, "inuse_space").iter().sum::<f64>() / seeds as f64;
        // Fewer blocks are in use than were allocated, so that variance is a bound.
        let error = (runs.variance(function, "alloc_space") / seeds as f64).sqrt();
        let truth = runs.truth(function, "inuse_space");
        assert!(
            (mean - truth).abs() <= 5.0 * error + 50.0,
            "{function}: {mean}, but it is {truth} within {error}"
        );
    }
    for estimate in runs.estimates("small_freed", "inuse_space") {
        assert_eq!(estimate, 0.0, "what was freed is freed, sampled or not");
    }
}

/// The sum of squared standardized errors over n runs has a chi-square distribution with n degrees
/// of freedom: mean n, variance 2n. With n = 6 functions × 12 seeds = 72, five sigma above is 132.
/// Below: a spread that is too small would mean that seeds do not make runs independent.
#[test]
fn the_spread_is_that_of_theory() {
    let runs = runs(64 << 10, 12);
    let mut sum = 0.0;
    let mut n = 0.0;
    for function in runs.blocks.keys() {
        let (variance, truth) = (runs.variance(function, "alloc_space"), runs.truth(function, "alloc_space"));
        for estimate in runs.estimates(function, "alloc_space") {
            sum += (estimate - truth).powi(2) / variance;
            n += 1.0;
        }
    }
    let bound = 5.0 * f64::sqrt(2.0 * n);
    assert!((sum - n).abs() < bound, "{sum} of {n} ± {bound}");
}

#[test]
fn a_seed_makes_runs_of_a_program_with_one_thread_identical() {
    let values = |seed: &str| {
        let room = Room::new();
        room.run("ends.c").rate("1KiB").option("--seed").option(seed).go().well();
        let profile = room.profile("out.prof");
        profile
            .samples
            .into_iter()
            .map(|sample| (sample.stack, sample.bytes, sample.values))
            .collect::<Vec<_>>()
    };
    assert_eq!(values("42"), values("42"));
    assert_ne!(values("42"), values("43"));
}

#[test]
fn without_a_seed_runs_differ() {
    let values = || {
        let room = Room::new();
        room.run("ends.c").rate("1KiB").go().well();
        room.profile("out.prof").samples.iter().map(|sample| sample.values).collect::<Vec<_>>()
    };
    let first = values();
    assert!((0..5).any(|_| values() != first));
}
