//! What was counted, as text for people.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use heaptrace_channel::counters::Family;
use heaptrace_collector::counting::{Counts, ProcessCounts};
use heaptrace_report::grouped;

use super::comparison::{MetricPair, SIGNIFICANCE, Verdict};
use super::metric::{Kind, METRICS, Metric};
use super::runs::{Numbers, Runs};
use crate::table;

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn bytes(value: impl TryInto<i64>) -> String {
    Kind::Bytes.text(value.try_into().unwrap_or(i64::MAX) as f64)
}

/// A program that ran once: all that was counted. Several times: each number with its scatter, too.
pub fn runs(runs: &Runs) -> Vec<String> {
    let mut lines = vec![heading(runs)];
    if runs.values.len() > 1 {
        lines.extend(indented(scatter(runs)));
        lines.push("of the last run:".to_owned());
    }
    let totals = runs.totals();
    lines.extend(indented(table::numbers(&families(&totals))));
    lines.extend(indented(rest(&totals)));
    lines.extend(indented(table::numbers(&programs(&runs.last.processes))));
    lines.extend(indented(table::numbers(&sizes(&totals))));
    lines
}

fn indented(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("  {line}"))
}

fn heading(runs: &Runs) -> String {
    let count: u64 = runs.last.processes.iter().map(|process| process.processes).sum();
    let processes = format!("{} process{}", grouped(count), if count == 1 { "" } else { "es" });
    match runs.values.len() {
        1 => {
            let text = |key| {
                let metric = metric(key);
                metric.kind.text(runs.numbers(metric).median())
            };
            let per =
                runs.per.map_or(String::new(), |per| format!(" for each of {} operations", grouped(per)));
            let (time, cpu, rss) = (text("wall_ns"), text("cpu_ns"), text("rss_bytes"));
            format!("{}: {processes}, {time}, CPU {cpu}{per}, peak RSS {rss}", runs.name())
        }
        n => format!("{}: {n} runs, the last with {processes}", runs.name()),
    }
}

fn metric(key: &str) -> &'static Metric {
    METRICS.iter().find(|metric| metric.key == key).expect("it is one of them")
}

/// What a metric is called, for each operation where that has a meaning.
pub fn label(metric: &Metric, per: Option<u64>) -> String {
    let per = if per.is_some() && metric.kind.is_per_operation() { "/op" } else { "" };
    format!("{}{per}", metric.label)
}

/// The numbers of a metric: one that is exact, or the median and its interval.
pub fn value(metric: &Metric, numbers: &Numbers) -> String {
    let text = |value| metric.kind.text(value);
    if numbers.are_equal() || numbers.all.len() < 2 {
        return text(numbers.median());
    }
    let (low, high) = numbers.interval().unwrap_or(numbers.range());
    format!("{} [{} … {}]", text(numbers.median()), text(low), text(high))
}

fn scatter(runs: &Runs) -> Vec<String> {
    let rows: Vec<_> = METRICS
        .iter()
        .filter_map(|metric| {
            let numbers = runs.numbers(metric);
            let is_wanted = metric.is_main || numbers.range() != (0.0, 0.0);
            let kind = match (metric.kind.may_be_exact() && numbers.are_exact(), numbers.interval()) {
                (true, _) => "exact",
                (false, Some(_)) => "median and 95%",
                (false, None) => "median and range",
            };
            is_wanted.then(|| vec![label(metric, runs.per), value(metric, &numbers), kind.to_owned()])
        })
        .collect();
    table::numbers(&rows)
}

fn families(counts: &Counts) -> Vec<Vec<String>> {
    let mut rows = vec![cells(["", "calls", "requested", "failed"])];
    let mut row = |name: &str, calls, requested, failures| {
        rows.push(vec![name.to_owned(), grouped(calls), bytes(requested), grouped(failures)]);
    };
    for family in Family::ALL {
        let of = counts.family(family);
        if of.calls() > 0 || of.failures > 0 {
            row(family.name(), of.calls(), of.bytes, of.failures);
        }
    }
    row("all", counts.allocations(), counts.bytes(), counts.failures());
    rows
}

