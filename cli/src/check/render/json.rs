//! A verdict for programs.

use heaptrace_report::cost;
use serde::Serialize;

use crate::check::verdict::{Finding, Suppressed, Verdict};
use crate::messages::verdict as words;

#[derive(Serialize)]
struct Document<'a> {
    outcome: &'static str,
    rate: Option<u64>,
    budgets: Vec<Budget<'a>>,
    suppressions: Vec<Suppression<'a>>,
}

#[derive(Serialize)]
struct Budget<'a> {
    name: String,
    metric: &'static str,
    unit: &'static str,
    outcome: &'static str,
    value: i64,
    low: i64,
    high: i64,
    limit: i64,
    baseline: Option<i64>,
    deciding_rate: Option<u64>,
    stack: Option<&'a str>,
    line: usize,
    reason: Option<&'a str>,
    sites: Vec<Site<'a>>,
}

#[derive(Serialize)]
struct Site<'a> {
    function: &'a str,
    file: &'a str,
    line: i64,
    value: i64,
}

#[derive(Serialize)]
struct Suppression<'a> {
    text: &'a str,
    place: &'a str,
    expired: bool,
    bytes: i64,
}

/// The document.
pub fn text(verdict: &Verdict) -> String {
    let of_files = verdict.suppressed.iter().filter_map(suppression);
    let document = Document {
        outcome: words::outcome(verdict.outcome()),
        rate: verdict.rate,
        budgets: verdict.findings.iter().map(budget).collect(),
        suppressions: of_files.collect(),
    };
    serde_json::to_string_pretty(&document).expect("it has no maps, whose keys could be wrong") + "\n"
}

fn budget(finding: &Finding) -> Budget<'_> {
    let place = |(site, value): &'_ (cost::Site, i64)| (*value, site.line);
    Budget {
        name: words::name(finding),
        metric: words::metric(finding.budget.metric),
        unit: if finding.budget.metric.is_bytes() { "bytes" } else { "count" },
        outcome: words::outcome(finding.outcome),
        value: finding.value,
        low: finding.low,
        high: finding.high,
        limit: finding.limit,
        baseline: finding.base,
        deciding_rate: finding.deciding_rate,
        stack: finding.stack.as_deref(),
        line: finding.budget.line,
        reason: finding.budget.reason.as_deref(),
        sites: finding
            .sites
            .iter()
            .map(|known| {
                let (value, line) = place(known);
                Site { function: &known.0.function, file: &known.0.file, line, value }
            })
            .collect(),
    }
}

fn suppression(known: &Suppressed) -> Option<Suppression<'_>> {
    let place = known.origin.as_deref()?;
    Some(Suppression { text: &known.text, place, expired: known.is_expired, bytes: known.amount })
}
