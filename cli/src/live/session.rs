//! The sessions of this user, and which of them has a process.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};
use heaptrace_collector::Profiled;

use super::client::{Answer, ask};
use super::socket;
use crate::messages;
use crate::serve::PROCESSES;

/// How long it may take to answer: names may have to be looked up first.
const PATIENCE: Duration = Duration::from_secs(600);
/// The same where nothing has to be: one that is stopped holds up who asks for another no longer.
const PATIENCE_FOR_A_LIST: Duration = Duration::from_secs(3);

/// A session, and who is recorded in it.
#[derive(Debug)]
pub struct LiveSession {
    socket: PathBuf,
    /// Who is recorded.
    pub processes: Vec<Profiled>,
}

impl LiveSession {
    /// All that answer.
    pub fn all() -> impl Iterator<Item = LiveSession> {
        socket::all().into_iter().filter_map(LiveSession::at)
    }

    fn at(socket: PathBuf) -> Option<LiveSession> {
        let answer = ask(&socket, PROCESSES, &[], PATIENCE_FOR_A_LIST).ok()??.whole().ok()?;
        Some(LiveSession { processes: serde_json::from_slice(&answer).ok()?, socket })
    }

    /// The one that records a process.
    ///
    /// # Errors
    /// If there is none.
    pub fn of(pid: u32) -> Result<LiveSession> {
        let has = |session: &LiveSession| session.processes.iter().any(|process| process.pid == pid);
        let found = LiveSession::all().find(has);
        found.ok_or_else(|| anyhow!(messages::live::not_profiled(pid)))
    }

    /// Asks it for something.
    ///
    /// # Errors
    /// What it says that is wrong, or that it is over.
    pub fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer> {
        ask(&self.socket, path, query, PATIENCE)?.ok_or_else(|| anyhow!(messages::live::SESSION_OVER))
    }
}
