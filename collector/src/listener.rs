//! Takes the segments that processes send when they start.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, iter};

use heaptrace_channel::config::{BELL, SOCKET, TOKEN_LENGTH};
use heaptrace_channel::handshake::{HELLO_LENGTH, Hello, Refusal, encode_answer, same_user};
use heaptrace_channel::plain;
use rustix::io::{Errno, IoSliceMut};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendFlags, Shutdown,
    SocketAddrUnix, SocketFlags, SocketType, accept_with, connect, recvmsg, send, shutdown, socket_with,
};

use crate::limits::is_scarce;
use crate::wake::{Waker, is_any_readable};

/// A process that started.
#[derive(Debug)]
pub struct Arrival {
    /// Its process id as the kernel told us.
    pub pid: u32,
    /// Its program's name, as it says.
    pub name: String,
    /// Its segment, or why it has none.
    pub segment: Result<OwnedFd, Refusal>,
    /// It waits for patches of what it has inside.
    pub wants_patches: bool,
    /// Where it can be told whether it is recorded.
    pub connection: Connection,
}

/// A connection of which the message has been read.
#[derive(Debug)]
pub struct Connection(OwnedFd);

impl Connection {
    /// Tells the process whether it is recorded. Most do not wait to hear it.
    pub fn answer(&self, answer: Result<(), Refusal>) {
        self.send(&[encode_answer(answer)]);
    }

    /// Sends a message, unless nobody waits for it.
    pub fn send(&self, message: &[u8]) {
        send(&self.0, message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).ok();
    }
}

/// Longest wait for the message of a connection. It is sent right after connecting.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a session listens: under an abstract name, which is found from all mount namespaces, and in a
/// file of the same name, which is found from all network namespaces.
#[derive(Debug)]
pub struct Sockets {
    sockets: Vec<OwnedFd>,
    /// Where those ring that wait for an answer: see [`BELL`].
    bells: Vec<OwnedFd>,
    file: Option<PathBuf>,
}

impl Sockets {
    /// Listens under a name, and in a file in `folder` if that can be.
    ///
    /// # Errors
    /// If the name is taken, or there are no unix sockets here.
    pub fn bind(name: &str, folder: &Path) -> io::Result<Sockets> {
        let socket = listen(&SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        Ok(Sockets::inherited(socket, name.as_ref(), folder))
    }

    /// Takes over a socket that somebody else has bound to a name, and listens in a file too.
    pub fn inherited(socket: OwnedFd, name: &OsStr, folder: &Path) -> Sockets {
        let (path, bell) = (folder.join(name), [name.as_bytes(), BELL.as_bytes()].concat());
        // Without a bell who waits for an answer waits until we have rested.
        let bells = SocketAddrUnix::new_abstract_name(&bell).and_then(|address| listen(&address)).into_iter();
        let mut sockets = Sockets { sockets: vec![socket], bells: bells.collect(), file: None };
        if let Ok(socket) = listen_in_file(&path) {
            sockets.sockets.push(socket);
            sockets.bells.extend(listen_in_file(&beside(&path, BELL)));
            sockets.file = Some(path);
        }
        sockets
    }

    fn all(&self) -> impl Iterator<Item = &OwnedFd> {
        self.sockets.iter().chain(&self.bells)
    }

    /// Their descriptors.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.all().map(AsRawFd::as_raw_fd)
    }

    /// Where a file of the session's may be that programs find too: its name ends with `suffix`. It is removed
    /// with the socket.
    pub fn beside(&self, suffix: &str) -> Option<PathBuf> {
        self.file.as_deref().map(|socket| beside(socket, suffix))
    }

    /// Refuses connections from now on.
    fn close(&mut self) {
        for socket in self.all() {
            shutdown(socket, Shutdown::Both).ok();
        }
        if let Some(path) = self.file.take() {
            remove(&path);
            path.parent().into_iter().for_each(remove_left_behind);
        }
    }
}

fn listen(address: &SocketAddrUnix) -> rustix::io::Result<OwnedFd> {
    const BACKLOG: i32 = 4096;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn listen_in_file(path: &Path) -> rustix::io::Result<OwnedFd> {
    let socket = listen(&SocketAddrUnix::new(path)?)?;
    // Whoever is let in is told by what it says, not by the umask.
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o666));
    Ok(socket)
}

/// Removes what collectors that were killed have left: their sockets, and what was beside them.
fn remove_left_behind(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(SOCKET));
    // The links to programs, of which there may be many, are not even looked at.
    let ours = ours.filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()));
    for path in ours.map(|entry| entry.path()).filter(|path| is_old(path) == Some(true)) {
        match socket_of(&path) {
            Some(socket) if !socket.exists() => drop(fs::remove_file(&path)),
            None if is_refused(&path) => remove(&path),
            _ => {}
        }
    }
}

/// Is it so old that whoever has just made it has gone on? Who has just bound a socket may not listen yet.
fn is_old(path: &Path) -> Option<bool> {
    const OLD: Duration = Duration::from_secs(60);
    Some(fs::symlink_metadata(path).ok()?.modified().ok()?.elapsed().ok()? > OLD)
}

/// The socket that a file is beside.
fn socket_of(path: &Path) -> Option<PathBuf> {
    let name = path.as_os_str().as_bytes().strip_suffix(plain::SUFFIX.as_bytes())?;
    Some(OsStr::from_bytes(name).into())
}

