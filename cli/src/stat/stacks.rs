//! Names the stacks that make the difference: both programs run once more, and every call is recorded.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use heaptrace_report::cost::{Cost, Metric, Site, StackCost};
use heaptrace_report::grouped;

use super::comparison::MetricPair;
use super::metric::Kind;
use super::stdin::Stdin;
use crate::messages::stat as words;
use crate::run;

/// Stacks that are named for each number.
const MOST: usize = 5;

/// What a profile can say of a number.
fn of_profile(key: &str) -> Option<Metric> {
    match key {
        "allocs" => Some(Metric::Allocs),
        "bytes" => Some(Metric::Bytes),
        "inuse_bytes" => Some(Metric::Leaked),
        "peak_bytes" => Some(Metric::Peak),
        _ => None,
    }
}

/// What to say of the stacks behind the numbers that differ, if there are such.
pub fn name(
    before: Option<&[OsString]>,
    after: &[OsString],
    rows: &[MetricPair],
    stdin: &mut Stdin,
) -> Vec<String> {
    let differ: Vec<_> = rows
        .iter()
        .filter(|row| row.verdict.is_difference())
        .filter_map(|row| Some((row, of_profile(row.metric.key)?)))
        .collect();
    if differ.is_empty() {
        return Vec::new();
    }
    let Some(before) = before else { return vec![words::BASELINE_HAS_NO_STACKS.to_owned()] };
    named(before, after, &differ, stdin).unwrap_or_else(|why| vec![words::no_stacks(&why)])
}

fn named(
    before: &[OsString],
    after: &[OsString],
    differ: &[(&MetricPair, Metric)],
    stdin: &mut Stdin,
) -> Result<Vec<String>> {
    let (before, after) = (recorded(before, stdin)?, recorded(after, stdin)?);
    let mut lines = Vec::new();
    for (row, metric) in differ {
        let changes = changes(&before, &after, *metric)?;
        let rest = changes.len().saturating_sub(MOST);
        if !changes.is_empty() {
            lines.push(words::stacks(row.metric.label));
            lines.extend(
                changes.iter().take(MOST).map(|change| format!("  {}", line(row.metric.kind, change))),
            );
        }
        if rest > 0 {
            lines.push(format!("  {}", words::more_stacks(rest)));
        }
    }
    Ok(lines)
}

/// The profile of a program and of what it starts.
fn recorded(command: &[OsString], stdin: &mut Stdin) -> Result<Cost> {
    let room = tempfile::Builder::new().prefix("heaptrace-stat-").tempdir()?;
    let options = ["--rate", "1", "--output"].map(OsString::from).into_iter();
    let options = options.chain([run::pattern_in(room.path())]);
    stdin.rewind()?;
    run::record_apart(options, command.iter().map(OsString::as_os_str), Stdio::inherit())?;
    let entries = std::fs::read_dir(room.path())?;
    let files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    ensure!(
        !files.is_empty(),
        words::not_recorded(command.first().map_or(OsStr::new(""), OsString::as_os_str))
    );
    Cost::read(&files).context("its profile cannot be read")
}

/// A stack, and by how much it has changed.
struct Change {
    by: i64,
    stack: StackCost,
}

/// The stacks that differ, the largest differences first.
fn changes(before: &Cost, after: &Cost, metric: Metric) -> Result<Vec<Change>> {
    let mut changes: HashMap<u64, Change> = HashMap::new();
    for (cost, sign) in [(before, -1), (after, 1)] {
        for stack in cost.by_stack(metric, &cost.all())? {
            let value = sign * stack.sum.estimate.value;
            changes.entry(stack.key).or_insert(Change { by: 0, stack }).by += value;
        }
    }
    let mut changes: Vec<_> = changes.into_values().filter(|change| change.by != 0).collect();
    changes.sort_by_key(|change| (-change.by.abs(), change.stack.key));
    Ok(changes)
}

fn line(kind: Kind, Change { by, stack }: &Change) -> String {
    let sign = if *by < 0 { "-" } else { "+" };
    let amount = match kind {
        Kind::Count => grouped(by.unsigned_abs()),
        _ => kind.text(by.unsigned_abs() as f64),
    };
    let Site { file, line, .. } = &stack.site;
    let place = match (file.is_empty(), line) {
        (true, _) => String::new(),
        (false, 0) => format!(" ({file})"),
        (false, line) => format!(" ({file}:{line})"),
    };
    let mut functions = stack.functions.iter();
    let leaf = functions.next().map_or("", String::as_str);
    let callers: String = functions.map(|function| format!(" < {function}")).collect();
    format!("{sign}{amount} {leaf}{place}{callers}")
}
