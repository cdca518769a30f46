//! The labels of samples, which pprof calls tags, and filters by them, with the rules of its
//! `driver/driver_focus.go`.

use crate::measure;
use crate::pattern::Pattern;
use crate::profile::tables::{DIFF_BASE, Label, LabelValue, Profile};

/// A filter such as `thread=main`, `64kb:` or `bytes=1kb:4kb`.
#[derive(Clone, Debug)]
pub struct TagFilter {
    /// The filter as it was given.
    pub source: String,
    /// The key of the labels to look at; without it, all of them.
    key: Option<String>,
    test: Test,
}

/// What a label's value must be.
#[derive(Clone, Debug)]
enum Test {
    /// A number from one to another, both in this unit.
    Range(Option<f64>, Option<f64>, String),
    /// A text that these match: without a key all of them, as `key:value`; with a key one of them.
    Texts(Vec<Pattern>),
}

impl TagFilter {
    /// Understands a filter, the value of the option or variable `name`, as pprof does: a range of
    /// numbers if it looks like one, otherwise regular expressions separated by commas.
    pub fn new(name: &str, source: &str) -> anyhow::Result<TagFilter> {
        let (key, value) = match source.split_once('=') {
            Some((key, value)) => (Some(key.to_owned()), value),
            None => (None, source),
        };
        let test = match range(value) {
            Some(range) => range,
            None => {
                let parts = value.split(',').map(|part| Pattern::of_option(name, part));
                Test::Texts(parts.collect::<anyhow::Result<_>>()?)
            }
        };
        Ok(TagFilter { source: source.to_owned(), key, test })
    }

    /// Whether one of `labels` is as the filter says.
    pub fn matches(&self, profile: &Profile, labels: &[Label]) -> bool {
        let mut own =
            labels.iter().filter(|label| self.key.as_ref().is_none_or(|key| profile.text(label.key) == key));
        match &self.test {
            Test::Range(low, high, unit) => own.any(|label| {
                let LabelValue::Number(number, _) = label.value else {
                    return false;
                };
                let (value, value_unit) = measure::scale(number, &unit_of(profile, label), unit);
                value_unit == *unit
                    && low.is_none_or(|low| value >= low)
                    && high.is_none_or(|high| value <= high)
            }),
            Test::Texts(regexes) => {
                let texts: Vec<String> = own
                    .filter_map(|label| match label.value {
                        LabelValue::Text(text) if self.key.is_some() => Some(profile.text(text).to_owned()),
                        LabelValue::Text(text) => {
                            Some(format!("{}:{}", profile.text(label.key), profile.text(text)))
                        }
                        LabelValue::Number(..) => None,
                    })
                    .collect();
                let found = |regex: &Pattern| texts.iter().any(|text| regex.is_match(text));
                match self.key {
                    Some(_) => regexes.iter().any(found),
                    None => regexes.iter().all(found),
                }
            }
        }
    }
}

/// The range that `text` describes, if it does: `32kb`, `:64kb`, `4mb:` or `12kb:64mb`
/// (`parseTagFilterRange`).
fn range(text: &str) -> Option<Test> {
    let scaled = |text: &str, unit: Option<&str>| {
        let (number, own) = quantity(text)?;
        Some(measure::scale(number, own, unit.unwrap_or(own)))
    };
    let (low, high) = text.split_once(':').unwrap_or((text, text));
    let (value, unit) = scaled(if low.is_empty() { high } else { low }, None)?;
    let (low, high) = match (low, high) {
        ("", _) => (None, Some(value)),
        (_, "") => (Some(value), None),
        (_, high) => {
            let (high, high_unit) = scaled(high, Some(&unit))?;
            if high_unit != unit {
                return None;
            }
            (Some(value), Some(high))
        }
    };
    Some(Test::Range(low, high, unit))
}

/// A number and its unit, which may be empty: `-12`, `64kb`.
fn quantity(text: &str) -> Option<(i64, &str)> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let is_unit = unit.chars().all(|c| c.is_ascii_alphabetic());
    number.parse().ok().filter(|_| is_unit).map(|number| (number, unit))
}

/// The unit of a numeric label; one without is guessed from its key (`NumLabelUnits`).
pub fn unit_of(profile: &Profile, label: &Label) -> String {
    let key = profile.text(label.key);
    match (label.value, key) {
        (LabelValue::Number(_, unit), _) if !unit.is_empty() => profile.text(unit).to_owned(),
        (_, "alignment" | "request") => "bytes".to_owned(),
        (_, key) => key.to_owned(),
    }
}

/// A label's value as text, numbers in a unit; `auto` and `minimum`: the one that suits them.
pub fn value_text(profile: &Profile, label: &Label, unit: &str) -> String {
    match label.value {
        LabelValue::Text(text) => profile.text(text).to_owned(),
        LabelValue::Number(number, _) => measure::label(number, &unit_of(profile, label), unit),
    }
}

/// Whether the label is the mark of a diff's base, which is nobody's tag.
pub fn is_mark(profile: &Profile, label: &Label) -> bool {
    profile.text(label.key) == DIFF_BASE.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_range_is_one_and_the_rest_is_a_regular_expression() {
        let shape = |text: &str| match TagFilter::new("--tag-focus", text).unwrap().test {
            Test::Range(low, high, unit) => format!("{low:?} {high:?} {unit}"),
            Test::Texts(regexes) => format!("{regexes:?}"),
        };
        assert_eq!(shape("32kb"), "Some(32.0) Some(32.0) kB");
        assert_eq!(shape(":64kb"), "None Some(64.0) kB");
        assert_eq!(shape("size=4mb:"), "Some(4.0) None MB");
        assert_eq!(shape("12kb:64mb"), "Some(12.0) Some(65536.0) kB");
        assert_eq!(shape("thread=main,io"), r#"[Pattern("main"), Pattern("io")]"#);
        assert_eq!(shape("v2.x"), r#"[Pattern("v2.x")]"#);
    }

    #[test]
    fn a_bad_filter_is_an_error() {
        assert!(TagFilter::new("--tag-focus", "a=(").is_err());
    }
}
