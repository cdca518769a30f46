//! The viewer for browsers, for servers: its page, and the profile for it.

use heaptrace_http::{Request, Response};
use heaptrace_pprof::Source;

use crate::ask::source_files;
use crate::profile::tables::Profile;
use crate::profile::{load, prune};
use crate::render::html::{self, Page};
use crate::view::basis::{Options, View};
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

/// Those bytes for the profile that `source` is. `differs` tells whether it is what came since a moment, of which
/// there may be less than nothing.
///
/// # Errors
/// If it is no profile.
pub fn data_of(source: Source, differs: bool) -> anyhow::Result<Vec<u8>> {
    bytes(load::merged(&[source], None)?, &Options::default(), differs)
}

/// Those bytes for a profile as the options show it.
pub fn bytes(mut profile: Profile, options: &Options, differs: bool) -> anyhow::Result<Vec<u8>> {
    prune::prune(&mut profile);
    let profile = options.with_label_frames(&profile);
    let view = View::new(&profile, options)?;
    let mut viewer = Viewer::new(&view, |file| source_files::read(&options.paths, file));
    viewer.difference |= differs;
    html::data(&viewer)
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
