//! Where a server listens.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::fs::{Mode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

/// An address as it is written: `HOST:PORT`, `:PORT` or `PORT` of this machine only, or `unix:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A name or an IP address, and a port.
    Tcp(String, u16),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// What is no [`Address`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAddress(String);

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no address; use HOST:PORT, :PORT for this machine only, or unix:PATH", self.0)
    }
}

impl std::error::Error for BadAddress {}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Address, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(bad()) } else { Ok(Address::Unix(path.into())) };
        }
        let text = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        let port = port.parse().map_err(|_| bad())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_name = |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        match (host, bare) {
            ("", _) => Ok(Address::Tcp("localhost".into(), port)),
            (_, Some(bare)) if bare.parse::<IpAddr>().is_ok() => Ok(Address::Tcp(bare.into(), port)),
            (host, None) if is_name(host) => Ok(Address::Tcp(host.into(), port)),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp(host, port) => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that is listened on.
#[derive(Debug)]
pub enum Socket {
    /// Of the network.
    Tcp(TcpListener),
    /// Of the file system.
    Unix(UnixListener),
}

impl Address {
    /// Listens there.
    ///
    /// # Errors
    /// If that cannot be: somebody else does, or there is no such address.
    pub fn listen(&self) -> io::Result<Socket> {
        match self {
            Address::Tcp(host, port) => {
                let mut addresses: Vec<_> = (host.as_str(), *port).to_socket_addrs()?.collect();
                addresses.sort_by_key(|address| address.is_ipv6()); // what a name means to most clients
                Ok(Socket::Tcp(TcpListener::bind(&*addresses)?))
            }
            Address::Unix(path) => Ok(Socket::Unix(listen_at(path)?)),
        }
    }

    /// The host that clients may name, beside those that always mean this machine.
    pub fn host(&self) -> &str {
        match self {
            Address::Tcp(host, _) => host,
            Address::Unix(_) => "",
        }
    }
}

/// Listens in a file for this user only, in the place of one that nobody listens on any more.
fn listen_at(path: &Path) -> io::Result<UnixListener> {
    let is_socket = |metadata: fs::Metadata| metadata.file_type().is_socket();
    if fs::symlink_metadata(path).is_ok_and(is_socket) {
        let refused =
            UnixStream::connect(path).is_err_and(|why| why.kind() == io::ErrorKind::ConnectionRefused);
        if refused {
            fs::remove_file(path)?;
        }
    }
    const BACKLOG: i32 = 128;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?; // what bind makes has the mode of the socket
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

impl Socket {
    /// Its address, as a client writes it: with the port that the kernel chose for 0.
    pub fn url(&self) -> String {
        match self {
            Socket::Tcp(socket) => socket.local_addr().map(|it| format!("http://{it}")).unwrap_or_default(),
            Socket::Unix(_) => format!("unix:{}", self.path().unwrap_or_default().display()),
        }
    }

    /// Its place in the file system, if it has one.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Socket::Tcp(_) => None,
            Socket::Unix(socket) => Some(socket.local_addr().ok()?.as_pathname()?.to_owned()),
        }
    }

    /// Can only this machine reach it?
    pub fn is_local(&self) -> bool {
        match self {
            Socket::Tcp(socket) => socket.local_addr().is_ok_and(|address| address.ip().is_loopback()),
            Socket::Unix(_) => true,
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
        }
    }
}

impl From<UnixListener> for Socket {
    fn from(socket: UnixListener) -> Socket {
        Socket::Unix(socket)
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> OwnedFd {
        match socket {
            Socket::Tcp(socket) => socket.into(),
            Socket::Unix(socket) => socket.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_address_without_a_host_is_of_this_machine_only() {
        for (text, written) in [
            (":6060", "localhost:6060"),
            ("6060", "localhost:6060"),
            ("localhost:0", "localhost:0"),
            ("http://127.0.0.1:80/", "127.0.0.1:80"),
            ("[::1]:6060", "[::1]:6060"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), written);
        }
        let socket = ":0".parse::<Address>().unwrap().listen().unwrap();
        assert!(socket.is_local());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "unix:", "host", "host:", "host:65536", "::1:80", "a b:80", "[x]:80", "https://x"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_file_is_its_owners_and_takes_the_place_of_one_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let address = Address::Unix(path.clone());
        drop(address.listen().unwrap());
        let socket = address.listen().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(address.listen().unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(socket);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        assert!(address.listen().is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
    }
}
