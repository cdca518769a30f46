//! Runs of a program at a rate with many seeds, and how near to the truth they have to be.

use std::collections::BTreeMap;

use crate::support::{Launch, Ledger, Profile, Room};

/// Runs of the same program, with different seeds.
pub struct Runs {
    ledger: Ledger,
    /// For each function, the sizes of its blocks with their counts.
    pub blocks: BTreeMap<String, Vec<(f64, f64)>>,
    pub profiles: Vec<Profile>,
    rate: f64,
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
    /// So many runs at a rate.
    pub fn of(rate: u64, seeds: u64, launch: impl Fn(&Room) -> Launch) -> Runs {
        let room = Room::new();
        let (ledger, rate_text) = (Ledger::default(), rate.to_string());
        let mut runs = Runs { ledger, blocks: BTreeMap::new(), profiles: Vec::new(), rate: rate as f64 };
        for seed in 0..seeds {
            let launch = launch(&room).rate(&rate_text).option("-q");
            let ended = launch.option("--seed").option(&(1000 + seed).to_string()).go().well();
            runs.profiles.push(room.profile("out.prof"));
            runs.ledger = ended.ledger();
            runs.blocks = blocks(&ended.text());
        }
        runs
    }

    /// The mean of n runs has the n-th part of the variance of one. Estimates are rounded to whole
    /// numbers for each stack and size class, which adds less than 1 for each of some dozens.
    ///
    /// Five standard errors: one good run in two million fails, for each function and index.
    #[track_caller]
    pub fn assert_means(&self, indexes: &[&str]) {
        assert!(!self.blocks.is_empty());
        for function in self.blocks.keys() {
            for index in indexes {
                let estimates = self.estimates(function, index);
                let mean = estimates.iter().sum::<f64>() / estimates.len() as f64;
                // Fewer blocks are in use than were allocated, so that their variance is a bound.
                let allocated = index.replace("inuse", "alloc");
                let error = (self.variance(function, &allocated) / estimates.len() as f64).sqrt();
                let truth = self.truth(function, index);
                assert!(
                    (mean - truth).abs() <= 5.0 * error + 50.0,
                    "{function} {index} at {}: {mean}, but it is {truth} within {error}",
                    self.rate
                );
            }
        }
    }

    /// The variance of one run's estimate. A block of Z bytes is sampled with p = 1 − e^(−Z/R), on
    /// its own, and then counts as Z/p bytes: that has mean Z and variance Z²(1−p)/p. For objects it
    /// counts as 1/p: variance (1−p)/p. Variances of independent blocks add up.
    pub fn variance(&self, function: &str, index: &str) -> f64 {
        let of_block = |size: f64| {
            let p = -(-size / self.rate).exp_m1();
            let value = if index.ends_with("space") { size } else { 1.0 };
            value * value * (1.0 - p) / p
        };
        self.blocks[function].iter().map(|(size, count)| count * of_block(*size)).sum()
    }

    pub fn truth(&self, function: &str, index: &str) -> f64 {
        let at = crate::support::profile::INDEXES.iter().position(|name| *name == index).unwrap();
        self.ledger.0[function][at] as f64
    }

    pub fn estimates(&self, function: &str, index: &str) -> Vec<f64> {
        self.profiles.iter().map(|profile| profile.under(function, index) as f64).collect()
    }
}
