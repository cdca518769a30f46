//! A request, as far as it has been read.

use std::borrow::Cow;
use std::os::fd::{AsFd, OwnedFd};

use percent_encoding::percent_decode_str;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A request.
#[derive(Debug, Default)]
pub struct Request {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    /// The IP address that it came from, if it came from one.
    peer: String,
    /// The user whose process sent it, if it came over a unix socket.
    user: Option<u32>,
    /// The connection that it came by.
    stream: Option<OwnedFd>,
}

/// Why a request is not understood, as a status.
pub(crate) type Refused = u16;

/// How much the line and the headers of a request may be, and how many headers.
pub(crate) const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;

impl Request {
    /// Reads the head of a request. `None` if more is to come, else with its length.
    pub(crate) fn parse(bytes: &[u8], peer: &Peer) -> Result<Option<(Request, usize)>, Refused> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        let length = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() >= MAX_HEAD => return Err(431),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(431),
            Err(_) => return Err(400),
        };
        let target = parsed.path.unwrap_or_default();
        // As a proxy is asked; only what follows the host matters.
        let target = target
            .strip_prefix("http://")
            .map_or(target, |rest| rest.find('/').map_or("/", |slash| &rest[slash..]));
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !path.starts_with('/') {
            return Err(400);
        }
        let header = |header: &httparse::Header<'_>| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_ascii_lowercase(), value)
        };
        let request = Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: one_slash_each(&decoded(path)),
            query: pairs(query),
            headers: parsed.headers.iter().map(header).collect(),
            peer: peer.address.clone(),
            user: peer.user,
            stream: None,
        };
        Ok(Some((request, length)))
    }

    /// `GET`, `HEAD` or `POST`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path, decoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first value of a name in the query; empty for one that is there without a value.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What tells clients apart as far as they do not say it themselves: their address.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The user whose process sent it, if it came over a unix socket.
    pub fn user(&self) -> Option<u32> {
        self.user
    }

    /// Has the client gone, so that nobody waits for the answer?
    pub fn is_abandoned(&self) -> bool {
        let Some(stream) = &self.stream else { return false };
        let mut polled = [PollFd::new(stream, PollFlags::RDHUP)];
        poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Tells by which connection it came.
    pub(crate) fn by(mut self, stream: impl AsFd) -> Request {
        self.stream = stream.as_fd().try_clone_to_owned().ok();
        self
    }

    /// How many bytes follow the head.
    pub(crate) fn content_length(&self) -> Result<u64, Refused> {
        match (self.header("transfer-encoding"), self.header("content-length")) {
            (Some(_), _) => Err(501),
            (None, None) => Ok(0),
            (None, Some(length)) => length.parse().map_err(|_| 400),
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    pub(crate) address: String,
    pub(crate) user: Option<u32>,
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// A URL that ends with a slash may have had another one put behind it.
fn one_slash_each(path: &str) -> String {
    let mut one = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !one.ends_with('/') {
            one.push(character);
        }
    }
    one
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        let [key, value] = [key, value].map(|text| decoded(&text.replace('+', " ")).into_owned());
        (key, value)
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

#[cfg(test)]
impl Request {
    pub(crate) fn for_tests(path: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        Request { method: "GET".into(), path: path.into(), headers, ..Request::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Request>, Refused> {
        Ok(Request::parse(text.as_bytes(), &Peer::default())?.map(|(request, _)| request))
    }

    #[test]
    fn a_request_is_read_with_what_is_escaped_in_it() {
        let text = "GET //a%20b%2F%2f..?x=1+2%263&flag&x=9#z HTTP/1.1\r\nHost: h\r\nX-A: é\r\n\r\n";
        let request = parse(text).unwrap().unwrap();
        assert_eq!((request.method(), request.path()), ("GET", "/a b/.."));
        assert_eq!(
            [request.query("x"), request.query("flag"), request.query("y")],
            [Some("1 2&3"), Some(""), None]
        );
        assert_eq!(request.header("host"), Some("h"));
    }

    #[test]
    fn what_is_too_much_or_no_request_is_refused() {
        assert!(matches!(parse("GET / HTTP/1.1\r\nHost"), Ok(None)));
        assert_eq!(parse(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(MAX_HEAD))).unwrap_err(), 431);
        let headers: String = (0..100).map(|n| format!("a{n}: b\r\n")).collect();
        assert_eq!(parse(&format!("GET / HTTP/1.1\r\n{headers}\r\n")).unwrap_err(), 431);
        for bad in [
            "\x16\x03\x01\r\n\r\n",
            "GET HTTP/1.1\r\n\r\n",
            "GET x HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\n:\r\n\r\n",
        ] {
            assert_eq!(parse(bad).unwrap_err(), 400, "{bad:?}");
        }
        let length = |header: &str| {
            parse(&format!("POST / HTTP/1.1\r\n{header}\r\n\r\n")).unwrap().unwrap().content_length()
        };
        assert_eq!([length("Content-Length: 7"), length("A: b")], [Ok(7), Ok(0)]);
        assert_eq!(
            [length("Content-Length: -1"), length("Transfer-Encoding: chunked")],
            [Err(400), Err(501)]
        );
    }
}
