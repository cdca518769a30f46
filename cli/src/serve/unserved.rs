//! The pages of Go's net/http/pprof that are not about memory.

use heaptrace_collector::Profiled;
use heaptrace_http::Response;

use crate::messages;

/// What Go serves and a native program does not have, and how those call it who ask for it.
const OTHERS: [&str; 6] = ["block", "goroutine", "mutex", "profile", "threadcreate", "trace"];

/// Why there is no such profile, and how to stop asking for it; `None` if nobody asks for it.
pub fn why(name: &str) -> Option<String> {
    OTHERS.contains(&name).then(|| messages::serve::heap_profiles_only(name))
}

/// The program and its arguments, a NUL after each but the last.
pub fn cmdline(process: &Profiled) -> Response {
    Response::new("text/plain; charset=utf-8", process.command.join("\0"))
}

/// That addresses can be asked about. Profiles have their names inside, so none is known here.
pub fn symbol() -> Response {
    Response::new("text/plain; charset=utf-8", "num_symbols: 1\n")
}
