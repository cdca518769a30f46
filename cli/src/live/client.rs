//! One request to a session's socket, and its answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::net::sockopt::socket_peercred;

use crate::messages;

/// Names may have to be looked up first.
const PATIENCE: Duration = Duration::from_secs(600);
/// An answer is a profile at most.
const MOST: u64 = 1 << 32;
const MAX_HEADERS: usize = 32;

/// Asks for `path` with these words in its query. `None` if nobody listens at the socket.
///
/// # Errors
/// What the session says that is wrong, or why it does not answer.
pub fn ask(socket: &Path, path: &str, query: &[(&str, &str)]) -> Result<Option<Vec<u8>>> {
    let Ok(mut stream) = UnixStream::connect(socket) else {
        let _ = std::fs::remove_file(socket); // it was left behind
        return Ok(None);
    };
    // The folder is ours; this is for one that was ours before.
    if socket_peercred(&stream)?.uid != rustix::process::geteuid() {
        return Ok(None);
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    let request = format!("GET {path}?{} HTTP/1.1\r\nHost: localhost\r\n\r\n", query.join("&"));
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer).context(messages::live::NO_ANSWER)?;
    let (status, body) = split(&answer).context(messages::live::NO_ANSWER)?;
    match status {
        200 => Ok(Some(body.to_vec())),
        _ => bail!("{}", String::from_utf8_lossy(body).trim_end()),
    }
}

/// The status and the body of an answer.
fn split(answer: &[u8]) -> Option<(u16, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(answer).ok()? else { return None };
    let said = parsed.headers.iter().find(|header| header.name == "Content-Length")?;
    let said: usize = std::str::from_utf8(said.value).ok()?.parse().ok()?;
    let body = answer.get(length..)?;
    (body.len() == said).then_some((parsed.code?, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_none() {
        let text = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n";
        assert_eq!(split(text), Some((404, &b"no\n"[..])));
        assert_eq!(split(&text[..text.len() - 1]), None);
        assert_eq!(split(b""), None);
    }
}
