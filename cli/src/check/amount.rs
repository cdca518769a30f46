//! Amounts as budgets write them, and as people read them.

use std::fmt;

use heaptrace_report::grouped;

/// The units of bytes, which are powers of 1024 whatever they are called.
const UNITS: [(&str, i32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

/// What a budget allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// So much.
    Absolute(i64),
    /// So many hundredths more than the baseline, or less.
    Percent(f64),
    /// So much more than the baseline, or less.
    Change(i64),
}

impl Limit {
    /// Whether it needs a baseline.
    pub fn is_relative(self) -> bool {
        !matches!(self, Limit::Absolute(_))
    }

    /// Reads `64MiB` or, without a unit, `1200`; `+5%`, `-10%`, `+64KiB` are of the baseline.
    pub fn parse(text: &str, is_bytes: bool) -> Option<Limit> {
        let sign = text.chars().next().filter(|c| "+-".contains(*c));
        let size = sign.map_or(text, |_| &text[1..]).trim_start();
        let signed = |value: f64| if sign == Some('-') { -value } else { value };
        match (sign, size.strip_suffix('%')) {
            (Some(_), Some(percent)) => Some(Limit::Percent(signed(number(percent)?))),
            (None, Some(_)) => None,
            (Some(_), None) => Some(Limit::Change(signed(amount(size, is_bytes)? as f64) as i64)),
            (None, None) => amount(size, is_bytes).map(Limit::Absolute),
        }
    }
}

/// A number that is written in digits, with or without decimals.
fn number(text: &str) -> Option<f64> {
    let text = text.trim_end();
    let is_plain = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '_');
    text.replace('_', "").parse().ok().filter(|_| is_plain)
}

fn amount(text: &str, is_bytes: bool) -> Option<i64> {
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (value, unit) = (number(&text[..digits])?, &text[digits..]);
    let is_unit = |name: &str| {
        let short = name.replace('i', "");
        [name, &short, &short[..1]].iter().any(|known| known.eq_ignore_ascii_case(unit))
    };
    let shift = match (unit, is_bytes) {
        ("", _) => 0,
        (_, true) => UNITS.iter().find(|(name, _)| is_unit(name))?.1,
        (_, false) => return None,
    };
    let value = value * 2f64.powi(shift);
    // Up to here every whole number is one of these.
    (value <= 2f64.powi(53)).then_some(value.round() as i64)
}

/// An amount in the words of a verdict: exact where it is short, else to three digits and more.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Bytes, or how many.
    pub value: i64,
    /// Which of both.
    pub is_bytes: bool,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Amount { value, is_bytes } = *self;
        let size = value.unsigned_abs();
        let text = match UNITS.iter().find(|(_, shift)| size >= 10u64 << shift) {
            Some((unit, shift)) if is_bytes && *shift > 0 => {
                let scaled = size as f64 / 2f64.powi(*shift);
                let tenths = (scaled * 10.0).round() as u64;
                match tenths % 10 {
                    0 => format!("{} {unit}", grouped(tenths / 10)),
                    tenth => format!("{}.{tenth} {unit}", grouped(tenths / 10)),
                }
            }
            _ if is_bytes => format!("{} B", grouped(size)),
            _ => grouped(size),
        };
        f.pad(&if value < 0 { format!("-{text}") } else { text })
    }
}

/// An amount as a budget writes it, never less than it is: bytes in a unit in which three digits tell it.
pub fn written(value: i64, is_bytes: bool) -> String {
    let unit = UNITS.iter().find(|(_, shift)| *shift > 0 && value >= 100i64 << shift);
    match unit {
        Some((unit, shift)) if is_bytes => format!("{}{unit}", (value as u64).div_ceil(1 << shift)),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_all_units_and_only_as_amounts() {
        use Limit::{Absolute, Change, Percent};
        for (text, limit) in [
            ("0", Absolute(0)),
            ("4096", Absolute(4096)),
            ("120_000", Absolute(120_000)),
            ("64MiB", Absolute(64 << 20)),
            ("1.5 GiB", Absolute(3 << 29)),
            ("7kb", Absolute(7 << 10)),
            ("2T", Absolute(2 << 40)),
            ("+5%", Percent(5.0)),
            ("-12.5%", Percent(-12.5)),
            ("+ 64KiB", Change(64 << 10)),
            ("-1B", Change(-1)),
        ] {
            assert_eq!(Limit::parse(text, true), Some(limit), "{text}");
        }
        for text in
            ["", "5%", "many", "1e9", "0x10", "inf", "+", "64 apples", "1.2.3", "MiB", "9999999TiB", "é"]
        {
            assert_eq!(Limit::parse(text, true), None, "{text}");
        }
        assert_eq!(Limit::parse("64MiB", false), None, "allocations have no unit");
        assert_eq!(Limit::parse("+3", false), Some(Change(3)));
    }

    #[test]
    fn what_is_written_is_read_as_no_less_and_hardly_more() {
        for value in [0, 1, 99, 4096, 102_400, 1_000_000, 123_456_789, 5 << 40] {
            let Some(Limit::Absolute(read)) = Limit::parse(&written(value, true), true) else {
                panic!("{value}")
            };
            assert!(read >= value && read as f64 <= value as f64 * 1.01, "{value} {read}");
            assert_eq!(written(value, false), value.to_string());
        }
    }

    #[test]
    fn people_read_few_digits() {
        let text = |value, is_bytes| Amount { value, is_bytes }.to_string();
        assert_eq!(text(9_999, true), "9,999 B");
        assert_eq!(text(64 << 20, true), "64 MiB");
        assert_eq!(text((64 << 20) + 300_000, true), "64.3 MiB");
        assert_eq!(text(3_514_470, true), "3,432.1 KiB");
        assert_eq!(text(1_234_567, false), "1,234,567");
        assert_eq!(text(-2048, true), "-2,048 B");
    }
}
