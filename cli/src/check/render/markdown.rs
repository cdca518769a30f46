//! A verdict as a table for the summary of a job, which GitHub shows up to a size of 1 MiB.

use crate::check::verdict::{Finding, Outcome, Verdict};
use crate::messages::verdict as words;

/// Largest size of a summary, in bytes, with room for what follows the table.
const SIZE_LIMIT: usize = (1 << 20) - (1 << 14);

/// Most notes behind the table.
const NOTES: usize = 20;

/// Longest text in a cell.
const CELL_LIMIT: usize = 400;

/// The text.
pub fn text(verdict: &Verdict) -> String {
    let mut out = format!("### heaptrace check: {}\n\n", words::verdict(verdict));
    out += "| | budget | measured | where |\n|---|---|---|---|\n";
    for (index, finding) in verdict.findings.iter().enumerate() {
        let row = row(finding);
        if out.len() + row.len() > SIZE_LIMIT {
            out += &format!("\n{} more rows\n", verdict.findings.len() - index);
            break;
        }
        out += &row;
    }
    let notes = verdict.idle().map(words::idle).take(NOTES).chain(words::kept(verdict));
    notes.for_each(|note| out += &format!("\n{}\n", cell(&note)));
    out
}

fn row(finding: &Finding) -> String {
    let mark = match finding.outcome {
        Outcome::Over => "❌",
        Outcome::Undecided => "❓",
        Outcome::Within => "✅",
    };
    let outcome = words::outcome(finding.outcome);
    let sites =
        finding.sites.iter().map(|(site, value)| format!("{} {}", finding.amount(*value), words::site(site)));
    let sites: Vec<_> = sites.map(|site| cell(&site)).collect();
    let (name, measured) = (cell(&words::name(finding)), cell(&words::finding(finding)));
    format!("| {mark} {outcome} | {name} | {measured} | {} |\n", sites.join("<br>"))
}

/// Text that is nothing but text in a cell of a table.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for c in text.chars().take(CELL_LIMIT) {
        match c {
            '&' => cell.push_str("&amp;"),
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            c if c.is_control() => cell.push(' '),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '~' | '!' | '@' | '$' => {
                cell.extend(['\\', c]);
            }
            c => cell.push(c),
        }
    }
    if text.chars().nth(CELL_LIMIT).is_some() {
        cell.push('…');
    }
    cell
}
