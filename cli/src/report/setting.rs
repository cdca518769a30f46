//! The variables of the prompt, by pprof's names (`internal/driver/config.go`).

use anyhow::{Context, anyhow};
use clap::ValueEnum;

use super::compiled;
use super::graph::Sort;
use super::node::Granularity;
use super::profile::Profile;
use super::tags::TagFilter;
use super::view::Options;

/// A variable: how it is called, what it is, and its values if there are only these.
#[derive(Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// The values it can have, each of which is also a command that sets it.
    pub choices: &'static [&'static str],
}

const fn setting(name: &'static str, help: &'static str) -> Setting {
    Setting { name, help, choices: &[] }
}

/// All variables.
pub const SETTINGS: [Setting; 14] = [
    setting("focus", "Only samples with a frame that matches this expression"),
    Setting {
        name: "granularity",
        help: "What a row stands for",
        choices: &["functions", "filefunctions", "files", "lines", "addresses"],
    },
    setting("hide", "Leave out frames that match"),
    setting("ignore", "No samples with a frame that matches"),
    setting("nodecount", "Rows to show; 0: all"),
    setting("sample_index", "What to show, by name or number"),
    setting("show", "Leave out frames that do not match"),
    setting("show_from", "Leave out the callers of the outermost frame that matches"),
    Setting { name: "sort", help: "How to order rows", choices: &["flat", "cum"] },
    setting("source_path", "Folders to search for sources, separated by colons"),
    setting("tagfocus", "Only samples with a label that matches: 64kb:, bytes=1kb:4kb, thread=main"),
    setting("tagignore", "No samples with a label that matches"),
    setting("trim_path", "Prefixes to cut off the names of source files"),
    setting("unit", "Unit of the values, such as MB; minimum: the one that suits the smallest"),
];

/// Sets a variable. An empty value takes a filter away.
pub fn set(options: &mut Options, profile: &Profile, name: &str, value: &str) -> anyhow::Result<()> {
    let filters = &mut options.filters;
    let regex = || match value {
        "" => Ok(None),
        value => compiled(name, value).map(Some),
    };
    let tags = || match value {
        "" => Ok(None),
        value => TagFilter::new(value).map(Some),
    };
    match name {
        "focus" => filters.focus = regex()?,
        "ignore" => filters.ignore = regex()?,
        "hide" => filters.hide = regex()?,
        "show" => filters.show = regex()?,
        "show_from" => filters.show_from = regex()?,
        "tagfocus" => filters.tag_focus = tags()?,
        "tagignore" => filters.tag_ignore = tags()?,
        "granularity" => options.granularity = choice::<Granularity>(name, value)?,
        "sort" => options.sort = choice::<Sort>(name, value)?,
        "nodecount" => options.limit = limit(value)?,
        "unit" => options.unit = value.to_owned(),
        "source_path" => options.paths.source = value.to_owned(),
        "trim_path" => options.paths.trim = value.to_owned(),
        "sample_index" => {
            let index = profile.sample_index(value).map_err(anyhow::Error::msg)?;
            options.sample_index = profile.sample_types[index].name.clone();
        }
        _ => return Err(anyhow!("there is no variable {name}")),
    }
    Ok(())
}

/// The value of a variable.
pub fn get(options: &Options, profile: &Profile, name: &str) -> String {
    let filters = &options.filters;
    let regex = match name {
        "focus" => &filters.focus,
        "ignore" => &filters.ignore,
        "hide" => &filters.hide,
        "show" => &filters.show,
        "show_from" => &filters.show_from,
        _ => &None,
    };
    let tags = match name {
        "tagfocus" => &filters.tag_focus,
        "tagignore" => &filters.tag_ignore,
        _ => &None,
    };
    match name {
        "granularity" => value_name(options.granularity),
        "sort" => value_name(options.sort),
        "nodecount" => options.limit.map_or("-1".to_owned(), |n| n.to_string()),
        "unit" => options.unit.clone(),
        "source_path" => options.paths.source.clone(),
        "trim_path" => options.paths.trim.clone(),
        "sample_index" => {
            let index = profile.sample_index(&options.sample_index).unwrap_or_default();
            profile.sample_types[index].name.clone()
        }
        _ => match (regex, tags) {
            (Some(regex), _) => regex.as_str().to_owned(),
            (None, Some(tags)) => tags.source.clone(),
            (None, None) => String::new(),
        },
    }
}

/// A number of rows; as in pprof, −1 means as many as suits the view.
fn limit(value: &str) -> anyhow::Result<Option<usize>> {
    match value {
        "-1" => Ok(None),
        value => {
            value.parse().map(Some).with_context(|| format!("nodecount: {value:?} is no number of rows"))
        }
    }
}

fn choice<T: ValueEnum>(name: &str, value: &str) -> anyhow::Result<T> {
    T::from_str(value, false).map_err(|_| {
        let choices = T::value_variants().iter().filter_map(T::to_possible_value);
        let names: Vec<_> = choices.map(|c| c.get_name().to_owned()).collect();
        anyhow!("{name} can be {}", names.join(", "))
    })
}

fn value_name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or(String::new(), |value| value.get_name().to_owned())
}
