//! What can be said of a few numbers: their median with its interval, and whether two lots differ.
//!
//! Nothing is assumed of how the numbers are distributed. A crate that has the test (statrs) enumerates all
//! choices for small lots, which takes minutes for 8 and 100, and its exact p is wrong where the first lot is
//! the smaller one.

use libm::erfc;

/// The middle of the numbers, which are sorted; the mean of the two middle ones of an even count.
pub fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n.is_multiple_of(2) => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
        n => sorted[n / 2],
    }
}

/// Two of the numbers, which are sorted, between which the median of where they come from lies with at least
/// this confidence; `None` if there are too few (five for 90%, six for 95%).
pub fn interval(sorted: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let n = sorted.len();
    // The median is below the k-th smallest if fewer than k of n are below it: a binomial with 1/2.
    let mut below = 0.0;
    let mut term = 0.5f64.powi(i32::try_from(n).ok()?);
    let mut found = None;
    for k in 0..n.div_ceil(2) {
        below += term;
        if 2.0 * below > 1.0 - confidence {
            break;
        }
        found = Some((sorted[k], sorted[n - 1 - k]));
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    found
}

/// How likely numbers that differ as these do, or more, are if both lots come from the same: the p of the
/// Mann-Whitney U test, on both sides. Exact for up to [`MOST_EXACT`] numbers, those that are equal too.
pub fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    if one.is_empty() || other.is_empty() {
        return 1.0;
    }
    let ranks = DoubledRanks::of(one, other);
    if one.len() + other.len() <= MOST_EXACT { ranks.exact_p() } else { ranks.normal_p() }
}

/// More numbers than that are taken as good enough for the normal distribution.
const MOST_EXACT: usize = 50;

/// The ranks of all numbers, sorted, times two: those that are equal share the mean of theirs.
struct DoubledRanks {
    all: Vec<usize>,
    /// How many are the first lot's, and their sum.
    count: usize,
    sum: usize,
}

impl DoubledRanks {
    fn of(one: &[f64], other: &[f64]) -> DoubledRanks {
        let tagged = |numbers: &[f64], is_one| numbers.iter().map(move |&n| (n, is_one)).collect::<Vec<_>>();
        let mut numbers = tagged(one, true);
        numbers.extend(tagged(other, false));
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut all, mut sum) = (Vec::new(), 0);
        for equal in numbers.chunk_by(|a, b| a.0 == b.0) {
            let first = all.len() + 1;
            let rank = first + first + equal.len() - 1;
            all.resize(all.len() + equal.len(), rank);
            sum += rank * equal.iter().filter(|(_, is_one)| *is_one).count();
        }
        DoubledRanks { all, count: one.len(), sum }
    }

    fn mean(&self) -> f64 {
        self.count as f64 * (self.all.len() + 1) as f64
    }

    /// Of all ways to choose as many ranks, how many have a sum as far from the mean?
    fn exact_p(&self) -> f64 {
        let most: usize = self.all.iter().rev().take(self.count).sum();
        // For each number of ranks and each sum, the ways to choose them.
        let mut ways = vec![vec![0.0f64; most + 1]; self.count + 1];
        ways[0][0] = 1.0;
        for &rank in &self.all {
            for chosen in (1..=self.count).rev() {
                for sum in (rank..=most).rev() {
                    ways[chosen][sum] += ways[chosen - 1][sum - rank];
                }
            }
        }
        let all: f64 = ways[self.count].iter().sum();
        let distance = |sum: usize| (sum as f64 - self.mean()).abs();
        let as_far = |(sum, _): &(usize, &f64)| distance(*sum) >= distance(self.sum) - 1e-9;
        ways[self.count].iter().enumerate().filter(as_far).map(|(_, ways)| ways).sum::<f64>() / all
    }

    fn normal_p(&self) -> f64 {
        let (n, first) = (self.all.len() as f64, self.count as f64);
        let ties: f64 = self
            .all
            .chunk_by(|a, b| a == b)
            .map(|equal| (equal.len() as f64).powi(3) - equal.len() as f64)
            .sum();
        let variance = first * (n - first) / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)));
        if variance <= 0.0 {
            return 1.0; // all are equal
        }
        // U differs from its mean by half of what doubled ranks do; the half that is taken off is that of the
        // steps in which U goes.
        let distance = ((self.sum as f64 - self.mean()).abs() / 2.0 - 0.5).max(0.0);
        erfc(distance / variance.sqrt() / std::f64::consts::SQRT_2).min(1.0)
    }
}

