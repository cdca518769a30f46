//! The session that this process belongs to: the one that its environment tells, or else that of an
//! ancestor, or else one of its own.

use core::ffi::CStr;

use heaptrace_channel::config::{self, Session};

use crate::initial_stack::Strings;
use crate::{ancestors, spawn, sys};

/// A session that this process has come to.
pub struct Joined {
    /// What is known of it.
    pub session: Session<'static>,
    /// A connection to its collector.
    pub connection: sys::Fd,
    /// It is this process's own.
    pub is_new: bool,
}

/// Joins the session; `None` if there is none, or it is not about this process: one that the
/// program started, without `children`.
pub fn join(environment: Strings, library: &CStr, children: bool) -> Option<Joined> {
    let is_wanted = |session: &Session| children || session.program == sys::pid();
    let value = environment.value(config::SESSION).map(CStr::to_bytes).filter(|value| !value.is_empty());
    if let Some(value) = value {
        let session = Session::parse(value)?; // or `config::NO_SESSION`
        if !is_wanted(&session) {
            return None;
        }
        match sys::connect(&session) {
            Ok(connection) => return Some(Joined { session, connection, is_new: false }),
            Err(_) if session.waits => {} // manual mode, but the collector has ended
            Err(_) => return None,
        }
    }
    let found = ancestors::session();
    let is_new = found.is_none();
    let (session, connection) = found.or_else(|| spawn::session(environment, library))?;
    if !is_wanted(&session) {
        connection.close();
        return None;
    }
    Some(Joined { session, connection, is_new })
}
