//! Go's benchmark format, which benchstat reads: golang.org/design/14313-benchmark-format, and what
//! golang.org/x/perf/benchfmt says of it.
//!
//! A line is a run: `BenchmarkNAME COUNT VALUE UNIT…`. Lines `KEY: VALUE` before it tell of what follows, so
//! that `benchstat -col version` compares two programs in one file. `Unit UNIT assume=exact` tells that a
//! number has no scatter.

use super::metric::METRICS;
use super::runs::Runs;

/// The lines for programs, each with its role.
pub fn lines(programs: &[(&str, &Runs)]) -> Vec<String> {
    let mut lines = vec!["goos: linux".to_owned(), "goarch: amd64".to_owned()];
    for metric in &METRICS {
        let is_exact = |runs: &Runs| metric.kind.may_be_exact() && runs.numbers(metric).are_exact();
        let assume = if programs.iter().all(|(_, runs)| is_exact(runs)) { "exact" } else { "nothing" };
        lines.push(format!("Unit {} assume={assume} better=lower", metric.unit));
    }
    // Both have one name, or nothing would be compared.
    let name = programs.last().map_or(String::new(), |(_, runs)| benchmark_name(runs.name()));
    for (role, runs) in programs {
        lines.push(format!("version: {role}"));
        for run in 0..runs.values.len() {
            let values = METRICS
                .iter()
                .map(|metric| format!("{} {}", number(runs.numbers(metric).all[run]), metric.unit));
            let values: Vec<_> = values.collect();
            lines.push(format!("{name} {} {}", runs.per.unwrap_or(1), values.join(" ")));
        }
    }
    lines
}

/// `Benchmark` and a name that does not begin with a small letter nor has spaces in it.
fn benchmark_name(program: &str) -> String {
    let mut letters = program.chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c });
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let start = if first.starts_with(char::is_alphabetic) { "" } else { "_" };
    format!("Benchmark{start}{first}{}", letters.collect::<String>())
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heaptrace_collector::counting::Counted;

    fn runs(per: Option<u64>, allocations: &[f64]) -> Runs {
        let values = allocations.iter().map(|&allocations| {
            let mut values = [0.0; METRICS.len()];
            (values[0], values[1], values[METRICS.len() - 1]) = (allocations, 4096.0, 12345.0 + allocations);
            values
        });
        let command = vec!["./bin/sort it".to_owned()];
        Runs { command, per, values: values.collect(), last: Counted::default() }
    }

    /// The rules of benchfmt's reader: a name that begins with `Benchmark` and then no small letter, a count
    /// above 0, and pairs of a number and a unit without spaces.
    #[test]
    fn lines_are_what_benchstat_reads() {
        let (before, after) = (runs(Some(100), &[500.0; 3]), runs(Some(100), &[300.0, 301.0, 302.0]));
        let lines = lines(&[("before", &before), ("after", &after)]);
        assert!(lines.contains(&"Unit B/op assume=exact better=lower".to_owned()), "{lines:?}");
        assert!(lines.contains(&"Unit allocs/op assume=nothing better=lower".to_owned()));
        let (mut versions, mut count) = (Vec::new(), 0);
        for line in &lines {
            let fields: Vec<_> = line.split_whitespace().collect();
            if let Some(name) = fields[0].strip_prefix("Benchmark") {
                assert!(!name.starts_with(char::is_lowercase));
                assert!(fields[1].parse::<u64>().unwrap() > 0 && fields.len() % 2 == 0, "{line}");
                assert!(fields[2..].chunks(2).all(|pair| pair[0].parse::<f64>().is_ok()), "{line}");
                count += 1;
            } else if fields[0] == "Unit" {
                assert!(fields[2..].iter().all(|pair| pair.contains('=')), "{line}");
            } else {
                assert!(fields[0].ends_with(':') && fields[0].starts_with(char::is_lowercase), "{line}");
                versions.extend((fields[0] == "version:").then(|| fields[1].to_owned()));
            }
        }
        assert_eq!((versions, count), (vec!["before".to_owned(), "after".to_owned()], 6));
        assert!(lines.iter().any(|line| line.starts_with("BenchmarkSort_it 100 3.01 allocs/op 40.96 B/op")));
    }
}
