//! Holding a profile against its budgets.
//!
//! What was measured is an estimate with an error, and so is a limit that is relative to another profile.
//! Their difference decides: it is over where even the lower end of its 95% interval is above 0, within
//! where the upper end is not, else undecided. At rate 1 the interval is a point, and nothing is undecided.

use anyhow::{Context, Result, bail};
use heaptrace_report::INTERVAL_95;
use heaptrace_report::cost::{Cost, Metric, Site, Sum};

use super::account::Account;
use super::amount::Limit;
use super::budgets::{Budget, Budgets, Scope};
use super::verdict::{Finding, Outcome, Verdict};
use crate::messages::{budgets, verdict as words};

/// Lines of code that are told for what is over.
const SITES: usize = 3;

/// Judges `cost`, where limits are relative to `baseline`.
///
/// # Errors
/// If a profile does not count what is limited, or there is no baseline for a relative limit.
pub fn judge(budgets: &Budgets, cost: &Cost, baseline: Option<&Cost>) -> Result<Verdict> {
    let account = |cost| Account::new(cost, &budgets.suppressions);
    let (measured, base) = (account(cost), baseline.map(account));
    let mut findings = Vec::new();
    for budget in &budgets.budgets {
        if base.is_none() && budget.limit.is_relative() {
            bail!(budgets::no_baseline(&budgets.path, budget.line));
        }
        findings.extend(findings_of(budget, &measured, base.as_ref())?);
    }
    findings.sort_by(|a, b| a.outcome.cmp(&b.outcome).then(b.excess_ratio().total_cmp(&a.excess_ratio())));
    let limits_leaks = budgets.budgets.iter().any(|budget| budget.metric == Metric::Leaked);
    let (suppressed, kept) = if limits_leaks { measured.suppressed()? } else { Default::default() };
    Ok(Verdict { path: budgets.path.clone(), rate: cost.rate(), findings, suppressed, kept })
}

fn findings_of(budget: &Budget, measured: &Account, base: Option<&Account>) -> Result<Vec<Finding>> {
    if let Scope::EachStack = budget.scope {
        return findings_of_stacks(budget, measured, base);
    }
    let sum = measured.sum(&budget.scope, budget.metric)?;
    let allowed =
        allowed(budget.limit, base.map(|base| base.sum(&budget.scope, budget.metric)).transpose()?)?;
    let mut finding = decide(budget, measured.cost.rate(), sum, allowed, 1);
    if finding.outcome != Outcome::Within {
        let sites = |account: &Account| account.sites(&budget.scope, budget.metric);
        let base = base.filter(|_| budget.limit.is_relative()).map(sites).transpose()?;
        finding.sites = growth(sites(measured)?, &base.unwrap_or_default());
    }
    Ok(vec![finding])
}

/// One for each stack that is not within, or one for all that are.
fn findings_of_stacks(budget: &Budget, measured: &Account, base: Option<&Account>) -> Result<Vec<Finding>> {
    let by_stack = |account: &Account| account.by_stack(budget.metric);
    let stacks = by_stack(measured)?;
    let old = base.map(by_stack).transpose()?.unwrap_or_default();
    let rate = measured.cost.rate();
    let nothing = |account: &Account| account.nothing(budget.metric);
    let base_of = |key: u64| {
        let known = old.iter().find(|old| old.key == key).map(|old| old.sum);
        known.map_or_else(|| base.map_or(Ok(Sum::default()), nothing), Ok)
    };
    let mut findings = Vec::new();
    for stack in &stacks {
        let base = budget.limit.is_relative().then(|| base_of(stack.key)).transpose()?;
        let mut finding = decide(budget, rate, stack.sum, allowed(budget.limit, base)?, stacks.len());
        finding.stack = Some(words::stack(&stack.functions));
        finding.sites = vec![(stack.site.clone(), stack.sum.estimate.value)];
        findings.push(finding);
    }
    if !budget.limit.is_relative() {
        findings.push(decide(budget, rate, nothing(measured)?, allowed(budget.limit, None)?, 1));
    }
    match findings.iter().all(|finding| finding.outcome == Outcome::Within) {
        true => findings.truncate(1), // the largest
        false => findings.retain(|finding| finding.outcome != Outcome::Within),
    }
    Ok(findings)
}

