//! The sessions of this user, and which of them has a process.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use heaptrace_collector::Profiled;

use super::client::{Answer, ask};
use super::socket;
use crate::messages;
use crate::serve::PROCESSES;

/// A session, and who is recorded in it.
#[derive(Debug)]
pub struct Session {
    socket: PathBuf,
    /// Who is recorded.
    pub processes: Vec<Profiled>,
}

impl Session {
    /// All that answer.
    pub fn all() -> Vec<Session> {
        let session = |socket: PathBuf| {
            let answer = ask(&socket, PROCESSES, &[]).ok()??.whole().ok()?;
            Some(Session { processes: serde_json::from_slice(&answer).ok()?, socket })
        };
        socket::all().into_iter().filter_map(session).collect()
    }

    /// The one that records a process.
    ///
    /// # Errors
    /// If there is none.
    pub fn of(pid: u32) -> Result<Session> {
        let mut all = Session::all().into_iter();
        let found = all.find(|session| session.processes.iter().any(|process| process.pid == pid));
        found.ok_or_else(|| anyhow!(messages::live::not_profiled(pid)))
    }

    /// Asks it for something.
    ///
    /// # Errors
    /// What it says that is wrong, or that it is over.
    pub fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer> {
        ask(&self.socket, path, query)?.ok_or_else(|| anyhow!(messages::live::SESSION_OVER))
    }
}
