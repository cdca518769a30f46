//! What is served of a session, and what is kept between requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heaptrace_collector::Profiled;
use heaptrace_collector::question::{Asker, Marked};
use heaptrace_collector::snapshot::Snapshot;
use heaptrace_collector::symbolize::Symbolizer;
use heaptrace_http::Response;
use heaptrace_push::Account;

use super::gate::Gate;
use super::kept::Kept;
use crate::messages;

/// Clients whose last request is known.
const CLIENTS: usize = 256;

/// What is served of a session.
#[derive(Debug)]
pub struct Site {
    pub asker: Asker,
    pub symbolizer: Arc<Symbolizer>,
    pub gate: Gate,
    /// What is sent of it, if anything is.
    pub pushes: Option<Account>,
    clients: Mutex<Kept>,
}

impl Site {
    /// The site of the session that `asker` leads to.
    pub fn new(asker: Asker, symbolizer: Arc<Symbolizer>, pushes: Option<Account>) -> Site {
        Site { asker, symbolizer, gate: Gate::default(), pushes, clients: Mutex::new(Kept::new(CLIENTS)) }
    }

    /// The process that is asked about: the program if none is named, or else the oldest.
    pub fn process(&self, pid: Option<u32>) -> Result<Profiled, Response> {
        let processes = self.asker.processes().ok_or_else(busy)?;
        let is_meant = |process: &&Profiled| pid.map_or(process.is_program, |pid| process.pid == pid);
        // The same process may be there in two images for an instant: the later one counts.
        let found = processes.iter().rfind(is_meant).or_else(|| processes.first().filter(|_| pid.is_none()));
        found.cloned().ok_or_else(|| {
            let pids: Vec<_> = processes.iter().map(|process| process.pid).collect();
            pprof_error(404, &messages::serve::not_profiled_here(pid, &pids))
        })
    }

    /// What was recorded of a process up to now.
    pub fn snapshot(&self, process: &Profiled) -> Result<Snapshot, Response> {
        self.asker.snapshot(process.pid).ok_or_else(|| pprof_error(500, "failed to collect profile"))
    }

    /// What each client had at its last request.
    pub fn clients(&self) -> MutexGuard<'_, Kept> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was recorded of a process up to the mark of that name.
    pub fn marked(&self, process: &Profiled, name: &str) -> Result<Snapshot, Response> {
        match self.asker.marked(process.pid, name).ok_or_else(busy)? {
            Marked::Found(snapshot) => Ok(*snapshot),
            Marked::None(others) => {
                Err(pprof_error(404, &messages::serve::no_mark(process.pid, name, &others)))
            }
        }
    }

    /// Forgets what was kept of processes that are gone.
    pub fn forget_gone(&self, processes: &[Profiled]) {
        let is_there = |key| processes.iter().any(|process| process.key == key);
        self.clients().retain(is_there);
    }
}

/// As net/http/pprof tells of errors: pprof shows the text of those only.
pub fn pprof_error(status: u16, text: &str) -> Response {
    Response::error(status, text).header("X-Go-Pprof", "1")
}

/// The session has no time, or is over.
pub fn busy() -> Response {
    pprof_error(503, messages::serve::SESSION_BUSY)
}
