//! The options of the command line, which are the variables of the prompt too, each worded once. The
//! names are pprof's (`internal/driver/config.go`).

use anyhow::{Context, anyhow};
use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::pattern::Pattern;
use crate::view::basis::Options;
use crate::view::graph::Sort;
use crate::view::label::TagFilter;
use crate::view::node::Granularity;

/// An option of the command line, and a variable of the prompt.
#[derive(Debug)]
pub struct Setting {
    /// Its name, pprof's.
    pub name: &'static str,
    /// Its name on the command line, where pprof's is understood too.
    pub flag: &'static str,
    /// What its value is; empty: on or off.
    pub value: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What it belongs to.
    pub heading: Heading,
    /// The option that it is.
    option: fn(&mut Options) -> Slot<'_>,
}

/// What options belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heading {
    /// What is shown, and how.
    Options,
    /// What of the profile is shown.
    Filters,
    /// The program's own code.
    OwnCode,
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

macro_rules! settings {
    ($($heading:ident $name:literal $flag:literal $value:literal $help:literal $kind:ident $($field:ident).+;)*) => {
        /// All options and variables.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            name: $name,
            flag: $flag,
            value: $value,
            help: $help,
            heading: Heading::$heading,
            option: |options| Slot::$kind(&mut options.$($field).+),
        }),*];
    };
}

settings! {
    Options "sample_index" "sample-index" "NAME"
        "What to show, by name or number: inuse_space, inuse_objects, alloc_space, alloc_objects, peak_space, peak_objects, or what else the profile has [default: what the profile says]"
        SampleIndex sample_index;
    Options "nodecount" "limit" "N" "Rows to show; 0: all [default: 20, in trees 80]" Limit limit;
    Options "sort" "sort" "BY" "How to order rows [default: flat]" Sort sort;
    Options "granularity" "granularity" "WHAT" "What a row stands for [default: functions, and lines of own code]"
        Granularity granularity;
    Options "noinlines" "no-inlines" "" "Count inlined functions for the function that they are inlined into"
        Flag no_inlines;
    Options "relative_percentages" "relative-percentages" "" "Percentages of what the filters leave, not of all"
        Flag relative_percentages;
    Options "divide_by" "divide-by" "NUMBER" "Show values divided by this number, such as that of requests"
        Number divide_by;
    Options "mean" "mean" ""
        "Show averages: values divided by those of the first sample type, such as bytes by blocks allocated" Flag mean;
    Options "call_tree" "call-tree" ""
        "A box for each chain of callers of a function, in pictures of the call graph and for KCachegrind"
        Flag call_tree;
    Options "compact_labels" "compact-labels" "" "Only the table, without what the profile is and without own code first"
        Flag compact_labels;
    Options "intel_syntax" "intel-syntax" "" "Machine code as Intel writes it, not as AT&T does" Flag intel_syntax;
    Options "unit" "unit" "UNIT" "Unit of the values, such as MB or ms; minimum: the one that suits the smallest [default: minimum]"
        Text unit;
    Options "source_path" "source-path" "PATH" "Folders to search for sources, separated by colons [default: the current one]"
        Text paths.source;
    Options "trim_path" "trim-path" "PATH" "Prefixes to cut off the names of source files, separated by colons"
        Text paths.trim;
    Options "no_source" "no-source" "" "Put no lines of source into the viewer" Flag no_source;
    Options "page_nodes" "page-nodes" "N"
        "Calls that the viewer gets at most; the smaller ones come when they are looked at closely, where it is served [default: 2000000]"
        Limit page_nodes;
    Filters "focus" "focus" "REGEX" "Only samples with a matching frame: by function, source file, or file of the mapping"
        Regex filters.focus;
    Filters "ignore" "ignore" "REGEX" "No samples with a matching frame" Regex filters.ignore;
    Filters "hide" "hide" "REGEX" "Leave out matching frames" Regex filters.hide;
    Filters "show" "show" "REGEX" "Leave out frames that do not match" Regex filters.show;
    Filters "show_from" "show-from" "REGEX" "Leave out the callers of the outermost matching frame"
        Regex filters.show_from;
    Filters "prune_from" "prune-from" "REGEX" "Leave out what the innermost matching frame calls"
        Regex filters.prune_from;
    Filters "tagfocus" "tag-focus" "TAG" "Only samples with a matching label: `64kb:`, `bytes=1kb:4kb`, `thread=main`"
        Tags filters.tag_focus;
    Filters "tagignore" "tag-ignore" "TAG" "No samples with a matching label" Tags filters.tag_ignore;
    Filters "tagshow" "tag-show" "REGEX" "Only labels whose key matches" Regex filters.tag_show;
    Filters "taghide" "tag-hide" "REGEX" "No labels whose key matches" Regex filters.tag_hide;
    Filters "tagroot" "tag-root" "KEYS" "Show the values of these labels as callers of all, the first key outermost: `thread,bytes`"
        Text tag_root;
    Filters "tagleaf" "tag-leaf" "KEYS" "Show the values of these labels as called by all, the last key innermost"
        Text tag_leaf;
    Filters "drop_negative" "drop-negative" "" "No functions whose value is negative, as in a difference what shrank"
        Flag drop_negative;
    Filters "trim" "trim" "" "Leave out what is small; =false: show all, whatever the limits [default: true]" Flag trim;
    Filters "nodefraction" "node-fraction" "SHARE" "No functions with less than this share of the total [default: 0.005]"
        Number node_fraction;
    Filters "edgefraction" "edge-fraction" "SHARE" "No calls with less than this share of the total [default: 0.001]"
        Number edge_fraction;
    OwnCode "own" "own" ""
        "Count each sample for the innermost frame of the program's own code, with its line: no languages' libraries, no allocators, no libraries of the system or a registry"
        Flag filters.own;
    OwnCode "own_path" "own-path" "PATH" "Folders whose sources and mapped files are own code, separated by colons"
        Text filters.own_code.paths;
    OwnCode "not_own" "not-own" "REGEX" "What is not own code, by function or source file" Regex filters.own_code.not;
}

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

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!((self.option)(&mut Options::default()), Slot::Number(_) | Slot::Limit(_))
    }

    /// Its values if there are only these, each of which is also a command that sets it.
    pub fn choices(&self) -> Vec<String> {
        self.possible_values().iter().map(|value| value.get_name().to_owned()).collect()
    }

    /// The same with what they mean.
    pub fn possible_values(&self) -> Vec<PossibleValue> {
        match (self.option)(&mut Options::default()) {
            Slot::Granularity(_) => possible_values::<Granularity>(),
            Slot::Sort(_) => possible_values::<Sort>(),
            _ => Vec::new(),
        }
    }

    /// Sets it; `name` is what an error calls it. An empty value takes a filter away.
    pub fn set(&self, options: &mut Options, name: &str, value: &str) -> anyhow::Result<()> {
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
            Slot::SampleIndex(slot) => *slot = value.to_owned(),
        }
        Ok(())
    }

    /// Its value.
    pub fn get(&self, options: &Options) -> String {
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
            Slot::SampleIndex(name) => name.clone(),
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
    let number = number.filter(|&number| !name.contains("divide") || number > 0.0);
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

fn possible_values<T: ValueEnum>() -> Vec<PossibleValue> {
    T::value_variants().iter().filter_map(T::to_possible_value).collect()
}

fn value_names<T: ValueEnum>() -> Vec<String> {
    T::value_variants().iter().map(value_name).collect()
}

fn value_name(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or(String::new(), |value| value.get_name().to_owned())
}
