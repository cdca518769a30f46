//! Where a profile is: in a file, on standard input, at a URL.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use heaptrace_pprof::{Error, Source};
use heaptrace_symbolize::tls_to;
use ureq::Agent;

/// Longest time to wait for a profile, beside the seconds that it is to be of.
const TIMEOUT: Duration = Duration::from_secs(120);
/// What is asked for at an address without a path.
const ENDPOINT: &str = "/debug/pprof/heap";

/// Reads the profile at a place: `-` is standard input, what begins like a URL is one.
pub fn read(place: &Path) -> Result<Source, Error> {
    match place.to_str() {
        Some("-") => Source::read_from(Path::new("standard input"), io::stdin().lock()),
        Some(url) if is_url(url) => fetch(&with_path(url)),
        _ => Source::read(place),
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// A place, with what comes in so many seconds if it is a URL.
pub fn of_seconds(place: &Path, seconds: u64) -> PathBuf {
    match place.to_str().filter(|url| is_url(url)) {
        None => place.to_owned(),
        Some(url) => {
            let url = with_path(url);
            let separator = if url.contains('?') { '&' } else { '?' };
            PathBuf::from(format!("{url}{separator}seconds={seconds}"))
        }
    }
}

fn fetch(url: &str) -> Result<Source, Error> {
    let parameters = url.split(['?', '&']);
    let seconds = parameters.filter_map(|one| one.strip_prefix("seconds=")?.parse().ok()).max();
    let timeout = TIMEOUT.saturating_add(Duration::from_secs(seconds.unwrap_or(0)));
    let no_answer = |why: io::Error| Error::File(url.into(), Box::new(Error::Read(why)));
    let tls = tls_to(url).map_err(|why| no_answer(io::Error::other(why)))?;
    let config = Agent::config_builder().timeout_global(Some(timeout)).tls_config(tls).build();
    let response = Agent::new_with_config(config).get(url).call();
    let response = response.map_err(|why| no_answer(io::Error::other(why)))?;
    Source::read_from(Path::new(url), response.into_body().into_reader())
}

/// `url` with the path of the endpoint if it has none.
fn with_path(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    match rest.split_once('/') {
        None => format!("{url}{ENDPOINT}"),
        Some((_, "")) => format!("{}{ENDPOINT}", url.trim_end_matches('/')),
        Some(_) => url.to_owned(),
    }
}
