//! Where the viewer begins.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::pattern::Pattern;
use crate::view::basis::Options;
use crate::view::graph::Sort;
use crate::view::node::Granularity;

/// All but what no part of an address gives a meaning to.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the command line asks for, in the parameters of pprof's URLs. The sample type is the default
/// of the page.
pub fn state(options: &Options) -> Vec<(&'static str, String)> {
    let filters = &options.filters;
    let regexes = [
        ("f", &filters.focus),
        ("i", &filters.ignore),
        ("h", &filters.hide),
        ("s", &filters.show),
        ("sf", &filters.show_from),
        ("prunefrom", &filters.prune_from),
    ];
    let tags = [("tf", &filters.tag_focus), ("ti", &filters.tag_ignore)];
    let switches = [
        ("own", filters.own),
        ("noinlines", options.no_inlines),
        ("rel", options.relative_percentages),
        ("dropneg", options.drop_negative),
    ];
    let granularity = match options.granularity {
        Some(Granularity::Filefunctions) => Some("filefunctions"),
        Some(Granularity::Files) => Some("files"),
        Some(Granularity::Lines | Granularity::Addresses) => Some("lines"),
        Some(Granularity::Functions) => Some("functions"),
        None => None,
    };
    let sort = (options.sort == Sort::Cum).then_some("cum");
    let words = [("g", granularity), ("sort", sort)];
    let regexes =
        regexes.into_iter().filter_map(|(name, regex)| Some((name, regex.as_ref()?.as_str().to_owned())));
    let tags = tags.into_iter().filter_map(|(name, tag)| Some((name, tag.as_ref()?.source.clone())));
    let switches = switches.into_iter().filter(|(_, on)| *on).map(|(name, _)| (name, "true".to_owned()));
    let words = words.into_iter().filter_map(|(name, word)| Some((name, word?.to_owned())));
    regexes.chain(tags).chain(switches).chain(words).collect()
}

/// Where the page shows the source of these functions: what follows `#` in its address.
pub fn place(options: &Options, functions: &Pattern) -> String {
    let functions = ("p", functions.as_str().to_owned());
    address("source", state(options).into_iter().chain([functions]))
}

/// A view of the page with its parameters: what follows `#` in its address.
pub fn address<'a>(view: &str, parameters: impl Iterator<Item = (&'a str, String)>) -> String {
    let encoded = parameters.map(|(name, value)| format!("{name}={}", utf8_percent_encode(&value, RESERVED)));
    format!("/{view}?{}", encoded.collect::<Vec<_>>().join("&"))
}
