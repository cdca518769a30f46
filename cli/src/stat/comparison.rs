//! Two programs compared: what differs, and how sure that is.

use super::metric::{METRICS, Metric};
use super::runs::{Numbers, RUNS_FOR_EXACT, Runs};
use super::statistics::{holm, mann_whitney};

/// What is called a difference is by chance at most so often: in all numbers together that are not exact.
pub const SIGNIFICANCE: f64 = 0.05;

/// A metric of both programs.
#[derive(Debug, Clone)]
pub struct MetricPair {
    /// Which.
    pub metric: &'static Metric,
    /// The first program's numbers.
    pub before: Numbers,
    /// The second one's.
    pub after: Numbers,
    /// What can be said of them.
    pub verdict: Verdict,
}

/// Whether two programs differ in a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Both have the same number in every run: the same one.
    Same,
    /// Both have the same number in every run: two different ones.
    Changed,
    /// They differ, with this p.
    Differs(f64),
    /// There is no difference to be seen, with this p.
    Alike(f64),
    /// Too few runs to say anything.
    Unknown,
}

impl Verdict {
    /// Is there a difference?
    pub fn is_difference(self) -> bool {
        matches!(self, Verdict::Changed | Verdict::Differs(_))
    }
}

/// The metrics of both, but for those that are 0 in all runs and of no interest then.
pub fn compare(before: &Runs, after: &Runs) -> Vec<MetricPair> {
    let mut rows: Vec<_> = METRICS
        .iter()
        .map(|metric| {
            let (before, after) = (before.numbers(metric), after.numbers(metric));
            MetricPair { metric, verdict: exact_verdict(metric, &before, &after), before, after }
        })
        .filter(|row| {
            row.metric.is_main || row.before.range() != (0.0, 0.0) || row.after.range() != (0.0, 0.0)
        })
        .collect();
    let is_tested = |row: &&mut MetricPair| {
        row.verdict == Verdict::Unknown && row.before.all.len().min(row.after.all.len()) >= RUNS_FOR_EXACT
    };
    let tested: Vec<_> = rows.iter_mut().filter(is_tested).collect();
    let ps: Vec<_> = tested.iter().map(|row| mann_whitney(&row.before.all, &row.after.all)).collect();
    for (row, p) in tested.into_iter().zip(holm(&ps)) {
        row.verdict = if p <= SIGNIFICANCE { Verdict::Differs(p) } else { Verdict::Alike(p) };
    }
    rows
}

fn exact_verdict(metric: &Metric, before: &Numbers, after: &Numbers) -> Verdict {
    if !(metric.kind.may_be_exact() && before.are_exact() && after.are_exact()) {
        Verdict::Unknown
    } else if before.median() == after.median() {
        Verdict::Same
    } else {
        Verdict::Changed
    }
}

impl MetricPair {
    /// By how much the median has changed, in percent; `None` from 0.
    pub fn change(&self) -> Option<f64> {
        let (before, after) = (self.before.median(), self.after.median());
        (before != 0.0).then(|| (after / before - 1.0) * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heaptrace_collector::counting::Counted;

    /// Numbers that a seed makes: their times scatter, and so do their counts if `counts_scatter`.
    fn runs(random: &mut u64, change: impl Fn(&mut f64, usize), counts_scatter: bool) -> Runs {
        let mut noise = || {
            *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*random >> 40) as f64 / (1u64 << 24) as f64
        };
        let mut values = Vec::new();
        for _ in 0..10 {
            values.push(std::array::from_fn(|index| {
                let scatters = counts_scatter || !METRICS[index].kind.may_be_exact();
                let mut value =
                    1e6 + if scatters { (noise() * 1000.0 + noise() * 3000.0).round() } else { 0.0 };
                change(&mut value, index);
                value
            }));
        }
        Runs { command: vec!["prog".to_owned()], per: None, values, last: Counted::default() }
    }

    const NO_CHANGE: fn(&mut f64, usize) = |_, _| {};

    #[test]
    fn where_there_is_no_difference_few_are_told_and_none_that_are_exact() {
        const TIMES: usize = 200;
        let (mut random, mut alarms) = (1, [0, 0]);
        for time in 0..TIMES {
            let scatters = time % 2 == 0;
            let (before, after) =
                (runs(&mut random, NO_CHANGE, scatters), runs(&mut random, NO_CHANGE, scatters));
            let rows = compare(&before, &after);
            let told = |is_told: fn(&MetricPair) -> bool| usize::from(rows.iter().any(is_told));
            alarms[0] += told(|row| row.verdict == Verdict::Changed);
            alarms[1] += told(|row| matches!(row.verdict, Verdict::Differs(_)));
        }
        assert_eq!(alarms[0], 0);
        // One comparison in twenty may have one: of 200 there are more than 16 with such, by chance, in 2 of 100
        // (binomial). The seed is always the same.
        assert!(alarms[1] <= 16, "{alarms:?}");
    }

    #[test]
    fn differences_are_told_by_one_in_a_million_where_it_is_exact_and_by_the_twentieth_where_not() {
        let mut random = 7;
        for _ in 0..100 {
            let before = runs(&mut random, NO_CHANGE, false);
            let after = runs(
                &mut random,
                |value, index| match METRICS[index].key {
                    "allocs" => *value += 1.0,
                    "rss_bytes" => *value *= 1.05,
                    _ => {}
                },
                false,
            );
            let rows = compare(&before, &after);
            let verdict = |key: &str| rows.iter().find(|row| row.metric.key == key).unwrap().verdict;
            assert_eq!((verdict("allocs"), verdict("bytes")), (Verdict::Changed, Verdict::Same));
            assert!(matches!(verdict("rss_bytes"), Verdict::Differs(_)));
        }
    }
}
