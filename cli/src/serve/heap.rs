//! Profiles of a process that goes on, with the paths, headers and error texts of Go's net/http/pprof.

use std::thread;
use std::time::{Duration, Instant};

use heaptrace_collector::Profiled;
use heaptrace_collector::recording::Since;
use heaptrace_collector::snapshot::Snapshot;
use heaptrace_collector::{Form, Times, keep_largest, message, profile, symbols};
use heaptrace_http::{Request, Response};

use super::plain;
use super::site::{Site, busy, pprof_error};
/// The profiles that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Heap,
    Allocs,
    DeltaHeap,
    Peak,
}

impl Kind {
    /// All of them, with what they show first and what they are.
    pub const ALL: [(&str, Kind, &str, &str); 4] = [
        ("allocs", Kind::Allocs, "alloc_space", "What was allocated since the process began to be recorded"),
        (
            "delta_heap",
            Kind::DeltaHeap,
            "inuse_space",
            "What was allocated since this client last asked, and what is in use now; ?client=NAME tells clients of one address apart",
        ),
        (
            "heap",
            Kind::Heap,
            "inuse_space",
            "What is in use now, and what was allocated. ?seconds=N shows the difference that N seconds make, ?since=MARK what came since a mark",
        ),
        ("peak", Kind::Peak, "peak_space", "The same, and what was in use when most was"),
    ];

    /// The kind of that name.
    pub fn of(name: &str) -> Option<Kind> {
        Kind::ALL.iter().find(|(known, ..)| *known == name).map(|&(_, kind, ..)| kind)
    }

    fn name(self) -> &'static str {
        Kind::ALL.iter().find(|(_, kind, ..)| *kind == self).map_or("", |(name, ..)| name)
    }
}

/// What is asked for beside the kind.
struct Wish {
    kind: Kind,
    seconds: Option<u64>,
    /// Only what came since this mark.
    since: Option<String>,
    is_text: bool,
    most: Option<usize>,
    form: Form,
}

impl Wish {
    fn of(request: &Request, kind: Kind) -> Result<Wish, Response> {
        let given = |name| request.query(name).filter(|text| !text.is_empty());
        let bad = |why: &str| pprof_error(400, why);
        let seconds = match given("seconds").map(|text| text.parse::<u64>()) {
            None => None,
            Some(Ok(seconds @ 1..)) if i64::try_from(seconds).is_ok() => Some(seconds),
            Some(_) => return Err(bad("invalid value for \"seconds\" - must be a positive integer")),
        };
        let is_text = given("debug").is_some_and(|text| text.parse::<i64>().is_ok_and(|debug| debug != 0));
        if seconds.is_some() && is_text {
            return Err(bad("seconds and debug params are incompatible"));
        }
        let since = given("since").map(str::to_owned);
        if since.is_some() && seconds.is_some() {
            return Err(bad("since and seconds params are incompatible"));
        }
        let most = match given("max_samples").map(|text| text.parse::<usize>()) {
            None => None,
            Some(Ok(most @ 1..)) => Some(most),
            Some(_) => return Err(bad("invalid value for \"max_samples\" - must be a positive integer")),
        };
        let default_type =
            Kind::ALL.iter().find(|(_, it, ..)| *it == kind).map_or("", |(_, _, first, _)| first);
        let with_peak = kind == Kind::Peak || given("types") == Some("all");
        let times = if seconds.is_some() || since.is_some() { Times::Difference } else { Times::Moment };
        Ok(Wish { kind, seconds, since, is_text, most, form: Form { with_peak, default_type, times } })
    }
}

/// A profile of a process.
pub fn profile_of(site: &Site, request: &Request, kind: Kind, process: &Profiled) -> Response {
    let granted = Wish::of(request, kind).and_then(|wish| wish.grant(site, request, process));
    granted.unwrap_or_else(|error| error)
}

impl Wish {
    fn grant(&self, site: &Site, request: &Request, process: &Profiled) -> Result<Response, Response> {
        let mut before = None;
        if let Some(seconds) = self.seconds {
            before = Some((site.snapshot(process)?, Since::Everything));
            wait(request, seconds)?;
        }
        if let Some(name) = &self.since {
            before = Some((site.marked(process, name)?, Since::Everything));
        }
        let _inside = site.gate.enter().ok_or_else(busy)?;
        let now = site.snapshot(process)?;
        if before.is_none() && self.kind == Kind::DeltaHeap {
            let last = site.clients().replace(&client(request), now.clone());
            before = last.map(|last| (last, Since::Allocations));
        }
        let before = before.as_ref().filter(|(before, _)| before.key == now.key);
        Ok(self.response(site, &now, before.map(|(before, what)| (before, *what))))
    }

    fn response(&self, site: &Site, now: &Snapshot, since: Option<(&Snapshot, Since)>) -> Response {
        let profile = || {
            let mut recording = now.recording(since);
            if let Some(most) = self.most {
                keep_largest(&mut recording.rows, &mut recording.stacks, most);
            }
            profile(&recording, &symbols(&recording, &site.symbolizer), self.form)
        };
        if self.is_text {
            return Response::new("text/plain; charset=utf-8", plain::text(&profile()));
        }
        let body = match self.most {
            Some(_) => heaptrace_pprof::encode(&profile()),
            None => heaptrace_pprof::gzip(&message(now, since, self.form, &site.symbolizer).0),
        };
        let delta = if self.form.times == Times::Difference { "-delta" } else { "" };
        let disposition = format!("attachment; filename=\"{}{delta}\"", self.kind.name());
        let response = Response::new("application/octet-stream", body);
        response.header("Content-Disposition", &disposition)
    }
}

/// Who asks for differences to what it got last.
fn client(request: &Request) -> String {
    let [name, agent] =
        [request.query("client"), request.header("user-agent")].map(Option::unwrap_or_default);
    format!("{}\n{agent}\n{name}", request.peer())
}

/// Waits, as long as somebody waits for the answer.
fn wait(request: &Request, seconds: u64) -> Result<(), Response> {
    const STEP: Duration = Duration::from_millis(500);
    let since = Instant::now();
    let whole = Duration::from_secs(seconds);
    while let Some(left) = whole.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) {
        if request.is_abandoned() {
            return Err(pprof_error(500, "context canceled"));
        }
        thread::sleep(left.min(STEP));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for (name, kind, ..) in Kind::ALL {
            assert_eq!((Kind::of(name), kind.name()), (Some(kind), name));
        }
        assert_eq!(Kind::of("goroutine"), None);
    }
}
