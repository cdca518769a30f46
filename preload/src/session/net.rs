//! The socket on which a process comes to a collector, and on which a collector listens.

use core::ffi::CStr;

use heaptrace_channel::config::{BELL, MAX_NAME, NO_TOKEN, SOCKET_FOLDER, SessionAddress};
use heaptrace_channel::handshake::same_user;
use heaptrace_recorder::call;
use heaptrace_recorder::sys::{self, Errno, Fd};

use super::text::Text;

/// A unix socket's address: an abstract name after a NUL, or a path.
struct Address(libc::sockaddr_un, usize);

impl Address {
    fn of_abstract(name: &[u8]) -> Address {
        let mut address = libc::sockaddr_un { sun_family: libc::AF_UNIX as u16, sun_path: [0; 108] };
        for (to, &from) in address.sun_path[1..].iter_mut().zip(name) {
            *to = from as libc::c_char;
        }
        Address(address, size_of::<libc::sa_family_t>() + 1 + name.len().min(MAX_NAME))
    }

    /// `None` if the path is too long.
    fn of_file(folder: &[u8], name: &[u8]) -> Option<Address> {
        let path = Text::<108>::of(&[folder, b"/", name, b"\0"]);
        let length = path.c_str()?.to_bytes_with_nul().len();
        let mut address = libc::sockaddr_un { sun_family: libc::AF_UNIX as u16, sun_path: [0; 108] };
        for (to, &from) in address.sun_path.iter_mut().zip(path.bytes()) {
            *to = from as libc::c_char;
        }
        Some(Address(address, size_of::<libc::sa_family_t>() + length))
    }

    fn connect(&self, socket: Fd) -> Result<(), Errno> {
        // SAFETY: the kernel reads that many bytes, which the address has.
        unsafe { call!(libc::SYS_connect, socket.0, &raw const self.0, self.1) }.map(|_| ())
    }
}

/// A socket that waits for a second at most to send.
pub fn socket() -> Result<Fd, Errno> {
    let socket = new_socket(0)?;
    set_patience(socket, libc::SO_SNDTIMEO).map(|()| socket).inspect_err(|_| socket.close())
}

fn new_socket(flags: i32) -> Result<Fd, Errno> {
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | flags;
    // SAFETY: makes a descriptor.
    Fd::of(unsafe { call!(libc::SYS_socket, libc::AF_UNIX, kind, 0) })
}

/// Has a socket wait for a second at most when it sends, or receives.
fn set_patience(socket: Fd, direction: i32) -> Result<(), Errno> {
    let patience = libc::timeval { tv_sec: 1, tv_usec: 0 };
    let (level, size) = (libc::SOL_SOCKET, size_of::<libc::timeval>());
    // SAFETY: the kernel reads one timeval.
    unsafe { call!(libc::SYS_setsockopt, socket.0, level, direction, &raw const patience, size) }.map(|_| ())
}

/// The first byte of the next message, for which it waits a second at most; `None` if none comes.
pub fn receive_byte(socket: Fd) -> Option<u8> {
    set_patience(socket, libc::SO_RCVTIMEO).ok()?;
    let mut byte = 0u8;
    // SAFETY: the kernel writes at most one byte.
    let received = unsafe { call!(libc::SYS_read, socket.0, &raw mut byte, 1) };
    (received == Ok(1)).then_some(byte)
}

/// The next message, for which it waits a few seconds at most; nothing if none comes.
pub fn receive(socket: Fd, buffer: &mut [u8]) -> &[u8] {
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        // SAFETY: the kernel writes at most as many bytes.
        match unsafe { call!(libc::SYS_read, socket.0, buffer.as_mut_ptr(), buffer.len()) } {
            Err(Errno(libc::EAGAIN)) => {}
            read => return &buffer[..read.unwrap_or(0)],
        }
    }
    &[]
}

