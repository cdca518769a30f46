//! The session of a process whose environment does not tell it: that of an ancestor.
//!
//! What [`Variable::announce`] adds to the environment is lost where a program hands on the one that its
//! `main` was given, as GNU make does, or makes one of its own. So in manual mode the collector
//! listens under a name that follows from who started it, and a process looks for that of each of
//! its ancestors, itself first: it may have been another program before.
//!
//! The environment is still the better way: only from there has a process the session if its
//! ancestors have ended, as a daemon's have, and if it has become another user.

use core::ffi::CStr;

use heaptrace_channel::config::{self, MAX_NAME, NO_TOKEN, Session};

use crate::export::Variable;
use crate::sys;
use crate::text::Text;

/// Ancestors that are asked, at most.
const MAX_STEPS: usize = 32;

/// A process as /proc knows it, which may be that of another namespace. An id can be used again,
/// but not with the same start.
#[derive(Debug, PartialEq, Eq)]
pub struct Process {
    pid: u64,
    parent: u64,
    started: u64,
}

impl Process {
    /// This process; `None` if there is no /proc.
    pub fn own() -> Option<Process> {
        Process::read(c"/proc/self/stat")
    }

    fn parent(&self) -> Option<Process> {
        let mut path = Text::<32>::of(&[b"/proc/"]);
        path.push_decimal(self.parent);
        path.push(b"/stat\0");
        Process::read(path.c_str()?)
    }

    fn read(path: &CStr) -> Option<Process> {
        Process::parse(sys::read(path, &mut [0; 1024]))
    }

    /// Reads `PID (NAME) STATE PARENT …`, where the start is the 22nd word, and the name can be
    /// anything.
    fn parse(stat: &[u8]) -> Option<Process> {
        let (pid, rest) = stat.split_at(stat.iter().position(|&c| c == b' ')?);
        let after_name = rest.iter().rposition(|&c| c == b')')? + 1;
        let mut words = rest[after_name..].split(|&c| c == b' ').skip(1);
        let (parent, started) = (words.nth(1)?, words.nth(17)?);
        let number = config::parse_number;
        Some(Process { pid: number(pid)?, parent: number(parent)?, started: number(started)? })
    }

    /// Where the collector listens that this process has started, if it has.
    pub fn socket(&self) -> Text<MAX_NAME> {
        let mut name = Text::of(&[config::SOCKET]);
        name.push_decimal(self.pid);
        name.push(b"-");
        name.push_decimal(self.started);
        name
    }
}

/// The session of the nearest ancestor that has one, with a connection to its collector.
pub fn session() -> Option<(Session<'static>, sys::Fd)> {
    let socket = sys::socket().ok()?; // one for all, as it is what costs most
    let found = find(socket);
    if found.is_none() {
        socket.close();
    }
    Some((found?, socket))
}

/// Connects the socket.
fn find(socket: sys::Fd) -> Option<Session<'static>> {
    let mut process = Process::own()?;
    for _ in 0..MAX_STEPS {
        let name = process.socket();
        let program = process.pid as u32;
        let session = Session { name: name.bytes(), token: &NO_TOKEN, program, waits: true };
        if sys::connect_socket(socket, &session).is_ok() {
            let variable = Variable::of(&session)?;
            variable.announce();
            return variable.session();
        }
        process = process.parent()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let rest = "S 41 40 39 34816 40 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 9 10";
        for name in ["make", "", "a b", ")", ") S 1 2", "((x)"] {
            let stat = format!("42 ({name}) {rest}\n");
            let process = Process { pid: 42, parent: 41, started: 987_654 };
            assert_eq!(Process::parse(stat.as_bytes()), Some(process), "{name}");
        }
        for stat in ["", "42", "42 (make)", "42 (make) S 41", &format!("x (make) {rest}")] {
            assert_eq!(Process::parse(stat.as_bytes()), None, "{stat}");
        }
    }

    #[test]
    fn a_process_has_the_parent_that_the_kernel_says() {
        let own = Process::own().unwrap();
        assert_eq!(own.pid, std::process::id().into());
        let parent = own.parent().unwrap();
        assert_eq!(parent.pid, std::os::unix::process::parent_id().into());
        assert!(parent.started <= own.started);
    }
}