/// The p of several tests so corrected that one false alarm among all is as likely as each says (Holm 1979).
pub fn holm(ps: &[f64]) -> Vec<f64> {
    let mut order: Vec<_> = (0..ps.len()).collect();
    order.sort_by(|&a, &b| ps[a].total_cmp(&ps[b]));
    let (mut corrected, mut largest) = (vec![1.0; ps.len()], 0.0f64);
    for (position, index) in order.into_iter().enumerate() {
        largest = largest.max(ps[index] * (ps.len() - position) as f64).min(1.0);
        corrected[index] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_near(value: f64, expected: f64, within: f64) {
        assert!((value - expected).abs() <= within, "{value}, not {expected}");
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), 3.0);
    }

    /// Table of the sign test: which order statistics have at least 95% (Conover, Practical Nonparametric
    /// Statistics, table A3, as used for quantiles).
    #[test]
    fn the_interval_of_a_median_is_that_of_the_tables() {
        let numbers: Vec<_> = (1..=25).map(f64::from).collect();
        for (n, low) in [(6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (15, 4), (17, 5), (20, 6), (25, 8)] {
            let (from, to) = interval(&numbers[..n], 0.95).unwrap();
            assert_eq!((from, to), (low as f64, (n + 1 - low) as f64), "{n}");
        }
        assert_eq!(interval(&numbers[..5], 0.95), None);
        assert_eq!(interval(&numbers[..5], 0.90), Some((1.0, 5.0)));
        assert_eq!(interval(&[], 0.95), None);
    }

    /// The critical values of U for 5% on both sides: the p there is at most 5%, and above it one further on.
    /// (Mann and Whitney 1947; any textbook's table.)
    #[test]
    fn the_critical_values_of_u_are_those_of_the_tables() {
        let table = [
            (4, 4, 0),
            (4, 8, 4),
            (5, 5, 2),
            (5, 10, 8),
            (6, 6, 5),
            (7, 7, 8),
            (8, 8, 13),
            (9, 9, 17),
            (10, 10, 23),
            (10, 20, 55),
            (12, 12, 37),
            (15, 15, 64),
            (20, 20, 127),
        ];
        for (n, m, critical) in table {
            let (at, beyond) = (p_of_u(n, m, critical), p_of_u(n, m, critical + 1));
            assert!(at <= 0.05 && beyond > 0.05, "U = {critical} of {n} and {m}: {at} {beyond}");
        }
    }

    /// The p of two lots of which `u` pairs are in the other order.
    fn p_of_u(n: usize, m: usize, mut u: usize) -> f64 {
        // All of the first below all of the second, then the largest of the first raised above `u` of them.
        let (mut one, other): (Vec<f64>, Vec<f64>) =
            ((0..n).map(|i| i as f64).collect(), (0..m).map(|i| 1000.0 * (i + 1) as f64).collect());
        for (i, number) in one.iter_mut().enumerate().rev() {
            let above = u.min(m);
            *number += 1000.0 * above as f64 + if above > 0 { 100.0 + i as f64 } else { 0.0 };
            u -= above;
        }
        mann_whitney(&one, &other)
    }

    /// scipy.stats.mannwhitneyu, whose documentation has the first.
    #[test]
    fn ps_are_those_of_other_programs() {
        let (male, female) = ([19.0, 22.0, 16.0, 29.0, 24.0], [20.0, 11.0, 17.0, 12.0]);
        assert_near(mann_whitney(&male, &female), 0.111_111_111, 1e-9);
        assert_near(mann_whitney(&female, &male), 0.111_111_111, 1e-9);
        let normal = DoubledRanks::of(&male, &female).normal_p();
        assert_near(normal, 0.111_346_886_5, 1e-9);
    }

    #[test]
    fn the_normal_distribution_is_near_the_exact_one_also_where_numbers_are_equal() {
        for step in [1.0, 5.0] {
            let one: Vec<_> = (0..20).map(|i| (f64::from(i * 7 % 20) / step).floor()).collect();
            let other: Vec<_> = (0..22).map(|i| (f64::from(i * 5 % 22 + 4) / step).floor()).collect();
            let ranks = DoubledRanks::of(&one, &other);
            assert_near(ranks.normal_p(), ranks.exact_p(), 0.01);
        }
    }

    #[test]
    fn equal_lots_do_not_differ_and_there_is_nothing_to_say_of_none() {
        assert_near(mann_whitney(&[5.0; 4], &[5.0; 9]), 1.0, 1e-12);
        assert_eq!(mann_whitney(&[5.0; 60], &[5.0; 60]), 1.0);
        assert_eq!(mann_whitney(&[], &[1.0]), 1.0);
    }

    /// Holm's own example of three, and that the order is kept.
    #[test]
    fn several_ps_are_corrected_as_holm_does() {
        assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert_eq!(holm(&[]), [0.0; 0]);
    }
}
