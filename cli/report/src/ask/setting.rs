//! The variables of the prompt, by pprof's names (`internal/driver/config.go`).

use anyhow::{Context, anyhow};
use clap::ValueEnum;

use crate::pattern::Pattern;
use crate::profile::tables::Profile;
use crate::view::basis::Options;
use crate::view::graph::Sort;
use crate::view::label::TagFilter;
use crate::view::node::Granularity;

/// A variable.
#[derive(Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// The option that it is.
    option: fn(&mut Options) -> Slot<'_>,
}

/// An option by the kind of its values.
enum Slot<'a> {
    Regex(&'a mut Option<Pattern>),
    Tags(&'a mut Option<TagFilter>),
    Text(&'a mut String),
    Flag(&'a mut bool),
    Number(&'a mut f64),
    Limit(&'a mut Option<usize>),
    Granularity(&'a mut Option<Granularity>),
    Sort(&'a mut Sort),
    SampleIndex(&'a mut String),
}

const fn setting(name: &'static str, help: &'static str, option: fn(&mut Options) -> Slot<'_>) -> Setting {
    Setting { name, help, option }
}

/// All variables.
pub const SETTINGS: [Setting; 26] = [
    setting("divide_by", "Show values divided by this number", |o| Slot::Number(&mut o.divide_by)),
    setting("drop_negative", "Leave out what is negative, as in a difference what shrank", |o| {
        Slot::Flag(&mut o.drop_negative)
    }),
    setting("edgefraction", "Leave out calls with less than this share of the total", |o| {
        Slot::Number(&mut o.edge_fraction)
    }),
    setting("focus", "Only samples with a frame that matches this expression", |o| {
        Slot::Regex(&mut o.filters.focus)
    }),
    setting("granularity", "What a row stands for", |o| Slot::Granularity(&mut o.granularity)),
    setting("hide", "Leave out frames that match", |o| Slot::Regex(&mut o.filters.hide)),
    setting("ignore", "No samples with a frame that matches", |o| Slot::Regex(&mut o.filters.ignore)),
    setting("nodecount", "Rows to show; 0: all", |o| Slot::Limit(&mut o.limit)),
    setting("nodefraction", "Leave out functions with less than this share of the total", |o| {
        Slot::Number(&mut o.node_fraction)
    }),
    setting("noinlines", "Count inlined functions for the function that they are inlined into", |o| {
        Slot::Flag(&mut o.no_inlines)
    }),
    setting("not_own", "What is not the program's own code, by function or source file", |o| {
        Slot::Regex(&mut o.filters.own_code.not)
    }),
    setting("own", "Only frames of the program's own code, with their lines", |o| {
        Slot::Flag(&mut o.filters.own)
    }),
    setting("own_path", "Folders whose code is the program's own, separated by colons", |o| {
        Slot::Text(&mut o.filters.own_code.paths)
    }),
    setting("prune_from", "Leave out what the innermost frame that matches calls", |o| {
        Slot::Regex(&mut o.filters.prune_from)
    }),
    setting("relative_percentages", "Percentages of what the filters leave, not of all", |o| {
        Slot::Flag(&mut o.relative_percentages)
    }),
    setting("sample_index", "What to show, by name or number", |o| Slot::SampleIndex(&mut o.sample_index)),
    setting("show", "Leave out frames that do not match", |o| Slot::Regex(&mut o.filters.show)),
    setting("show_from", "Leave out the callers of the outermost frame that matches", |o| {
        Slot::Regex(&mut o.filters.show_from)
    }),
    setting("sort", "How to order rows", |o| Slot::Sort(&mut o.sort)),
    setting("source_path", "Folders to search for sources, separated by colons", |o| {
        Slot::Text(&mut o.paths.source)
    }),
    setting("tagfocus", "Only samples with a label that matches: 64kb:, bytes=1kb:4kb, thread=main", |o| {
        Slot::Tags(&mut o.filters.tag_focus)
    }),
    setting("taghide", "No labels whose key matches", |o| Slot::Regex(&mut o.filters.tag_hide)),
    setting("tagignore", "No samples with a label that matches", |o| Slot::Tags(&mut o.filters.tag_ignore)),
    setting("tagshow", "Only labels whose key matches", |o| Slot::Regex(&mut o.filters.tag_show)),
    setting("trim_path", "Prefixes to cut off the names of source files", |o| Slot::Text(&mut o.paths.trim)),
    setting("unit", "Unit of the values, such as MB; minimum: the one that suits the smallest", |o| {
        Slot::Text(&mut o.unit)
    }),
];

impl Setting {
    /// The variable called `name`.
    pub fn find(name: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// What `word` alone sets, as in pprof: a value that only this variable has, or a switch.
    pub fn of_word(word: &str) -> Option<(&'static Setting, &str)> {
        let setting = SETTINGS.iter().find(|s| s.choices().iter().any(|choice| choice == word));
        let switch = || Setting::find(word).filter(|s| s.is_flag()).map(|s| (s, "true"));
        setting.map(|s| (s, word)).or_else(switch)
    }

    /// Whether it is on or off.
    pub fn is_flag(&self) -> bool {
        matches!((self.option)(&mut Options::default()), Slot::Flag(_))
    }

    /// Its values if there are only these, each of which is also a command that sets it.
    pub fn choices(&self) -> Vec<String> {
        match (self.option)(&mut Options::default()) {
            Slot::Granularity(_) => value_names::<Granularity>(),
            Slot::Sort(_) => value_names::<Sort>(),
            _ => Vec::new(),
        }
    }

    /// Sets it. An empty value takes a filter away.
    pub fn set(&self, options: &mut Options, profile: &Profile, value: &str) -> anyhow::Result<()> {
        let name = self.name;
        match (self.option)(options) {
            Slot::Regex(slot) => {
                *slot = given(value).map(|value| Pattern::of_option(name, value)).transpose()?
            }
            Slot::Tags(slot) => *slot = given(value).map(|value| TagFilter::new(name, value)).transpose()?,
            Slot::Text(slot) => *slot = value.to_owned(),
            Slot::Flag(slot) => *slot = switch(name, value)?,
            Slot::Number(slot) => *slot = number(name, value)?,
            Slot::Limit(slot) => *slot = limit(name, value)?,
            Slot::Granularity(slot) => *slot = given(value).map(|value| choice(name, value)).transpose()?,
            Slot::Sort(slot) => *slot = choice(name, value)?,
            Slot::SampleIndex(slot) => {
                let index = profile.sample_index(value).map_err(anyhow::Error::msg)?;
                *slot = profile.sample_types[index].name.clone();
            }
        }
        Ok(())
    }

    /// Its value.
    pub fn get(&self, options: &Options, profile: &Profile) -> String {
        let pattern = |regex: &Option<Pattern>| regex.as_ref().map_or("", Pattern::as_str).to_owned();
        match (self.option)(&mut options.clone()) {
            Slot::Regex(regex) => pattern(regex),
            Slot::Tags(filter) => filter.as_ref().map_or(String::new(), |filter| filter.source.clone()),
            Slot::Text(text) => text.clone(),
            Slot::Flag(flag) => flag.to_string(),
            Slot::Number(number) => number.to_string(),
            Slot::Limit(limit) => limit.map_or("-1".to_owned(), |n| n.to_string()),
            Slot::Granularity(_) => value_name(&options.granularity()),
            Slot::Sort(value) => value_name(value),
            Slot::SampleIndex(name) => {
                let index = profile.sample_index(name).unwrap_or_default();
                profile.sample_types[index].name.clone()
            }
        }
    }
}

fn given(value: &str) -> Option<&str> {
    (!value.is_empty()).then_some(value)
}

/// On or off, in the words that pprof takes.
fn switch(name: &str, value: &str) -> anyhow::Result<bool> {
    match value.to_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" | "" => Ok(true),
        "false" | "f" | "no" | "n" | "0" => Ok(false),
        _ => Err(anyhow!("{name} can be true or false")),
    }
}

fn number(name: &str, value: &str) -> anyhow::Result<f64> {
    let number = value.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    let number = number.filter(|&number| name != "divide_by" || number > 0.0);
    number.with_context(|| format!("{name}: {value:?} is no number, or too small"))
}

/// A number of rows; as in pprof, −1 means as many as suits the view.
fn limit(name: &str, value: &str) -> anyhow::Result<Option<usize>> {
    match value {
        "-1" => Ok(None),
        value => value.parse().map(Some).with_context(|| format!("{name}: {value:?} is no number of rows")),
    }
}

fn choice<T: ValueEnum>(name: &str, value: &str) -> anyhow::Result<T> {
    T::from_str(value, false).map_err(|_| anyhow!("{name} can be {}", value_names::<T>().join(", ")))
}

fn value_names<T: ValueEnum>() -> Vec<String> {
    T::value_variants().iter().map(value_name).collect()
}

fn value_name(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or(String::new(), |value| value.get_name().to_owned())
}
