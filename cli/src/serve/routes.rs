//! What is where.

use heaptrace_collector::Profiled;
use heaptrace_http::{Request, Response};

use super::site::{Site, pprof_error};
use super::{heap, index, metrics, owner, unserved, viewer};
use crate::messages;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visitor {
    /// Whoever may look.
    Guest,
    /// The user whose session it is.
    Owner,
}

/// The answer to a request.
pub fn answer(site: &Site, request: &Request, visitor: Visitor) -> Response {
    let bad_pid = |text: &str| pprof_error(404, &messages::serve::no_such_pid(text));
    let (mut pid, path) = match split_process(request.path()) {
        Ok(split) => split,
        Err(text) => return bad_pid(text),
    };
    if let Some(text) = request.query("pid").filter(|_| pid.is_none()) {
        match text.parse() {
            Ok(asked) => pid = Some(asked),
            Err(_) => return bad_pid(text),
        }
    }
    match path {
        // The page's own requests are relative to it.
        "/" if !request.path().ends_with('/') => Response::redirect(&format!("{}/", request.path())),
        "/" => heaptrace_report::viewer::page(),
        "/metrics" => metrics::all(site),
        // Relative links work with the slash only.
        "/debug/pprof" => Response::redirect(&format!("{}/", request.path())),
        _ => match (path.strip_prefix("/debug/pprof/"), path.strip_prefix("/viewer/")) {
            (Some(name), _) => pprof_page(site, request, name, pid),
            (_, Some(what)) => viewer::answer(site, request, what, pid),
            (None, None) => {
                let command = if visitor == Visitor::Owner { owner::answer(site, request) } else { None };
                command.unwrap_or_else(|| Response::error(404, "404 page not found"))
            }
        },
    }
}

/// A page of Go's net/http/pprof.
fn pprof_page(site: &Site, request: &Request, name: &str, pid: Option<u32>) -> Response {
    let about = |say: &dyn Fn(&Profiled) -> Response| match site.process(pid) {
        Ok(process) => say(&process),
        Err(response) => response,
    };
    match (name, heap::Kind::of(name), unserved::why(name)) {
        ("", ..) => index::page(site, pid),
        ("cmdline", ..) => about(&unserved::cmdline),
        ("symbol", ..) => unserved::symbol(),
        (_, Some(kind), _) => about(&|process| heap::profile_of(site, request, kind, process)),
        (_, None, Some(why)) => pprof_error(404, &why),
        (_, None, None) => pprof_error(404, "Unknown profile"),
    }
}

/// The process that a path names, and the rest; the text that is no process id if it is none.
fn split_process(path: &str) -> Result<(Option<u32>, &str), &str> {
    let Some(rest) = path.strip_prefix("/pid/") else { return Ok((None, path)) };
    let end = rest.find('/').unwrap_or(rest.len());
    let (pid, rest) = rest.split_at(end);
    let rest = if rest.is_empty() { "/" } else { rest };
    pid.parse().map(|pid| (Some(pid), rest)).map_err(|_| pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_begin_with_a_process() {
        assert_eq!(split_process("/debug/pprof/heap"), Ok((None, "/debug/pprof/heap")));
        assert_eq!(split_process("/pid/7/debug/pprof/heap"), Ok((Some(7), "/debug/pprof/heap")));
        assert_eq!(split_process("/pid/7"), Ok((Some(7), "/")));
        for bad in ["/pid/", "/pid/x/debug/pprof/heap", "/pid/-1/", "/pid/99999999999/"] {
            assert!(split_process(bad).is_err(), "{bad}");
        }
    }
}
