//! What a profile is: of which program, when, how, and how much in all. Also what to do next when
//! the view shows nothing, or too little to mean much.

use heaptrace_channel::weight::finer_rate;

use crate::profile::tables::Profile;
use crate::view::basis::View;
use crate::view::time_line::OverTime;

/// What is little against something that many times as large.
const LITTLE: i64 = 100;
/// How many columns of text the heap over time takes.
const COLUMNS: usize = 48;

/// What a profile says of itself. A field is absent where the profile does not say.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// Whether amounts are how much more there is than in a base.
    pub difference: bool,
    /// The command, or else the name of the program's file.
    pub command: Option<String>,
    /// The process.
    pub pid: Option<String>,
    /// Processes that are added to it.
    pub more: usize,
    /// When the recording began, in nanoseconds since 1970.
    pub time_nanos: i64,
    /// How long it took.
    pub duration_nanos: i64,
    /// Mean bytes between two samples.
    pub rate: Option<i64>,
    /// What the rate was when, of one process for which it was changed, or which was dormant.
    pub rates: Option<String>,
    /// Samples taken.
    pub samples: Option<u64>,
    /// What was lost and how often; only what was lost at least once.
    pub losses: Vec<(&'static str, u64)>,
    /// What lives at the end.
    pub live: Option<Amount>,
    /// What lived when it was most.
    pub peak: Option<Amount>,
    /// The heap over time.
    pub over_time: Option<OverTime>,
    /// What was allocated in all.
    pub allocated: Option<Amount>,
    /// Comments of other writers.
    pub comments: Vec<String>,
    /// What to do next.
    pub hints: Vec<Hint>,
}

/// Blocks of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Their bytes.
    pub bytes: i64,
    /// Their number, if the profile has it.
    pub blocks: Option<i64>,
}

/// A next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Most addresses have no name.
    NoNames,
    /// The sample type shown is zero or little, these are more.
    Little {
        /// The sample type.
        shown: String,
        /// Whether it is zero.
        zero: bool,
        /// The others.
        others: Vec<String>,
    },
    /// There are too few samples to say much.
    FewSamples {
        /// How many.
        samples: u64,
        /// A rate to try.
        rate: u64,
    },
    /// There are no samples at all.
    NoSamples {
        /// Mean bytes between them.
        rate: u64,
    },
    /// There are none, as none were taken in the end.
    Dormant,
}

impl Header {
    /// What the profile of a view is.
    pub fn new(view: &View) -> Header {
        let profile = view.profile;
        let notes = |key: &'static str| {
            let notes = profile.comments.iter().filter_map(|comment| comment.split_once(": "));
            notes.filter(move |(known, _)| *known == key).map(|(_, value)| value)
        };
        let count = |key| {
            let counts = notes(key).filter_map(|value| value.parse().ok());
            counts.reduce(|sum: u64, count| sum.saturating_add(count))
        };
        let is_heap = profile.period_type.name == "space" && profile.period_type.unit == "bytes";
        let samples = count("samples");
        let more = notes("command").count().saturating_sub(1);
        let rates = notes("rates").next().filter(|_| more == 0);
        let rate = (is_heap && profile.one_period && profile.period > 0).then_some(profile.period);
        Header {
            difference: view.is_difference(),
            command: notes("command").next().map(str::to_owned).or_else(|| program(profile)),
            pid: notes("pid").next().map(str::to_owned),
            more,
            time_nanos: profile.time_nanos,
            duration_nanos: profile.duration_nanos,
            rate,
            rates: rates.map(str::to_owned),
            samples,
            losses: [
                ("samples", "lost_samples"),
                ("frees", "lost_frees"),
                ("callers of truncated stacks", "truncated_stacks"),
            ]
            .into_iter()
            .filter_map(|(what, key)| Some((what, count(key).filter(|&n| n > 0)?)))
            .collect(),
            live: amount(profile, "inuse"),
            peak: amount(profile, "peak"),
            over_time: OverTime::new(&profile.time_line, COLUMNS).filter(|_| !view.is_difference()),
            allocated: amount(profile, "alloc"),
            comments: match notes("command").next() {
                Some(_) => Vec::new(),
                None => foreign_comments(profile),
            },
            hints: hints(view, samples, rate, rates),
        }
    }

    /// Bytes allocated a second.
    pub fn bytes_per_second(&self) -> Option<f64> {
        let seconds = self.duration_nanos as f64 / 1e9;
        let allocated = self.allocated?.bytes as f64;
        (seconds > 0.0 && !self.difference).then(|| allocated / seconds)
    }
}

