//! What the commands of the session's own user ask for.

use heaptrace_channel::config::parse_rate_or_off;
use heaptrace_channel::marks::is_name;
use heaptrace_collector::Profiled;
use heaptrace_collector::question::RateSet;
use heaptrace_collector::recording::Since;
use heaptrace_collector::snapshot::Snapshot;
use heaptrace_collector::{Form, Times, message};
use heaptrace_http::{Request, Response};

use super::site::{Site, busy};
use crate::messages;

/// All processes, as JSON.
pub const PROCESSES: &str = "/heaptrace/processes";
/// A profile of `pid`, as it would be in a file but not gzipped, which is left to whoever wants that: since the
/// mark `since`, until the mark `until`.
pub const SNAPSHOT: &str = "/heaptrace/snapshot";
/// Marks this moment of `pid` as `name`.
pub const MARK: &str = "/heaptrace/mark";

/// Has samples of `pid` drawn every `bytes`, or none.
pub const RATE: &str = "/heaptrace/rate";

/// The answer to a command; `None` if it is none.
pub fn answer(site: &Site, request: &Request) -> Option<Response> {
    let named = || {
        let pid = request.query("pid").and_then(|pid| pid.parse().ok());
        site.process(pid)
    };
    let answered = match request.path() {
        PROCESSES => Ok(processes(site)),
        SNAPSHOT => named().and_then(|process| snapshot(site, request, &process)),
        RATE => named().and_then(|process| rate(site, request, &process)),
        MARK => named().and_then(|process| mark(site, request, &process)),
        _ => return None,
    };
    Some(answered.unwrap_or_else(|error| error))
}

fn processes(site: &Site) -> Response {
    let Some(processes) = site.asker.processes() else { return busy() };
    Response::new("application/json", serde_json::to_vec(&processes).unwrap_or_default())
}

fn mark(site: &Site, request: &Request, process: &Profiled) -> Result<Response, Response> {
    let name = request.query("name").unwrap_or_default();
    if !is_name(name.as_bytes()) {
        return Err(Response::error(400, messages::options::BAD_MARK));
    }
    match site.asker.mark(process.pid, name).ok_or_else(busy)? {
        true => Ok(Response::new("text/plain; charset=utf-8", "")),
        false => Err(Response::error(404, &messages::live::not_profiled(process.pid))),
    }
}

fn rate(site: &Site, request: &Request, process: &Profiled) -> Result<Response, Response> {
    let rate = request.query("bytes").and_then(|text| parse_rate_or_off(text.as_bytes()));
    let rate = rate.ok_or_else(|| Response::error(400, messages::options::BAD_RATE_OR_OFF))?;
    match site.asker.set_rate(process.pid, rate).ok_or_else(busy)? {
        RateSet::Done => Ok(Response::new("text/plain; charset=utf-8", "")),
        RateSet::NoProcess => Err(Response::error(404, &messages::live::not_profiled(process.pid))),
        RateSet::TooOften => Err(Response::error(503, messages::live::RATE_STAYS)),
    }
}

fn snapshot(site: &Site, request: &Request, process: &Profiled) -> Result<Response, Response> {
    let marked = |name: &str| site.marked(process, name);
    let given = |name| request.query(name).filter(|name| !name.is_empty());
    let since = given("since").map(marked).transpose()?;
    let until = given("until").map(marked).transpose()?;
    let _inside = site.gate.enter().ok_or_else(busy)?;
    let now = match until {
        Some(until) => until,
        None => site.snapshot(process)?,
    };
    Ok(Response::new("application/octet-stream", encoded(site, &now, since.as_ref())))
}

/// A profile as it would be in a file that is not gzipped, or of what came since another moment.
pub fn encoded(site: &Site, now: &Snapshot, since: Option<&Snapshot>) -> Vec<u8> {
    let difference = Form { times: Times::Difference, ..Form::LIVE };
    let form = if since.is_some() { difference } else { Form::FILE };
    message(now, since.map(|since| (since, Since::Everything)), form, &site.symbolizer).0
}