fn rest(counts: &Counts) -> Vec<String> {
    let mut rows = vec![cells(["frees", &grouped(counts.frees)])];
    if counts.family(Family::Realloc).calls() > 0 {
        let moves = format!("in place {}, moved {}", grouped(counts.in_place), grouped(counts.moved));
        rows.push(vec!["reallocs".to_owned(), moves]);
    }
    if counts.zeros() > 0 {
        rows.push(vec!["requests for 0 bytes".to_owned(), grouped(counts.zeros())]);
    }
    let within = match counts.peak_within {
        0 => String::new(),
        within => format!(" (to within {})", bytes(within)),
    };
    let (end, peak) = (bytes(counts.in_use), bytes(counts.peak));
    rows.push(vec!["in use".to_owned(), format!("{end} at the end, {peak} at the peak{within}")]);
    table::lines(&rows, |_| false)
}

/// The programs, if there are several, or several processes: those that allocated most first.
fn programs(processes: &[ProcessCounts]) -> Vec<Vec<String>> {
    if processes.len() < 2 {
        return Vec::new();
    }
    let mut programs: BTreeMap<&OsStr, (u64, Counts)> = BTreeMap::new();
    for process in processes {
        let program = programs.entry(&process.name).or_default();
        program.0 += process.processes;
        program.1 += &process.counts;
    }
    let mut programs: Vec<_> = programs.into_iter().collect();
    programs.sort_by_key(|(_, (_, counts))| std::cmp::Reverse(counts.bytes()));
    let titles = ["program", "processes", "allocations", "requested", "frees", "at the end", "largest peak"];
    let rows = programs.iter().map(|(name, (count, counts))| {
        let name = name.to_string_lossy().into_owned();
        let (allocations, frees) = (grouped(counts.allocations()), grouped(counts.frees));
        let [requested, end] = [counts.bytes() as i64, counts.in_use].map(bytes);
        vec![name, grouped(*count), allocations, requested, frees, end, bytes(counts.peak)]
    });
    std::iter::once(cells(titles)).chain(rows).collect()
}

/// The calls for each class of sizes that has some.
fn sizes(counts: &Counts) -> Vec<Vec<String>> {
    const WIDEST: f64 = 30.0;
    let histogram = counts.histogram();
    let all = counts.allocations().max(1) as f64;
    let rows = histogram.iter().enumerate().filter(|(_, count)| **count > 0).map(|(class, &count)| {
        let share = count as f64 / all;
        let bar = "#".repeat((share * WIDEST).round() as usize);
        vec![class_name(class), grouped(count), format!("{:.1}%", share * 100.0), format!("{bar:<30}")]
    });
    std::iter::once(cells(["size", "calls"])).chain(rows).collect()
}

/// The sizes of a class.
pub fn class_name(class: usize) -> String {
    match class {
        0 | 1 => format!("{class}B"),
        _ => format!("{} to {}", bytes(1u64 << (class - 1)), bytes((1u64 << class) - 1)),
    }
}

/// Two programs beside each other.
pub fn comparison(rows: &[MetricPair], before: &Runs, after: &Runs) -> Vec<String> {
    let title = |runs: &Runs, role: &str| match before.name() == after.name() {
        true => role.to_owned(),
        false => runs.name().to_owned(),
    };
    let mut table =
        vec![vec![String::new(), title(before, "before"), title(after, "after"), "change".to_owned()]];
    table.extend(rows.iter().map(|row| {
        vec![
            label(row.metric, after.per),
            value(row.metric, &row.before),
            value(row.metric, &row.after),
            change(row),
            verdict(row.verdict),
        ]
    }));
    table::numbers(&table)
}

/// By how much a median has changed.
pub fn change(row: &MetricPair) -> String {
    match (row.verdict, row.change()) {
        (Verdict::Same, _) => "=".to_owned(),
        (Verdict::Alike(_), _) => "~".to_owned(),
        (_, Some(change)) => format!("{change:+.2}%"),
        (_, None) if row.after.median() == 0.0 => "=".to_owned(),
        (_, None) => format!("+{}", row.metric.kind.text(row.after.median())),
    }
}

/// How sure that is.
pub fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Same | Verdict::Changed => "exact".to_owned(),
        Verdict::Differs(p) | Verdict::Alike(p) if p < 0.001 => "p<0.001".to_owned(),
        Verdict::Differs(p) | Verdict::Alike(p) => {
            debug_assert!(matches!(verdict, Verdict::Differs(_)) == (p <= SIGNIFICANCE));
            format!("p={p:.3}")
        }
        Verdict::Unknown => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_named_by_its_sizes() {
        assert_eq!(class_name(0), "0B");
        assert_eq!(class_name(1), "1B");
        assert_eq!(class_name(2), "2B to 3B");
        assert_eq!(class_name(11), "1kB to 2kB");
    }
}