/// What a limit allows, with its error.
fn allowed(limit: Limit, base: Option<Sum>) -> Result<Allowed> {
    let base = || base.context("a relative limit has a baseline");
    Ok(match limit {
        Limit::Absolute(value) => Allowed { value: value as f64, ..Allowed::default() },
        Limit::Percent(percent) => Allowed::of(base()?, 1.0 + percent / 100.0, 0.0),
        Limit::Change(change) => Allowed::of(base()?, 1.0, change as f64),
    })
}

#[derive(Clone, Copy, Debug, Default)]
struct Allowed {
    value: f64,
    variance: f64,
    unseen: f64,
    base: Option<i64>,
}

impl Allowed {
    fn of(base: Sum, factor: f64, more: f64) -> Allowed {
        let factor = factor.max(0.0);
        Allowed {
            value: (base.estimate.value as f64 * factor + more).max(0.0),
            variance: base.estimate.variance * factor * factor,
            unseen: base.unseen * factor,
            base: Some(base.estimate.value),
        }
    }
}

/// The finding for a sum, one of `comparisons` of which any may fail.
fn decide(budget: &Budget, rate: Option<u64>, sum: Sum, allowed: Allowed, comparisons: usize) -> Finding {
    let excess = sum.estimate.value as f64 - allowed.value;
    let half = errors(comparisons) * (sum.estimate.variance + allowed.variance).sqrt();
    let (below, above) = (half.max(allowed.unseen), half.max(sum.unseen));
    let rounding = allowed.value.abs() * 1e-12;
    // There is at least what was sampled: a block, and a byte of it, a sample.
    let low = (sum.estimate.value as f64 - half).max(sum.estimate.samples);
    let is_certain = allowed.base.is_none() && low > allowed.value;
    let outcome = if excess - below > rounding || is_certain {
        Outcome::Over
    } else if excess + above <= rounding {
        Outcome::Within
    } else {
        Outcome::Undecided
    };
    let error = if excess > 0.0 { below } else { above };
    Finding {
        budget: budget.clone(),
        stack: None,
        value: sum.estimate.value,
        low: (low as i64).min(sum.estimate.value),
        high: (sum.estimate.value as f64 + above) as i64,
        limit: allowed.value as i64,
        base: allowed.base,
        outcome,
        deciding_rate: rate
            .filter(|_| outcome == Outcome::Undecided)
            .and_then(|rate| deciding(rate, excess, error)),
        sites: Vec::new(),
    }
}

/// How many standard errors an interval reaches in which all of so many values are at once, 95 times in 100.
/// For more than one: what the tail of the normal distribution is at most, e^(−z²/2)/2, solved for z.
fn errors(comparisons: usize) -> f64 {
    match comparisons {
        0 | 1 => INTERVAL_95,
        count => (2.0 * (count as f64 / 0.05).ln()).sqrt().max(INTERVAL_95),
    }
}

/// A rate at which a difference of that size would be larger than its error, with some margin: a power of
/// two, or 1. The error grows with the root of the rate, and that of what no sample shows with the rate.
fn deciding(rate: u64, excess: f64, error: f64) -> Option<u64> {
    const LEAST: u64 = 256;
    const MARGIN: f64 = 0.5;
    let ratio = (excess.abs() / error).min(1.0);
    let wanted = (rate as f64 * ratio * ratio * MARGIN) as u64;
    (rate > 1).then(|| if wanted < LEAST { 1 } else { 1 << wanted.ilog2() })
}

/// What grew most since `base`, by function.
fn growth(sites: Vec<(Site, i64)>, base: &[(Site, i64)]) -> Vec<(Site, i64)> {
    let old = |site: &Site| {
        let same = base.iter().filter(|(old, _)| old.function == site.function);
        same.map(|(_, value)| value).sum::<i64>()
    };
    let mut grown: Vec<(Site, i64)> = Vec::new();
    if base.is_empty() {
        grown = sites;
    } else {
        for (site, value) in sites {
            match grown.iter_mut().find(|(known, _)| known.function == site.function) {
                Some((_, sum)) => *sum += value,
                None => grown.push((site, value)),
            }
        }
        grown.iter_mut().for_each(|(site, value)| *value -= old(site));
        grown.retain(|(_, value)| *value > 0);
        grown.sort_by_key(|(_, value)| -*value);
    }
    grown.truncate(SITES);
    grown
}

