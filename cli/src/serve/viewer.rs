//! The viewer for browsers, and what it asks for while it is open.

use std::path::Path;

use heaptrace_collector::Profiled;
use heaptrace_collector::snapshot::Snapshot;
use heaptrace_http::{Request, Response};
use heaptrace_pprof::Source;
use heaptrace_report::viewer::{self, Choice, Choices};

use super::owner::encoded;
use super::site::{Site, busy, pprof_error};
use crate::messages;

/// Longest name of a moment that a page has kept, in bytes.
const MAX_NAME: usize = 64;

/// The latest marks are offered, so many of them.
const MARKS: usize = 20;

/// The answer to what the page asks for: `data`, `session` or `mark`.
pub fn answer(site: &Site, request: &Request, what: &str, pid: Option<u32>) -> Response {
    let answered = match (what, request.method()) {
        ("data", _) => data(site, request, pid),
        ("session", _) => session(site, pid),
        ("mark", "POST") => keep(site, request, pid),
        _ => Err(Response::error(404, "404 page not found")),
    };
    answered.unwrap_or_else(|error| error)
}

/// The profile for the page: of all, or of what came since a moment.
fn data(site: &Site, request: &Request, pid: Option<u32>) -> Result<Response, Response> {
    let (process, way) = (site.process(pid)?, viewer::way(request)?);
    let since = request.query("since").filter(|name| !name.is_empty());
    let since = since.map(|name| moment(site, &process, name)).transpose()?;
    let _inside = site.gate.enter().ok_or_else(busy)?;
    let profile = encoded(site, &site.snapshot(&process)?, since.as_ref());
    let failed = |why: String| pprof_error(500, &why);
    let source =
        Source::read_from(Path::new("the session"), &*profile).map_err(|why| failed(why.to_string()))?;
    let bytes = viewer::data_of(source, &way).map_err(|why| failed(format!("{why:#}")))?;
    Ok(viewer::data(bytes))
}

/// A moment that a page had kept, or a mark.
fn moment(site: &Site, process: &Profiled, name: &str) -> Result<Snapshot, Response> {
    let kept = site.clients().get(process.key, &of_page(name)).cloned();
    kept.map_or_else(|| site.marked(process, name), Ok)
}

/// Keeps this moment for the page. Marks are the owner's, so it is kept with what clients had last.
fn keep(site: &Site, request: &Request, pid: Option<u32>) -> Result<Response, Response> {
    let name = request.query("name").unwrap_or_default();
    if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
        return Err(pprof_error(400, messages::options::BAD_MARK));
    }
    let snapshot = site.snapshot(&site.process(pid)?)?;
    site.clients().replace(&of_page(name), snapshot);
    Ok(Response::new("text/plain; charset=utf-8", ""))
}

/// The name under which a moment of a page is kept.
fn of_page(name: &str) -> String {
    format!("viewer\n{name}")
}

fn session(site: &Site, pid: Option<u32>) -> Result<Response, Response> {
    let all = site.asker.processes().ok_or_else(busy)?;
    let marks = site.asker.marks(site.process(pid)?.pid).ok_or_else(busy)?;
    let marks = marks.iter().rev().take(MARKS).rev().map(ToString::to_string).collect();
    let (program, others): (Vec<_>, Vec<_>) = all.iter().partition(|process| process.is_program);
    let choice = |it: &Profiled| {
        let label = format!("{} ({})", it.name.to_string_lossy(), it.pid);
        // The program is what is shown first.
        Choice { label, wishes: (!it.is_program).then(|| ("pid", it.pid.to_string())).into_iter().collect() }
    };
    let profiles = program.into_iter().chain(others).map(choice).collect();
    Ok(viewer::session(&Choices { profiles, marks, live: true }))
}