/// Is it a socket at which nobody listens?
fn is_refused(path: &Path) -> bool {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let is_socket = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    let connected = || -> rustix::io::Result<()> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path)?)
    };
    is_socket && connected() == Err(Errno::CONNREFUSED)
}

/// Removes a socket and what is beside it.
fn remove(socket: &Path) {
    for path in [socket, &beside(socket, BELL), &beside(socket, plain::SUFFIX)] {
        let _ = fs::remove_file(path);
    }
}

fn beside(socket: &Path, suffix: &str) -> PathBuf {
    let mut path = socket.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Takes the messages, one from each connection, and waits for none.
#[derive(Debug)]
pub struct Listener {
    sockets: Sockets,
    token: [u8; TOKEN_LENGTH],
    /// Connections whose message is not there yet.
    waiting: Vec<(OwnedFd, Instant)>,
}

impl Listener {
    /// Listens for our own user, and others who know the token. `rests`: who does not ring may be left
    /// waiting for a while.
    ///
    /// # Errors
    /// If the sockets cannot be used without blocking.
    pub fn new(
        sockets: Sockets,
        token: [u8; TOKEN_LENGTH],
        waker: &Waker,
        rests: bool,
    ) -> io::Result<Listener> {
        sockets.all().try_for_each(|socket| rustix::io::ioctl_fionbio(socket, true))?;
        let (usual, at_once) = (&sockets.sockets, &sockets.bells);
        let watch = if rests { Waker::watch } else { Waker::watch_at_once };
        usual.iter().try_for_each(|socket| watch(waker, socket))?;
        at_once.iter().try_for_each(|bell| waker.watch_at_once(bell))?;
        Ok(Listener { sockets, token, waiting: Vec::new() })
    }

    /// Refuses further connections.
    pub fn close(&mut self) {
        self.sockets.close();
    }

    /// Is a connection's message still to come?
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// All processes that have announced themselves since the last call.
    pub fn arrivals(&mut self) -> Vec<Arrival> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let accept = |socket| iter::from_fn(move || accept_with(socket, flags).ok());
        // The kernel makes a connection before it looks whether there is one.
        let has_come = is_any_readable(self.sockets.all());
        let [bells, sockets] =
            [&self.sockets.bells, &self.sockets.sockets].map(|all| if has_come { &all[..] } else { &[] });
        bells.iter().flat_map(accept).for_each(drop); // who rings has said its message before
        let accepted = sockets.iter().flat_map(accept);
        let waiting = std::mem::take(&mut self.waiting);
        let mut arrivals = Vec::new();
        // One after the other, so that few are open at a time.
        let connections = waiting.into_iter().chain(accepted.map(|new| (new, Instant::now())));
        for (connection, since) in connections {
            match receive(&connection, &self.token) {
                Ok(None) => {}
                Ok(Some(Hail { pid, name, wants_patches, segment })) => {
                    let connection = Connection(connection);
                    arrivals.push(Arrival { pid, name, segment, wants_patches, connection });
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

/// A message: who sends it, and its segment, or why it has none.
struct Hail {
    pid: u32,
    name: String,
    wants_patches: bool,
    segment: Result<OwnedFd, Refusal>,
}

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
    let Some(hello) = hello else { return Ok(None) };
    let segment = match (hello.refusal, file) {
        (Some(why), _) => Err(why),
        (None, Some(file)) if !is_scarce(&file) => Ok(file),
        (None, file) if file.is_some() || received.flags.contains(ReturnFlags::CTRUNC) => {
            Err(Refusal::NoDescriptors)
        }
        _ => return Ok(None),
    };
    let name = hello.name.split(|&byte| byte == 0).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name).into_owned();
    Ok(Some(Hail {
        pid: peer.pid.as_raw_nonzero().get() as u32,
        name,
        wants_patches: hello.wants_patches,
        segment,
    }))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::fs::{AtFlags, Timespec, Timestamps};

    use super::*;

    #[test]
    fn what_killed_collectors_have_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(OsStr::from_bytes(&[SOCKET, name.as_bytes()].concat()));
        let make_old = |path: &Path| {
            let long_ago = Timespec { tv_sec: 1, tv_nsec: 0 };
            let times = Timestamps { last_access: long_ago, last_modification: long_ago };
            rustix::fs::utimensat(rustix::fs::CWD, path, &times, AtFlags::empty()).unwrap();
        };
        let file = |path: &Path| {
            File::create(path).unwrap();
            make_old(path);
        };
        let socket = |path: &Path| {
            let listens = listen(&SocketAddrUnix::new(path).unwrap()).unwrap();
            make_old(path);
            listens
        };
        let beside = |name: &str| beside(&path(name), plain::SUFFIX);
        let _alive = socket(&path("alive"));
        file(&beside("alive"));
        drop(socket(&path("killed")));
        file(&beside("killed"));
        file(&beside("orphan"));
        File::create(beside("new")).unwrap();
        let other = folder.path().join("other.plain");
        file(&other);
        remove_left_behind(folder.path());
        for kept in [path("alive"), beside("alive"), beside("new"), other] {
            assert!(kept.exists(), "{}", kept.display());
        }
        for gone in [path("killed"), beside("killed"), beside("orphan")] {
            assert!(!gone.exists(), "{}", gone.display());
        }
    }
}