/// A socket that listens under an abstract name.
pub fn listen(name: &[u8]) -> Result<Fd, Errno> {
    let (socket, Address(address, length)) = (socket()?, Address::of_abstract(name));
    // SAFETY: the kernel reads `length` bytes, which the address has.
    let listening = unsafe {
        call!(libc::SYS_bind, socket.0, &raw const address, length)
            .and_then(|_| call!(libc::SYS_listen, socket.0, 4096))
    };
    listening.map(|_| socket).inspect_err(|_| socket.close())
}

/// A socket that is connected to a session's collector. `library` is the path of this library.
pub fn connect(session: &SessionAddress, library: &CStr) -> Result<Fd, Errno> {
    let socket = socket()?;
    connect_socket(socket, session, library).map(|()| socket).inspect_err(|_| socket.close())
}

/// Connects a socket, which can be tried with another session if nobody listens for this one. Waits
/// for a collector that is stopped, but not long.
pub fn connect_socket(socket: Fd, session: &SessionAddress, library: &CStr) -> Result<(), Errno> {
    connect_by_name(socket, session.name, library)?;
    check_peer(socket, session)
}

fn connect_by_name(socket: Fd, name: &[u8], library: &CStr) -> Result<(), Errno> {
    let files = || folders(library).into_iter().filter_map(|folder| Address::of_file(folder, name));
    let connected = Address::of_abstract(name).connect(socket);
    connected.or_else(|why| files().find_map(|file| file.connect(socket).ok()).ok_or(why))
}

/// Lets the collector know at once that an answer is waited for. Should it not hear that, it looks in a while.
pub fn ring(session: &SessionAddress, library: &CStr) {
    let bell = Text::<MAX_NAME>::of(&[session.name, BELL.as_bytes()]);
    if let Ok(socket) = new_socket(libc::SOCK_NONBLOCK) {
        let _ = connect_by_name(socket, bell.bytes(), library);
        socket.close();
    }
}

/// Where the file of a collector's socket may be.
pub fn folders(library: &CStr) -> [&[u8]; 2] {
    let library = library.to_bytes();
    let folder = &library[..library.iter().rposition(|&c| c == b'/').unwrap_or(0)];
    [folder, SOCKET_FOLDER.as_bytes()]
}

/// Refuses a listener that belongs to another user, who could have taken the name. With a token it
/// may be root's: this process may have been root's.
fn check_peer(socket: Fd, session: &SessionAddress) -> Result<(), Errno> {
    let mut peer = libc::ucred { pid: 0, uid: !0, gid: !0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes of `peer`.
    let told = unsafe {
        let (level, name) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
        call!(libc::SYS_getsockopt, socket.0, level, name, &raw mut peer, &raw mut length)
    };
    told?;
    let own = sys::effective_user();
    let trusted = match session.token == NO_TOKEN {
        true => same_user(peer.uid, own),
        false => peer.uid == own || peer.uid == 0,
    };
    if trusted { Ok(()) } else { Err(Errno(libc::EACCES)) }
}

/// Sends one message, with a file descriptor if there is one. Never raises SIGPIPE.
pub fn send(socket: Fd, message: &[u8], attached: Option<Fd>) -> Result<(), Errno> {
    #[repr(C, align(8))]
    struct Control {
        header: libc::cmsghdr,
        fd: i32,
    }
    let mut part = libc::iovec { iov_base: message.as_ptr() as *mut _, iov_len: message.len() };
    let mut control = Control {
        header: libc::cmsghdr {
            cmsg_len: size_of::<libc::cmsghdr>() + size_of::<i32>(),
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        fd: attached.map_or(-1, |fd| fd.0),
    };
    // SAFETY: a msghdr of zeros is an empty message.
    let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    if attached.is_some() {
        header.msg_control = (&raw mut control).cast();
        header.msg_controllen = size_of::<Control>();
    }
    // SAFETY: everything that the header points to outlives the call.
    unsafe { call!(libc::SYS_sendmsg, socket.0, &raw const header, libc::MSG_NOSIGNAL) }.map(|_| ())
}
