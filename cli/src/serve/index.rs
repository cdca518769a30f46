//! The page that lists the processes, and their profiles.

use std::fmt::Write;

use heaptrace_collector::Profiled;
use heaptrace_http::Response;
use heaptrace_report::{escaped, grouped};

use super::heap::Kind;
use super::site::{Site, busy};

const HEAD: &str = "<!DOCTYPE html>\n<html>\n<head>\n<title>/debug/pprof/</title>\n<meta charset=\"utf-8\">\n</head>\n<body>\n/debug/pprof/\n";

/// The page, about one process if one is named.
pub fn page(site: &Site, pid: Option<u32>) -> Response {
    let Some(mut processes) = site.asker.processes() else { return busy() };
    site.forget_gone(&processes);
    let mut page = HEAD.to_owned();
    if let Some(pid) = pid {
        match site.process(Some(pid)) {
            Ok(process) => processes = vec![process],
            Err(error) => return error,
        }
    }
    page += "<p>Profiles of the program:</p>\n<table>\n";
    for (name, _, _, what) in Kind::ALL {
        let _ = writeln!(
            page,
            "<tr><td><a href=\"{name}?debug=1\">{name}</a></td><td>{}</td></tr>",
            escaped(what)
        );
    }
    page +=
        "<tr><td><a href=\"cmdline\">cmdline</a></td><td>The program and its arguments</td></tr>\n</table>\n";
    page += "<p>Processes:</p>\n<table>\n<tr><td>pid</td><td>program</td><td>in use</td><td>samples</td><td>profiles</td></tr>\n";
    processes.iter().for_each(|process| row(&mut page, process));
    page += "</table>\n</body>\n</html>\n";
    Response::new("text/html; charset=utf-8", page).header("Content-Security-Policy", "default-src 'none'")
}

fn row(page: &mut String, process: &Profiled) {
    let Profiled { pid, name, in_use: (in_use, _), counters, .. } = process;
    let (name, in_use, samples) =
        (name.to_string_lossy(), grouped(*in_use as u64), grouped(counters.samples));
    let _ = writeln!(
        page,
        "<tr><td>{pid}</td><td>{}</td><td>{in_use} B</td><td>{samples}</td>\
         <td><a href=\"/pid/{pid}/debug/pprof/\">/pid/{pid}/debug/pprof/</a></td></tr>",
        escaped(&name)
    );
}
