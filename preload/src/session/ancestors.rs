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

use heaptrace_channel::config::{self, MAX_NAME, NO_TOKEN, SessionAddress};
use heaptrace_channel::stat::Stat;

use heaptrace_recorder::sys;

use super::announce::Variable;
use super::net;
use super::text::Text;

/// Ancestors that are asked, at most.
const MAX_STEPS: usize = 32;

/// A process that may have started a collector.
#[derive(Debug)]
pub struct Ancestor(Stat);

impl Ancestor {
    /// This process; `None` if there is no /proc.
    pub fn own() -> Option<Ancestor> {
        Ancestor::read(c"/proc/self/stat")
    }

    /// The process of an id, if it is there and has not ended.
    pub fn living(pid: u32) -> Option<Ancestor> {
        Ancestor::of(pid.into()).filter(|process| !process.0.ended)
    }

    fn parent(&self) -> Option<Ancestor> {
        Ancestor::of(self.0.parent)
    }

    fn of(pid: u64) -> Option<Ancestor> {
        let mut path = Text::<32>::of(&[b"/proc/"]);
        path.push_decimal(pid);
        path.push(b"/stat\0");
        Ancestor::read(path.c_str()?)
    }

    fn read(path: &CStr) -> Option<Ancestor> {
        Stat::parse(sys::read(path, &mut [0; 1024])).map(Ancestor)
    }

    /// Where the collector listens that this process has started, if it has.
    pub fn socket(&self) -> Text<MAX_NAME> {
        let mut name = Text::of(&[config::SOCKET]);
        name.push_decimal(self.0.pid);
        name.push(b"-");
        name.push_decimal(self.0.started);
        name
    }
}

/// The session of the nearest ancestor that has one, with a connection to its collector. `library` is
/// the path of this library.
pub fn session(library: &CStr) -> Option<(SessionAddress<'static>, sys::Fd)> {
    let socket = net::socket().ok()?; // one for all, as it is what costs most
    let found = find(socket, library);
    if found.is_none() {
        socket.close();
    }
    Some((found?, socket))
}

/// Connects the socket.
fn find(socket: sys::Fd, library: &CStr) -> Option<SessionAddress<'static>> {
    let mut process = Ancestor::own()?;
    for _ in 0..MAX_STEPS {
        let name = process.socket();
        let program = process.0.pid as u32;
        let session = SessionAddress { name: name.bytes(), token: &NO_TOKEN, program, waits: true };
        if net::connect_socket(socket, &session, library).is_ok() {
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
    fn a_process_has_the_parent_that_the_kernel_says() {
        let own = Ancestor::own().unwrap();
        assert_eq!(own.0.pid, std::process::id().into());
        let parent = own.parent().unwrap();
        assert_eq!(parent.0.pid, std::os::unix::process::parent_id().into());
        assert!(parent.0.started <= own.0.started);
    }
}
