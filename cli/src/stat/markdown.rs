//! What was counted, as a Markdown table, for a summary of a job or a message.

use super::comparison::MetricPair;
use super::metric::METRICS;
use super::runs::Runs;
use super::text::{change, label, value, verdict};

fn row(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |", cells.join(" | "))
}

/// A program.
pub fn runs(runs: &Runs) -> Vec<String> {
    let mut lines = vec![row(&[String::new(), runs.name().to_owned()]), "|---|--:|".to_owned()];
    lines.extend(METRICS.iter().filter_map(|metric| {
        let numbers = runs.numbers(metric);
        let is_wanted = metric.is_main || numbers.range() != (0.0, 0.0);
        is_wanted.then(|| row(&[label(metric, runs.per), value(metric, &numbers)]))
    }));
    lines
}

/// Two programs beside each other.
pub fn comparison(rows: &[MetricPair], after: &Runs) -> Vec<String> {
    let titles = ["", "before", "after", "change", ""].map(str::to_owned);
    let mut lines = vec![row(&titles), "|---|--:|--:|--:|---|".to_owned()];
    lines.extend(rows.iter().map(|of| {
        row(&[
            label(of.metric, after.per),
            value(of.metric, &of.before),
            value(of.metric, &of.after),
            match of.verdict.is_difference() {
                true => format!("**{}**", change(of)),
                false => change(of),
            },
            verdict(of.verdict),
        ])
    }));
    lines
}
