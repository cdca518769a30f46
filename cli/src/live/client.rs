//! One request to a session's socket, and its answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::net::sockopt::socket_peercred;

use crate::messages;

/// An answer is a profile at most.
const MOST: u64 = 1 << 32;
/// Of its head, bytes and lines.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 32;

/// What was asked for, read up to its body.
#[derive(Debug)]
pub struct Answer {
    stream: UnixStream,
    /// What of the body came with the head.
    first: Vec<u8>,
    /// How long the body is.
    length: u64,
}

/// Asks for `path` with these words in its query; waits for as long as `patience` for each part of the answer. `None` if
/// nobody listens at the socket.
///
/// # Errors
/// What the session says that is wrong, or why it does not answer.
pub fn ask(socket: &Path, path: &str, query: &[(&str, &str)], patience: Duration) -> Result<Option<Answer>> {
    let Ok(mut stream) = UnixStream::connect(socket) else {
        let _ = std::fs::remove_file(socket); // it was left behind
        return Ok(None);
    };
    // The folder is ours; this is for one that was ours before.
    if socket_peercred(&stream)?.uid != rustix::process::geteuid() {
        return Ok(None);
    }
    stream.set_read_timeout(Some(patience))?;
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    let request = format!("GET {path}?{} HTTP/1.1\r\nHost: localhost\r\n\r\n", query.join("&"));
    stream.write_all(request.as_bytes())?;
    let (status, answer) = Answer::of(stream).context(messages::live::NO_ANSWER)?;
    match status {
        200 => Ok(Some(answer)),
        _ => bail!("{}", String::from_utf8_lossy(&answer.whole()?).trim_end()),
    }
}

impl Answer {
    /// The status and the answer that come through `stream`.
    fn of(mut stream: UnixStream) -> Result<(u16, Answer)> {
        let mut read = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece)?;
            ensure!(count > 0 && read.len() < MAX_HEAD, "no head");
            read.extend(&piece[..count]);
            if let Some((status, head, length)) = parse(&read)? {
                ensure!(length <= MOST, "too long");
                return Ok((status, Answer { stream, first: read.split_off(head), length }));
            }
        }
    }

    /// Its body.
    ///
    /// # Errors
    /// If not all of it comes.
    pub fn whole(self) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        self.in_pieces(|piece| {
            whole.extend(piece);
            Ok(())
        })?;
        Ok(whole)
    }

    /// Gives its body to `take`, piece by piece as it comes.
    ///
    /// # Errors
    /// If not all of it comes, or of `take`.
    pub fn in_pieces(self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut body = self.first.chain(self.stream).take(self.length);
        let (mut piece, mut left) = (vec![0; 1 << 16], self.length);
        while left > 0 {
            let count = body.read(&mut piece).context(messages::live::NO_ANSWER)?;
            ensure!(count > 0, messages::live::NO_ANSWER);
            take(&piece[..count])?;
            left -= count as u64;
        }
        Ok(())
    }
}

/// The status of an answer, where its body begins, and how long that is, when all of its head is there.
fn parse(read: &[u8]) -> Result<Option<(u16, usize, u64)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = parsed.parse(read)? else { return Ok(None) };
    let said = parsed.headers.iter().find(|header| header.name == "Content-Length");
    let length = std::str::from_utf8(said.context("no length")?.value)?.parse()?;
    Ok(Some((parsed.code.context("no status")?, head, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &[u8]) -> Result<(u16, Vec<u8>)> {
        let (mut server, client) = UnixStream::pair()?;
        std::thread::scope(|scope| {
            scope.spawn(move || server.write_all(text));
            let (status, answer) = Answer::of(client)?;
            Ok((status, answer.whole()?))
        })
    }

    #[test]
    fn an_answer_is_whole_or_none() {
        let text = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n";
        assert_eq!(answer(text).unwrap(), (404, b"no\n".to_vec()));
        for cut in [1, 4, text.len()] {
            assert!(answer(&text[..text.len() - cut]).is_err(), "without its last {cut} bytes");
        }
        let long = b"x".repeat(200_000);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", long.len());
        assert_eq!(answer(&[head.as_bytes(), &long].concat()).unwrap(), (200, long));
        assert!(answer(&b"X".repeat(2 * MAX_HEAD)).is_err());
    }
}
