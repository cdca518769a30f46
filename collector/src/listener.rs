//! Takes the segments that processes send when they start.

use std::io;
use std::iter;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use heaptrace_channel::config::TOKEN_LENGTH;
use heaptrace_channel::handshake::{HELLO_LENGTH, Hello, Refusal, encode_answer, same_user};
use rustix::io::IoSliceMut;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendFlags, Shutdown,
    SocketAddrUnix, SocketFlags, SocketType, accept_with, recvmsg, send, shutdown, socket_with,
};

use crate::limits::is_scarce;
use crate::wake::Waker;

/// A process that started.
#[derive(Debug)]
pub struct Arrival {
    /// Its process id as the kernel told us.
    pub pid: u32,
    /// Its segment, or why it has none.
    pub segment: Result<OwnedFd, Refusal>,
    /// Where it can be told whether it is recorded.
    pub connection: Connection,
}

/// A connection of which the message has been read.
#[derive(Debug)]
pub struct Connection(OwnedFd);

impl Connection {
    /// Tells the process whether it is recorded. Most do not wait to hear it.
    pub fn answer(self, answer: Result<(), Refusal>) {
        send(&self.0, &[encode_answer(answer)], SendFlags::DONTWAIT | SendFlags::NOSIGNAL).ok();
    }
}

/// Longest wait for the message of a connection. It is sent right after connecting.
const PATIENCE: Duration = Duration::from_secs(2);

/// A socket that listens under an abstract name.
///
/// # Errors
/// If the name is taken, or there are no unix sockets here.
pub fn bind(name: &str) -> io::Result<OwnedFd> {
    const BACKLOG: i32 = 4096;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Takes the messages, one from each connection, and waits for none.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    token: [u8; TOKEN_LENGTH],
    /// Connections whose message is not there yet.
    waiting: Vec<(OwnedFd, Instant)>,
}

impl Listener {
    /// Listens on a socket for our own user, and others who know the token.
    ///
    /// # Errors
    /// If the socket cannot be used without blocking.
    pub fn new(socket: OwnedFd, token: [u8; TOKEN_LENGTH], waker: &Waker) -> io::Result<Listener> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        waker.watch(&socket)?;
        Ok(Listener { socket, token, waiting: Vec::new() })
    }

    /// Refuses further connections.
    pub fn close(&self) {
        shutdown(&self.socket, Shutdown::Both).ok();
    }

    /// Is a connection's message still to come?
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// All processes that have announced themselves since the last call.
    pub fn arrivals(&mut self) -> Vec<Arrival> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let accepted = iter::from_fn(|| accept_with(&self.socket, flags).ok());
        let waiting = std::mem::take(&mut self.waiting);
        let mut arrivals = Vec::new();
        // One after the other, so that few are open at a time.
        for (connection, since) in waiting.into_iter().chain(accepted.map(|new| (new, Instant::now()))) {
            match receive(&connection, &self.token) {
                Ok(None) => {}
                Ok(Some((pid, segment))) => {
                    arrivals.push(Arrival { pid, segment, connection: Connection(connection) })
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && since.elapsed() < PATIENCE => {
                    self.waiting.push((connection, since));
                }
                Err(_) => {}
            }
        }
        arrivals
    }
}

/// Who sends a message, and its segment, or why it has none.
type Hail = (u32, Result<OwnedFd, Refusal>);

/// The message of a connection; `None` if it is not for us: from another user who does not know the
/// token.
fn receive(connection: &OwnedFd, token: &[u8; TOKEN_LENGTH]) -> io::Result<Option<Hail>> {
    let mut message = [0; HELLO_LENGTH + 1];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut message)];
    let received = recvmsg(connection, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let file = control.drain().find_map(|part| match part {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    let peer = socket_peercred(connection)?;
    let own_user = same_user(peer.uid.as_raw(), rustix::process::geteuid().as_raw());
    let hello = Hello::decode(&message[..received.bytes]).filter(|hello| own_user || hello.token == *token);
    let segment = match (hello, file) {
        (Some(Hello { refusal: Some(why), .. }), _) => Err(why),
        (Some(_), Some(file)) if !is_scarce(&file) => Ok(file),
        (Some(_), file) if file.is_some() || received.flags.contains(ReturnFlags::CTRUNC) => {
            Err(Refusal::NoDescriptors)
        }
        _ => return Ok(None),
    };
    Ok(Some((peer.pid.as_raw_nonzero().get() as u32, segment)))
}
