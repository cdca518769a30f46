//! What the kernel tells of all processes: its connector for process events (`linux/cn_proc.h`).
//!
//! Root may listen to it, and anybody from Linux 6.6 on, but not in a process or user namespace.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::net::netlink::{CONNECTOR, SocketAddrNetlink};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, bind, send, socket_with};

/// A socket on which the kernel tells of all processes.
#[derive(Debug)]
pub struct ProcessEvents {
    pub(super) socket: OwnedFd,
    /// Whose descendants are of interest.
    pub(super) root: u32,
}

impl ProcessEvents {
    /// Listens from now on, for what the process `root` will start. `None` if the kernel does not let us.
    pub fn listen(root: u32) -> Option<ProcessEvents> {
        const CN_IDX_PROC: u32 = 1;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(CONNECTOR)).ok()?;
        bind(&socket, &SocketAddrNetlink::new(0, CN_IDX_PROC)).ok()?;
        // More than the usual limit if we are root; what does not fit is lost, which is noticed.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 4 << 20);
        send(&socket, &subscription(), SendFlags::empty()).ok()?;
        Some(ProcessEvents { socket, root })
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// `nlmsghdr`, `cn_msg` and the operation PROC_CN_MCAST_LISTEN.
fn subscription() -> Vec<u8> {
    const NLMSG_DONE: u16 = 3;
    const LISTEN: u32 = 1;
    let length = (HEADERS + 4) as u32;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(NLMSG_DONE.to_ne_bytes());
    message.extend([0; 10]); // flags, sequence, port
    message.extend([1u32, 1, 0, 0].map(u32::to_ne_bytes).concat()); // CN_IDX_PROC, CN_VAL_PROC
    message.extend(4u16.to_ne_bytes());
    message.extend(0u16.to_ne_bytes());
    message.extend(LISTEN.to_ne_bytes());
    message
}

/// Bytes of `nlmsghdr` and `cn_msg`.
const HEADERS: usize = 16 + 20;

/// What the kernel tells of a process: its `proc_event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcEvent {
    Fork { parent: u32, child: u32 },
    Exec { pid: u32, at: Duration },
    Exit { pid: u32 },
}

impl ProcEvent {
    /// Reads a message; `None` for what is of no interest, such as the threads of a process.
    pub fn parse(message: &[u8]) -> Option<ProcEvent> {
        let event = message.get(HEADERS..)?;
        let word = |at: usize| Some(u32::from_ne_bytes(event.get(at..at + 4)?.try_into().ok()?));
        let at = Duration::from_nanos(u64::from_ne_bytes(event.get(8..16)?.try_into().ok()?));
        let process = |at: usize| word(at).zip(word(at + 4)).filter(|(thread, group)| thread == group);
        match word(0)? {
            1 => Some(ProcEvent::Fork { parent: word(20)?, child: process(24)?.1 }),
            2 => Some(ProcEvent::Exec { pid: word(20)?, at }),
            0x8000_0000 => Some(ProcEvent::Exit { pid: process(16)?.1 }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(what: u32, at: u64, words: &[u32]) -> Vec<u8> {
        let mut message = vec![0; HEADERS];
        message.extend([what, 0].map(u32::to_ne_bytes).concat());
        message.extend(at.to_ne_bytes());
        message.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        message
    }

    #[test]
    fn events_are_read_and_threads_passed_over() {
        let fork = message(1, 5, &[11, 10, 20, 20]);
        assert_eq!(ProcEvent::parse(&fork), Some(ProcEvent::Fork { parent: 10, child: 20 }));
        assert_eq!(ProcEvent::parse(&message(1, 5, &[11, 10, 20, 10])), None);
        let exec = message(2, 5, &[20, 20]);
        assert_eq!(ProcEvent::parse(&exec), Some(ProcEvent::Exec { pid: 20, at: Duration::from_nanos(5) }));
        assert_eq!(ProcEvent::parse(&message(0x8000_0000, 5, &[20, 20])), Some(ProcEvent::Exit { pid: 20 }));
        assert_eq!(ProcEvent::parse(&message(0x8000_0000, 5, &[21, 20])), None);
        assert_eq!(ProcEvent::parse(&message(4, 5, &[20, 20])), None);
        for length in 0..fork.len() {
            assert_eq!(ProcEvent::parse(&fork[..length]), None);
        }
    }
}
