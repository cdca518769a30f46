//! Quantities as text: units, percentages, durations, times.
//!
//! The rules, down to the rounding, are those of pprof's `internal/measurement/measurement.go`, so
//! that a number here can be compared with one there by eye and by script.

use std::fmt::Write;

/// A unit, the names that stand for it, and how many base units it is.
struct Unit {
    name: &'static str,
    aliases: &'static [&'static str],
    factor: f64,
}

const fn unit(name: &'static str, aliases: &'static [&'static str], factor: f64) -> Unit {
    Unit { name, aliases, factor }
}

/// Units that convert into each other, and the one to use for 0.
struct Kind {
    units: &'static [Unit],
    default: (&'static str, f64),
}

/// pprof's `unitTypes`.
const KINDS: [Kind; 3] = [
    Kind {
        units: &[
            unit("B", &["b", "byte"], 1.0),
            unit("kB", &["kb", "kbyte", "kilobyte"], (1u64 << 10) as f64),
            unit("MB", &["mb", "mbyte", "megabyte"], (1u64 << 20) as f64),
            unit("GB", &["gb", "gbyte", "gigabyte"], (1u64 << 30) as f64),
            unit("TB", &["tb", "tbyte", "terabyte"], (1u64 << 40) as f64),
            unit("PB", &["pb", "pbyte", "petabyte"], (1u64 << 50) as f64),
        ],
        default: ("B", 1.0),
    },
    Kind {
        units: &[
            unit("ns", &["ns", "nanosecond"], 1.0),
            unit("us", &["μs", "us", "microsecond"], 1e3),
            unit("ms", &["ms", "millisecond"], 1e6),
            unit("s", &["s", "sec", "second"], 1e9),
            unit("hrs", &["hour", "hr"], 3600e9),
        ],
        default: ("s", 1e9),
    },
    Kind {
        units: &[
            unit("n*GCU", &["nanogcu"], 1e-9),
            unit("u*GCU", &["microgcu"], 1e-6),
            unit("m*GCU", &["milligcu"], 1e-3),
            unit("GCU", &["gcu"], 1.0),
            unit("k*GCU", &["kilogcu"], 1e3),
            unit("M*GCU", &["megagcu"], 1e6),
            unit("G*GCU", &["gigagcu"], 1e9),
            unit("T*GCU", &["teragcu"], 1e12),
            unit("P*GCU", &["petagcu"], 1e15),
        ],
        default: ("GCU", 1.0),
    },
];

impl Kind {
    /// The unit that `name` stands for, in any case and number (`sniffUnit`).
    fn find(&self, name: &str) -> Option<&Unit> {
        let lower = name.to_lowercase();
        let singular = match lower.strip_suffix('s') {
            Some(singular) if lower.len() > 2 => singular,
            _ => &lower,
        };
        self.units.iter().find(|u| u.aliases.contains(&singular))
    }

    /// `value` base units in the largest unit that leaves at least 1 (`autoScale`).
    fn auto(&self, value: f64) -> (f64, &'static str) {
        let fitting = self.units.iter().filter(|u| value / u.factor >= 1.0);
        match fitting.max_by(|a, b| a.factor.total_cmp(&b.factor)) {
            Some(unit) => (value / unit.factor, unit.name),
            None => (value / self.default.1, self.default.0),
        }
    }
}

/// Converts `value` from one unit to another; `auto` and `minimum` mean the largest unit that
/// leaves at least 1. The unit returned is empty where it says nothing, as with counts (`Scale`).
pub fn scale(value: i64, from: &str, to: &str) -> (f64, String) {
    if value < 0 {
        let (scaled, unit) = scale(value.saturating_neg(), from, to);
        return (-scaled, unit);
    }
    for kind in &KINDS {
        let Some(unit) = kind.find(from) else {
            continue;
        };
        let base = value as f64 * unit.factor;
        let (scaled, name) = match (to, kind.find(to)) {
            ("auto" | "minimum", _) => kind.auto(base),
            (_, Some(unit)) => (base / unit.factor, unit.name),
            (_, None) => (base / kind.default.1, kind.default.0),
        };
        return (scaled, name.to_owned());
    }
    match to {
        "count" | "sample" | "unit" | "minimum" | "auto" => (value as f64, String::new()),
        other => (value as f64, other.to_owned()),
    }
}

/// Whether values in these two units can be added once they are scaled.
pub fn compatible(a: &str, b: &str) -> bool {
    a == b || KINDS.iter().any(|kind| kind.find(a).is_some() && kind.find(b).is_some())
}

/// `value`, which is in unit `from`, as text in unit `to` (`ScaledLabel`).
pub fn label(value: i64, from: &str, to: &str) -> String {
    let (scaled, unit) = scale(value, from, to);
    let digits = format!("{scaled:.2}");
    match digits.strip_suffix(".00").unwrap_or(&digits) {
        "0" | "-0" => "0".to_owned(),
        digits => format!("{digits}{unit}"),
    }
}

/// `value` as a percentage of `total`, without sign, at least five wide (`Percentage`).
pub fn percentage(value: i64, total: i64) -> String {
    let ratio = match total {
        0 => 0.0,
        total => (value as f64 / total as f64).abs() * 100.0,
    };
    if (99.95..=100.05).contains(&ratio) {
        "  100%".to_owned()
    } else if ratio >= 1.0 {
        format!("{ratio:5.2}%")
    } else {
        format!("{:>5}%", two_digits(ratio))
    }
}

/// C's `%.2g` for a number from 0 to 1: two significant digits, an exponent below 0.0001.
fn two_digits(ratio: f64) -> String {
    if ratio == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{ratio:.1e}");
    let (digits, exponent) = scientific.split_once('e').expect("`e` is in its format");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if exponent < -4 {
        let digits = digits.strip_suffix(".0").unwrap_or(digits);
        return format!("{digits}e-{:02}", -exponent);
    }
    let fixed = format!("{ratio:.*}", (1 - exponent) as usize);
    fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How to write the values of one report: all in the same unit, so that they compare by eye.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// The unit of the values.
    pub from: String,
    /// The unit to write them in.
    pub to: String,
    /// What to divide them by.
    pub divide_by: f64,
}

impl Scale {
    /// A value as text.
    pub fn label(&self, value: i64) -> String {
        label(self.divided(value), &self.from, &self.to)
    }

    /// A value as a number, in a unit that is left out where it says nothing.
    pub fn number(&self, value: i64) -> f64 {
        scale(value, &self.from, &self.to).0
    }

    /// A value divided.
    pub fn divided(&self, value: i64) -> i64 {
        match self.divide_by {
            1.0 => value,
            // pprof multiplies too, which rounds differently.
            divide_by => (value as f64 * (1.0 / divide_by)) as i64,
        }
    }

    /// The scale for a report in which `smallest` is the least value that is not 0, and `total` the
    /// total: the unit in which `smallest` still shows (pprof's `selectOutputUnit`).
    pub fn fitting(self, smallest: Option<i64>, total: i64) -> Scale {
        let smallest = self.divided(smallest.unwrap_or(total));
        let total = self.divided(total);
        let unit_of = |value: i64| scale(value, &self.from, "minimum").1;
        let mut to = unit_of(smallest);
        if to != unit_of(total) && smallest.saturating_mul(100) < total {
            // Two decimals show a hundredth of a unit.
            to = unit_of(smallest.saturating_mul(100));
        }
        Scale { to: if to.is_empty() { self.from.clone() } else { to }, ..self }
    }
}

/// A time in nanoseconds since 1970 in the local time zone, in a format of `strftime`; none if it is not
/// known.
pub fn local_time(nanos: i64, format: &str) -> Option<String> {
    let time = jiff::Timestamp::from_nanosecond(nanos.into()).ok().filter(|_| nanos != 0)?;
    let local = time.to_zoned(jiff::tz::TimeZone::system());
    Some(local.strftime(format).to_string())
}

/// This moment in the local time zone, in a format of `strftime`.
pub fn now(format: &str) -> String {
    jiff::Zoned::now().strftime(format).to_string()
}

/// How long something has been running, in the two largest units.
pub fn running(seconds: u64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A whole number with its digits in groups of three: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        let _ = write!(text, "{digit}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_the_largest_unit_that_leaves_one() {
        for (value, text) in
            [(0, "0"), (1, "1B"), (1023, "1023B"), (1536, "1.50kB"), (1 << 20, "1MB"), (-(3 << 30), "-3GB")]
        {
            assert_eq!(label(value, "bytes", "auto"), text);
        }
    }

    #[test]
    fn counts_have_no_unit() {
        assert_eq!(label(42, "count", "auto"), "42");
        assert_eq!(label(42, "widgets", "widgets"), "42widgets");
    }

    #[test]
    fn the_unit_is_found_in_any_case_and_number() {
        for name in ["b", "B", "byte", "Bytes", "BYTES"] {
            assert_eq!(scale(2048, name, "kb"), (2.0, "kB".to_owned()));
        }
        assert_eq!(label(1_500_000, "nanoseconds", "ms"), "1.50ms");
        assert_eq!(label(0, "nanoseconds", "auto"), "0");
    }

    #[test]
    fn percentages_have_the_digits_of_pprof() {
        for (value, total, text) in [
            (0, 0, "    0%"),
            (0, 10, "    0%"),
            (1, 1, "  100%"),
            (-1, 2, "50.00%"),
            (1, 3, "33.33%"),
            (3, 1000, "  0.3%"),
            (123, 100_000, " 0.12%"),
            (999, 100_000, "    1%"),
            (1, 10_000_000, "1e-05%"),
            (3, 1, "300.00%"),
        ] {
            assert_eq!(percentage(value, total), text, "{value} of {total}");
        }
    }

    #[test]
    fn a_report_is_in_the_unit_that_shows_its_smallest_value() {
        let unit = |from: &str, smallest, total| {
            let scale = Scale { from: from.to_owned(), to: "minimum".to_owned(), divide_by: 1.0 };
            scale.fitting(Some(smallest), total).to
        };
        assert_eq!(unit("bytes", 1 << 20, 5 << 20), "MB");
        assert_eq!(unit("bytes", 20 << 10, 5 << 20), "MB");
        assert_eq!(unit("bytes", 2, 5 << 20), "B");
        assert_eq!(unit("count", 2, 5), "count");
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
