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

/// The way to the session.
pub struct Way<'a> {
    environment: Strings,
    library: &'a CStr,
    /// Processes that the program started are of interest too.
    pub children: bool,
    /// The session that the environment tells.
    pub told: Option<SessionAddress<'static>>,
}

impl<'a> Way<'a> {
    /// `None` if there is none, or the session is not about this process: one that the program started,
    /// without `children`. `library` is the path of this library.
    pub fn find(environment: Strings, library: &'a CStr, children: bool) -> Option<Way<'a>> {
        let value = environment.value(config::SESSION).map(CStr::to_bytes).filter(|value| !value.is_empty());
        let told = match value {
            Some(value) => Some(SessionAddress::parse(value)?), // or `config::NO_SESSION`
            None => None,
        };
        let way = Way { environment, library, children, told };
        told.is_none_or(|session| way.is_wanted(&session)).then_some(way)
    }

    fn is_wanted(&self, session: &SessionAddress) -> bool {
        self.children || session.program == sys::pid()
    }

    /// Joins the session; `None` if there is none, or it is not about this process.
    ///
    /// The collector is woken by that: so whatever can be done before it hears what there is to say, is done.
    pub fn join(self) -> Option<Joined> {
        let mut program = sys::pid();
        if let Some(session) = self.told {
            match net::connect(&session, self.library) {
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
        let found = ancestors::session(self.library);
        let is_new = found.is_none();
        let (session, connection) =
            found.or_else(|| spawn::session(self.environment, self.library, program))?;
        if !self.is_wanted(&session) {
            connection.close();
            return None;
        }
        Some(Joined { session, connection, is_new })
    }
}
