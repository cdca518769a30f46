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

/// More blocks than that take long.
const MANY: u64 = 10_000_000;

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

/// Blocks, their size, and the size of a leak: far more than the budgets allow that are the first to notice, so
/// that they are beyond the interval of a sampled profile too.
fn size(verdict: &Verdict, rate: u64) -> [u64; 3] {
    let least = |metric| {
        let counts = |finding: &&Finding| {
            finding.budget.metric == metric && !matches!(finding.budget.scope, Scope::Function(_))
        };
        let limits = verdict.findings.iter().filter(counts).map(|finding| finding.limit.max(0) as u64);
        limits.min().map(|limit| limit.saturating_mul(2))
    };
    let more = LEAST.max(64 * rate);
    let (allocs, bytes) = (least(Metric::Allocs), least(Metric::Bytes));
    // Where bytes are limited too, a great many blocks are not needed.
    let count = allocs.filter(|&count| bytes.is_none() || count <= MANY).unwrap_or(0) + COUNT;
    let peak = least(Metric::Peak).filter(|_| allocs.is_none() && bytes.is_none());
    let leak = least(Metric::Leaked).max(peak).unwrap_or(0);
    [count, (bytes.unwrap_or(0) + more).div_ceil(count), leak + more]
}
