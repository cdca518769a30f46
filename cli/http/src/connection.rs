//! One connection: a request in, an answer out, each within its time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;

use crate::request::{MAX_HEAD, Peer, Refused, Request};
use crate::response::Response;

/// How long a request may take to arrive, and an answer to be taken.
const READING: Duration = Duration::from_secs(10);
const WRITING: Duration = Duration::from_secs(60);

/// What may follow the head of a request. Nothing that we answer depends on it.
const MAX_BODY: u64 = 16 << 20;

/// A stream to a client.
#[derive(Debug)]
pub(crate) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    /// Reads a request.
    ///
    /// # Errors
    /// The status to answer with; `None` if the client is gone.
    pub(crate) fn request(&mut self) -> Result<Request, Option<Refused>> {
        let deadline = Instant::now() + READING;
        let peer = self.peer();
        let mut bytes = Vec::new();
        let (request, head) = loop {
            let mut piece = [0; 4096];
            let read = self.read_before(deadline, &mut piece).map_err(|why| match why.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Some(408),
                _ => None,
            })?;
            if read == 0 {
                return Err(None);
            }
            bytes.extend(&piece[..read]);
            bytes.truncate(MAX_HEAD + piece.len());
            if let Some(whole) = Request::parse(&bytes, &peer).map_err(Some)? {
                break whole;
            }
        };
        let length = request.content_length().map_err(Some)?;
        if length > MAX_BODY {
            return Err(Some(413));
        }
        self.discard(length.saturating_sub((bytes.len() - head) as u64), deadline).map_err(|_| None)?;
        Ok(request.by(&*self))
    }

    /// Reads what is not looked at, so that the client is ready to read.
    fn discard(&mut self, mut length: u64, deadline: Instant) -> io::Result<()> {
        let mut piece = [0; 4096];
        while length > 0 {
            match self.read_before(deadline, &mut piece)? {
                0 => return Ok(()),
                read => length = length.saturating_sub(read as u64),
            }
        }
        Ok(())
    }

    fn read_before(&mut self, deadline: Instant, into: &mut [u8]) -> io::Result<usize> {
        let left = Some(until(deadline)?);
        match self {
            Connection::Tcp(stream) => stream.set_read_timeout(left).and_then(|()| stream.read(into)),
            Connection::Unix(stream) => stream.set_read_timeout(left).and_then(|()| stream.read(into)),
        }
    }

    /// Writes an answer, without its body for a request that asks for the headers only.
    pub(crate) fn answer(&mut self, response: &Response, with_body: bool) -> io::Result<()> {
        let deadline = Instant::now() + WRITING;
        self.write_before(deadline, &response.head())?;
        if with_body { self.write_before(deadline, response.body()) } else { Ok(()) }
    }

    fn write_before(&mut self, deadline: Instant, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            let left = Some(until(deadline)?);
            let written = match self {
                Connection::Tcp(stream) => {
                    stream.set_write_timeout(left).and_then(|()| stream.write(rest))?
                }
                Connection::Unix(stream) => {
                    stream.set_write_timeout(left).and_then(|()| stream.write(rest))?
                }
            };
            rest = &rest[written..];
        }
        Ok(())
    }

    /// Ends the connection, when the client has had time to read the answer: what it still sends, and
    /// nobody reads, would take that from it.
    pub(crate) fn finish(mut self) {
        const LINGER: Duration = Duration::from_secs(1);
        let _ = match &self {
            Connection::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Connection::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
        let _ = self.discard(MAX_BODY, Instant::now() + LINGER);
    }

    /// Writes what fits at once, for a client that is not waited for.
    pub(crate) fn dismiss(&mut self, response: &Response) {
        let bytes = [&response.head(), response.body()].concat();
        let _ = match self {
            Connection::Tcp(stream) => stream.set_nonblocking(true).and_then(|()| stream.write(&bytes)),
            Connection::Unix(stream) => stream.set_nonblocking(true).and_then(|()| stream.write(&bytes)),
        };
    }

    fn peer(&self) -> Peer {
        match self {
            Connection::Tcp(stream) => {
                let address = stream.peer_addr().map(|address| address.ip().to_string());
                Peer { address: address.unwrap_or_default(), user: None }
            }
            Connection::Unix(stream) => {
                let user = socket_peercred(stream).map(|credentials| credentials.uid.as_raw());
                Peer { address: "unix".into(), user: user.ok() }
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Connection::Tcp(stream) => stream.as_fd(),
            Connection::Unix(stream) => stream.as_fd(),
        }
    }
}

fn until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