/// How much `bytes_per_second` is, in the words of tutorials on the cost of allocation.
pub fn reading(bytes_per_second: f64) -> &'static str {
    match bytes_per_second / 1e6 {
        mb if mb > 100.0 => "very high",
        mb if mb >= 10.0 => "high",
        mb if mb >= 1.0 => "moderate",
        _ => "low",
    }
}

/// The name of the file that the program's own mapping, the first, is of.
fn program(profile: &Profile) -> Option<String> {
    let mapping = profile.mappings.first()?;
    let file = profile.text(mapping.file);
    (!file.is_empty()).then(|| file.to_owned())
}

/// Comments that are not meant for tools, which begin with `#`.
fn foreign_comments(profile: &Profile) -> Vec<String> {
    let comments = profile.comments.iter();
    comments.filter(|c| !c.starts_with('#')).cloned().collect()
}

fn amount(profile: &Profile, kind: &str) -> Option<Amount> {
    let sum = |what: &str| {
        let name = format!("{kind}_{what}");
        let index = profile.sample_types.iter().position(|t| t.name == name)?;
        Some(profile.values_of(index).map(|(_, value)| value).sum())
    };
    Some(Amount { bytes: sum("space")?, blocks: sum("objects") })
}

fn hints(view: &View, samples: Option<u64>, rate: Option<i64>, rates: Option<&str>) -> Vec<Hint> {
    let mut hints: Vec<Hint> = little(view).into_iter().collect();
    if lacks_names(view.profile) {
        hints.push(Hint::NoNames);
    }
    if let (Some(samples), Some(Ok(rate))) = (samples, rate.map(u64::try_from))
        && let Some(finer) = finer_rate(rate, samples)
    {
        let is_dormant =
            rates.and_then(|rates| rates.rsplit(", ").next()).is_some_and(|last| last.starts_with("off "));
        hints.push(match samples {
            0 if is_dormant => Hint::Dormant,
            0 => Hint::NoSamples { rate },
            samples => Hint::FewSamples { samples, rate: finer },
        });
    }
    hints
}

/// Whether most of what is in stacks has no name, or one that only repeats the address.
pub fn lacks_names(profile: &Profile) -> bool {
    let is_named = |&i: &u32| {
        profile.code.lines(i).iter().any(|line| {
            let function = &profile.functions[line.function as usize];
            let name = profile.text(function.name);
            let repeats_address = function.system_name.is_empty() && name.contains("+0x");
            let is_nothing = name.is_empty() && function.file.is_empty();
            !(repeats_address || is_nothing)
        })
    };
    let all = profile.code.locations.len();
    (0..all as u32).filter(is_named).count() * 2 < all
}

/// The hint that there is hardly anything to see. At the end of a program that cleans up, a block or
/// two of its libraries are often still in use; so it is not only zero that is little.
fn little(view: &View) -> Option<Hint> {
    let profile = view.profile;
    let shown = view.sample_type();
    let sum = profile.sum(view.index);
    let is_more = |&i: &usize| {
        profile.sample_types[i].unit == shown.unit && profile.sum(i) > sum.saturating_mul(LITTLE)
    };
    let others: Vec<String> = (0..profile.sample_types.len())
        .rev()
        .filter(is_more)
        .map(|i| profile.sample_types[i].name.clone())
        .collect();
    let is_little = sum == 0 || others.iter().any(|name| name.starts_with("peak_"));
    (is_little && !others.is_empty()).then(|| Hint::Little {
        shown: shown.name.clone(),
        zero: sum == 0,
        others,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_allocation_is_read_in_words() {
        for (bytes, words) in [
            (0.0, "low"),
            (0.9e6, "low"),
            (1e6, "moderate"),
            (10e6, "high"),
            (100e6, "high"),
            (101e6, "very high"),
        ] {
            assert_eq!(reading(bytes), words);
        }
    }
}