#[cfg(test)]
mod tests {
    use super::*;
    use heaptrace_report::Estimate;

    fn sum(value: i64, variance: f64, unseen: f64) -> Sum {
        Sum { estimate: Estimate { value, samples: f64::from(value > 0), variance }, unseen }
    }

    fn outcome(limit: Limit, measured: Sum, base: Option<Sum>) -> (Outcome, Option<u64>) {
        let budget = Budget {
            scope: Scope::Total,
            metric: Metric::Bytes,
            limit,
            is_forbidden: false,
            line: 1,
            reason: None,
        };
        let rate = if measured.unseen > 0.0 { 1 << 19 } else { 1 };
        let finding = decide(&budget, Some(rate), measured, allowed(limit, base).unwrap(), 1);
        (finding.outcome, finding.deciding_rate)
    }

    #[test]
    fn exact_values_are_decided_to_the_last_byte() {
        let at = |value| outcome(Limit::Absolute(1000), sum(value, 0.0, 0.0), None).0;
        assert_eq!((at(1000), at(1001)), (Outcome::Within, Outcome::Over));
        let of = |value, percent| {
            outcome(Limit::Percent(percent), sum(value, 0.0, 0.0), Some(sum(1000, 0.0, 0.0))).0
        };
        assert_eq!((of(1050, 5.0), of(1051, 5.0)), (Outcome::Within, Outcome::Over));
        assert_eq!((of(900, -10.0), of(901, -10.0)), (Outcome::Within, Outcome::Over));
        let by = |value| outcome(Limit::Change(7), sum(value, 0.0, 0.0), Some(sum(1000, 0.0, 0.0))).0;
        assert_eq!((by(1007), by(1008)), (Outcome::Within, Outcome::Over));
    }

    #[test]
    fn sampled_values_fail_only_beyond_their_interval_and_else_a_rate_is_told() {
        let (variance, unseen) = (1e10, 3.0 * 524_288.0); // a standard error of 100,000
        let at = |value| outcome(Limit::Absolute(10_000_000), sum(value, variance, unseen), None);
        assert_eq!(at(10_300_000), (Outcome::Over, None));
        assert_eq!(at(8_000_000), (Outcome::Within, None));
        assert!(
            matches!(at(10_100_000), (Outcome::Undecided, Some(rate)) if rate.is_power_of_two() && rate < 524_288)
        );
        assert_eq!(at(10_000_000), (Outcome::Undecided, Some(1)));
    }

    #[test]
    fn nothing_seen_is_not_nothing() {
        let forbidden = outcome(Limit::Absolute(0), sum(0, 0.0, 3.0 * 524_288.0), None);
        assert_eq!(forbidden, (Outcome::Undecided, Some(1)));
        assert_eq!(outcome(Limit::Absolute(2 << 20), sum(0, 0.0, 3.0 * 524_288.0), None).0, Outcome::Within);
        let leaked_once = outcome(Limit::Absolute(0), sum(600_000, 3.6e11, 3.0 * 524_288.0), None);
        assert_eq!(leaked_once.0, Outcome::Over, "and something seen is something");
        // Lost samples leave room for as much, which no rate would fill.
        assert_eq!(outcome(Limit::Absolute(0), sum(0, 0.0, 0.5), None).0, Outcome::Undecided);
    }

    #[test]
    fn the_error_of_the_baseline_counts_too() {
        let base = sum(1_000_000, 1e10, 3.0 * 524_288.0);
        let at = |value| outcome(Limit::Percent(0.0), sum(value, 0.0, 0.0), Some(base)).0;
        assert_eq!((at(1_100_000), at(3_000_000)), (Outcome::Undecided, Outcome::Over));
    }

    #[test]
    fn many_comparisons_ask_for_more() {
        assert_eq!(errors(1), 1.96);
        assert!(errors(10) > errors(1) && errors(1000) > errors(10) && errors(1000) < 5.0);
    }
}
