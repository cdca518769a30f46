//! The session that this process belongs to: the one that its environment tells, or else that of an
//! ancestor, or else one of its own.

use core::ffi::CStr;

use heaptrace_channel::config::{self, SessionAddress};

use heaptrace_recorder::c_library::Strings;
use heaptrace_recorder::sys;

use super::{ancestors, net, spawn};

/// A session that this process has come to.
pub struct Joined {
    /// What is known of it.
    pub session: SessionAddress<'static>,
    /// A connection to its collector.
    pub connection: sys::Fd,
    /// It is this process's own.
    pub is_new: bool,
}

/// Joins the session; `None` if there is none, or it is not about this process: one that the
/// program started, without `children`.
pub fn join(environment: Strings, library: &CStr, children: bool) -> Option<Joined> {
    let is_wanted = |session: &SessionAddress| children || session.program == sys::pid();
    let value = environment.value(config::SESSION).map(CStr::to_bytes).filter(|value| !value.is_empty());
    let mut program = sys::pid();
    if let Some(value) = value {
        let session = SessionAddress::parse(value)?; // or `config::NO_SESSION`
        if !is_wanted(&session) {
            return None;
        }
        match net::connect(&session, library) {
            Ok(connection) => return Some(Joined { session, connection, is_new: false }),
            // Manual mode. If the program lives, its collector cannot be reached from here; a session of this
            // process's own is not to take the place of its profile.
            Err(_) if session.waits => {
                let starter = ancestors::Ancestor::living(session.program);
                if starter.is_some_and(|process| process.socket().bytes() == session.name) {
                    program = session.program;
                }
            }
            Err(_) => return None,
        }
    }
    let found = ancestors::session(library);
    let is_new = found.is_none();
    let (session, connection) = found.or_else(|| spawn::session(environment, library, program))?;
    if !is_wanted(&session) {
        connection.close();
        return None;
    }
    Some(Joined { session, connection, is_new })
}
