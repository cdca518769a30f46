//! Sends requests, one after another.

use std::time::Duration;

use ureq::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::otlp;
use crate::request::Request;
use crate::settings::Settings;
use crate::target::Protocol;

/// How long a connection is kept for the next request: shorter than any server or proxy does it, so that
/// none is closed as something is sent.
const IDLE: Duration = Duration::from_secs(4);
/// Most of an answer that is read, in bytes.
const MOST_READ: u64 = 64 << 10;
/// Most of what a server says that is shown, in characters.
const MOST_SHOWN: usize = 300;

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The server has it.
    Taken,
    /// The server does not want it, for this reason.
    Refused(String),
    /// It can be sent again, the server says when.
    Later(String, Option<Duration>),
}

/// The way to a server.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    protocol: Protocol,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Client {
    /// Nothing is sent yet.
    pub fn new(settings: &Settings) -> Client {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(settings.tls.clone())
            .max_idle_age(IDLE)
            .max_redirects(0) // what is posted does not come along, and who asks should know
            .user_agent(concat!("heaptrace/", env!("CARGO_PKG_VERSION")))
            .build();
        Client { agent: agent.into(), protocol: settings.target.protocol, headers: settings.headers.clone() }
    }

    /// Sends a request, and waits for the answer for as long as `patience`.
    pub fn send(&self, request: &Request, patience: Duration) -> Answer {
        let mut builder = self.agent.post(&request.url).config().timeout_global(Some(patience)).build();
        for (name, value) in &request.headers {
            builder = builder.header(*name, *value);
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        match builder.send(&request.body[..]) {
            Ok(response) => self.answer(response),
            Err(ureq::Error::Timeout(_)) => Answer::Later("it does not answer".to_owned(), None),
            Err(ureq::Error::Io(why)) => Answer::Later(why.to_string(), None),
            Err(why) => Answer::Later(why.to_string(), None),
        }
    }

    fn answer(&self, mut response: Response<Body>) -> Answer {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.body_mut().with_config().limit(MOST_READ).read_to_vec().unwrap_or_default();
        if status.is_success() {
            let rejected = (self.protocol == Protocol::Otlp).then(|| otlp::rejected(&body)).flatten();
            return rejected.map_or(Answer::Taken, |why| Answer::Refused(shown(&why)));
        }
        let said = shown(&said(&headers, &body));
        let why = if said.is_empty() { status.to_string() } else { format!("{status}: {said}") };
        match self.may_be_sent_again(status) {
            true => Answer::Later(why, retry_after(&headers)),
            false => Answer::Refused(why),
        }
    }

    /// OTLP names the statuses after which a request may be sent again, and 500 is none of them. To
    /// Pyroscope it is: a profile of one series and time that it has already is known to it.
    fn may_be_sent_again(&self, status: StatusCode) -> bool {
        match status.as_u16() {
            408 | 429 | 502..=504 => true,
            500 | 505..=599 => self.protocol != Protocol::Otlp,
            _ => false,
        }
    }
}

/// What the server says, in whichever way it says that.
fn said(headers: &HeaderMap, body: &[u8]) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let special = if kind.starts_with("application/json") {
        let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        json.and_then(|json| Some(json.get("message")?.as_str()?.to_owned()))
    } else if kind.starts_with(otlp::CONTENT_TYPE) {
        otlp::status(body)
    } else {
        None
    };
    special.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}

/// A text of a server's, in one line that is not too long.
fn shown(text: &str) -> String {
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// How long the server wants to be left alone; a date is not understood.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_one_line_that_is_not_too_long() {
        assert_eq!(shown(" a\r\n\tb\u{1b}[1m  c "), "a b [1m c");
        let long = shown(&"ä".repeat(1000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (MOST_SHOWN + 1, true));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(said(&headers, br#"{"code":"unknown","message":"too old"}"#), "too old");
        assert_eq!(said(&headers, b"{"), "{");
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        assert_eq!(said(&headers, b"\x08\x03\x12\x03bad"), "bad");
    }
}
