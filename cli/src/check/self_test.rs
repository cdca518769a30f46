//! Proof that the gate can shut: what was measured, with an allocation and a leak added that are really
//! made by a program which is really profiled, must be over budget.

use std::path::PathBuf;

use anyhow::Result;
use heaptrace_report::cost::{Cost, Metric};
use heaptrace_report::say::say;

use super::budgets::{Budgets, Scope};
use super::judge::judge;
use super::recording::Room;
use super::verdict::{Finding, Outcome, Verdict};
use crate::messages::verdict as words;

/// Least number of blocks.
const COUNT: u64 = 1024;

/// Least bytes in all.
const LEAST: u64 = 1 << 20;

/// What to exit with if the gate stays open.
const OPEN: u8 = 3;

/// Runs the test of these budgets; answers what to exit with.
///
/// # Errors
/// If nothing can be judged.
pub fn run(
    budgets: &Budgets,
    cost: &Cost,
    files: &[PathBuf],
    baseline: Option<&Cost>,
    room: &Room,
) -> Result<u8> {
    let before = judge(budgets, cost, baseline)?;
    let rate = cost.rate().unwrap_or(1);
    let wasted = room.waste(rate, size(&before, rate))?;
    let files: Vec<_> = files.iter().cloned().chain(wasted).collect();
    let after = judge(budgets, &Cost::read(&files)?, baseline)?;
    let tripped = |is_wanted: fn(Metric) -> bool| {
        let is_of = |finding: &&Finding| is_wanted(finding.budget.metric) && finding.outcome == Outcome::Over;
        let is_new = |finding: &&Finding| {
            let is_same =
                |old: &&Finding| old.budget.line == finding.budget.line && old.stack == finding.stack;
            before.findings.iter().find(is_same).is_none_or(|old| old.value < finding.value)
        };
        after.findings.iter().filter(is_of).find(is_new).map(words::name)
    };
    let allocation = tripped(|metric| metric != Metric::Leaked);
    let leak = tripped(|metric| metric == Metric::Leaked);
    say(words::self_test("an allocation", allocation.as_deref()));
    say(words::self_test("a leak", leak.as_deref()));
    Ok(if allocation.is_some() && leak.is_some() { 0 } else { OPEN })
}

/// Blocks, their size, and the size of a leak: far more than any budget allows that they count for, so
/// that they are beyond the interval of a sampled profile too.
fn size(verdict: &Verdict, rate: u64) -> [u64; 3] {
    let allowed = |metrics: &[Metric]| {
        let counts = |finding: &&Finding| {
            metrics.contains(&finding.budget.metric) && !matches!(finding.budget.scope, Scope::Function(_))
        };
        let limits = verdict.findings.iter().filter(counts).map(|finding| finding.limit.max(0) as u64);
        limits.max().unwrap_or(0).saturating_mul(2)
    };
    let least = LEAST.max(64 * rate);
    let count = allowed(&[Metric::Allocs]) + COUNT;
    let bytes = allowed(&[Metric::Bytes]) + least;
    [count, bytes.div_ceil(count), allowed(&[Metric::Leaked, Metric::Peak]) + least]
}
