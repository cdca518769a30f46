//! The viewer for browsers, for servers: its page, and the profile for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use heaptrace_http::{Request, Response};
use heaptrace_pprof::Source;
use serde::Serialize;

use crate::ask::source_files;
use crate::profile::part::Base;
use crate::profile::tables::Profile;
use crate::profile::{load, prune};
use crate::render::html::{self, Page};
use crate::view::basis::{Options, View};
pub use crate::view::call_tree::near::Way;
use crate::view::viewer::Viewer;

/// What the page asks for is below this, seen from where the page is: `data`, the profile; `session`, what else there
/// is; `mark`, to keep a moment.
const ANSWERS: &str = "viewer";

/// Parameters of pprof's web pages.
const PARAMETERS: [&str; 18] = [
    "f",
    "i",
    "h",
    "s",
    "sf",
    "p",
    "si",
    "g",
    "n",
    "tf",
    "ti",
    "sort",
    "own",
    "noinlines",
    "rel",
    "prunefrom",
    "q",
    "z",
];

/// What there is to look at.
#[derive(Debug, Serialize)]
pub struct Choices {
    /// The profiles, that first which is shown first.
    pub profiles: Vec<Choice>,
    /// Moments from which on the one that is asked about can be shown.
    pub marks: Vec<String>,
    /// Whether what is looked at goes on.
    pub live: bool,
}

/// One of several profiles.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// What it is called.
    pub label: String,
    /// The parameters by which the page asks for it.
    pub wishes: BTreeMap<&'static str, String>,
}

/// Tells the page what there is to look at.
pub fn session(choices: &Choices) -> Response {
    Response::new("application/json", serde_json::to_vec(choices).unwrap_or_default())
}

/// The page.
pub fn page() -> Response {
    let Page { html, policy } = Page::from(ANSWERS);
    Response::new("text/html; charset=utf-8", html)
        .header("Content-Security-Policy", &format!("{policy}; frame-ancestors 'none'"))
        .header("Referrer-Policy", "no-referrer")
        .header("Cache-Control", "no-store")
}

/// The profile for the page, as bytes that it understands.
pub fn data(bytes: Vec<u8>) -> Response {
    Response::new("application/octet-stream", bytes).header("Cache-Control", "no-store")
}

/// Those bytes for the profile that `source` is; `way` leads to what the reader has come close to.
///
/// # Errors
/// If it is no profile.
pub fn data_of(source: Source, way: &Way) -> anyhow::Result<Vec<u8>> {
    bytes(load::merged(&[source], None)?, &Options::default(), way)
}

/// Those bytes for a profile as the options show it, to a reader who has come close to the end of a way.
pub fn bytes(mut profile: Profile, options: &Options, way: &Way) -> anyhow::Result<Vec<u8>> {
    prune::prune(&mut profile);
    pruned_bytes(&profile, options, way)
}

/// The same for a profile whose allocation functions are left out already.
pub fn pruned_bytes(profile: &Profile, options: &Options, way: &Way) -> anyhow::Result<Vec<u8>> {
    let profile = options.with_label_frames(profile);
    let view = View::new(&profile, options)?;
    html::data(&Viewer::near(&view, way, |file| source_files::read(&options.paths, file)))
}

/// What the reader of a page has come close to, as the page says it.
///
/// # Errors
/// An answer to who says it wrong.
pub fn way(request: &Request) -> Result<Way, Response> {
    Way::parse(request.query("near").unwrap_or_default())
        .ok_or_else(|| Response::error(400, "near: hexadecimal numbers, with commas between"))
}

/// Can it be read again? What is no file, such as a pipe, gives its bytes once.
pub fn lasts(place: &Path) -> bool {
    place.is_file() || place.to_str().is_some_and(|text| text.contains("://"))
}

/// The profiles of files, each with what it is called and less the base, for a page that has several inside; none
/// where they are so many that it would be too large, or cannot be read but together.
///
/// # Errors
/// If one is no profile.
pub fn parts(
    files: &[PathBuf],
    base: Option<&Base>,
    options: &Options,
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    const MOST: usize = 16;
    if !(2..=MOST).contains(&files.len())
        || !files.iter().chain(base.iter().flat_map(|base| &base.files)).all(|file| lasts(file))
    {
        return Ok(Vec::new());
    }
    let part = |(label, file)| -> anyhow::Result<(String, Vec<u8>)> {
        Ok((label, bytes(load::load(std::slice::from_ref(file), base)?, options, &Way::default())?))
    };
    labels(files).into_iter().zip(files).map(part).collect()
}

/// What to call the profiles of files: their names, with so much of their folders that they differ.
pub fn labels(files: &[PathBuf]) -> Vec<String> {
    let names = |parts: usize| -> Vec<String> {
        let name = |file: &PathBuf| {
            let last: Vec<_> = file.components().rev().take(parts).collect();
            last.into_iter().rev().collect::<PathBuf>().to_string_lossy().into_owned()
        };
        files.iter().map(name).collect()
    };
    let differ = |names: &Vec<String>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    let longest = files.iter().map(|file| file.components().count()).max().unwrap_or(1);
    (1..=longest).map(names).find(differ).unwrap_or_else(|| names(longest))
}

/// The view of the page that one of pprof's web pages, which are below `/ui/`, is.
pub fn redirect(request: &Request) -> Option<Response> {
    let view = match request.path().strip_prefix("/ui/")? {
        "" => "graph",
        "flamegraph" | "flamegraph2" | "flamegraphold" => "flamegraph",
        "top" => "top",
        "peek" => "peek",
        "source" | "disasm" => "source",
        _ => return None,
    };
    let given = PARAMETERS.iter().filter_map(|name| Some((*name, request.query(name)?)));
    let parameters = given.map(|(name, value)| {
        // What is looked at there is what these focus on.
        let name = if name == "f" && ["peek", "source"].contains(&view) { "p" } else { name };
        (name, value.to_owned())
    });
    Some(Response::redirect(&format!("/#{}", html::address(view, parameters))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_called_by_as_little_as_tells_them_apart() {
        let labels = |files: &[&str]| labels(&files.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(labels(&["a/out.prof", "a/out.cc.7.prof"]), ["out.prof", "out.cc.7.prof"]);
        assert_eq!(labels(&["x/a/out.prof", "x/b/out.prof"]), ["a/out.prof", "b/out.prof"]);
        assert_eq!(labels(&["out.prof", "out.prof"]), ["out.prof", "out.prof"]);
        assert_eq!(labels(&[]), [""; 0]);
    }
}
