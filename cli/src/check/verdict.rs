//! What a check has come to, as values: a renderer writes them.

use std::path::PathBuf;

use heaptrace_report::cost::Site;

use super::amount::Amount;
use super::budgets::Budget;

/// What became of a budget. The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// More than allowed, for sure.
    Over,
    /// Sampled, and the interval spans the limit.
    Undecided,
    /// No more than allowed.
    Within,
}

/// A budget with what was measured.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The budget.
    pub budget: Budget,
    /// The stack that it is about, of a budget for each.
    pub stack: Option<String>,
    /// What was measured.
    pub value: i64,
    /// The ends of its interval.
    pub low: i64,
    /// See `low`.
    pub high: i64,
    /// What is allowed.
    pub limit: i64,
    /// What the baseline has, if the limit is relative to it.
    pub base: Option<i64>,
    /// What became of it.
    pub outcome: Outcome,
    /// A rate at which it would be decided.
    pub deciding_rate: Option<u64>,
    /// The lines of code behind it, largest first.
    pub sites: Vec<(Site, i64)>,
}

impl Finding {
    /// An amount of what is limited.
    pub fn amount(&self, value: i64) -> Amount {
        Amount { value, is_bytes: self.budget.metric.is_bytes() }
    }

    /// How many times the limit was measured, to rank by.
    pub fn excess_ratio(&self) -> f64 {
        self.value as f64 / (self.limit as f64).max(1.0)
    }

    /// Whether the value is known to the last byte.
    pub fn is_exact(&self) -> bool {
        self.low == self.value && self.high == self.value
    }
}

/// A suppression with what it kept from being counted.
#[derive(Clone, Debug)]
pub struct Suppressed {
    /// As it was written.
    pub text: String,
    /// Where it stands; none if it is built in.
    pub origin: Option<String>,
    /// Whether its day is over, so that it keeps nothing.
    pub is_expired: bool,
    /// Bytes.
    pub amount: i64,
}

/// All findings.
#[derive(Debug)]
pub struct Verdict {
    /// The file of the budgets.
    pub path: PathBuf,
    /// Mean bytes between samples.
    pub rate: Option<u64>,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What was not counted as leaked, and why.
    pub suppressed: Vec<Suppressed>,
    /// Bytes of it.
    pub kept: i64,
}

impl Verdict {
    /// The worst of all outcomes.
    pub fn outcome(&self) -> Outcome {
        self.findings.iter().map(|finding| finding.outcome).min().unwrap_or(Outcome::Within)
    }

    /// How many findings have come to this.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.findings.iter().filter(|finding| finding.outcome == outcome).count()
    }

    /// What is not within its budget.
    pub fn bad(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.outcome != Outcome::Within)
    }

    /// The suppressions of files that are told of: expired, or without effect.
    pub fn idle(&self) -> impl Iterator<Item = &Suppressed> {
        self.suppressed.iter().filter(|known| known.origin.is_some() && known.amount == 0)
    }
}
