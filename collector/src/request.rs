//! What is asked of a session: how to run, and what it has come to.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, io};

use heaptrace_channel::config::TOKEN_LENGTH;
use heaptrace_channel::plain;
use heaptrace_pprof::whole_file::Nameless;
use heaptrace_symbolize::Symbolizer;

use crate::door::Door;
use crate::kin::ProcessEvents;
use crate::listener::Sockets;
use crate::naming::Pattern;
use crate::news::Teller;
use crate::patch::Plans;
use crate::program::Program;
use crate::question::Questions;
use crate::summary::{Series, Summary, Written};
use crate::wake::Bed;

/// How a session is to be run.
#[derive(Debug)]
pub struct Config {
    /// The sockets on which processes announce themselves.
    pub sockets: Sockets,
    /// What they must know.
    pub token: [u8; TOKEN_LENGTH],
    /// How profiles are named.
    pub pattern: Pattern,
    /// What the program's profile can be written to, if that is there already.
    pub file: Option<Nameless>,
    /// Mean bytes between samples, for a program that does not tell its own.
    pub rate: u64,
    /// The program, if it runs already.
    pub program: Option<Program>,
    /// The program's file and others that it will be made of, as far as is known before it asks what to patch in them.
    pub expected: Vec<PathBuf>,
    /// What looks names up, and tells others meanwhile how far it has come.
    pub symbolizer: Arc<Symbolizer>,
    /// Who tells of the processes that do not announce themselves, if anybody does.
    pub process_events: Option<ProcessEvents>,
    /// What the program starts is to be recorded too.
    pub children: bool,
    /// Of how many processes the summary names the profiles; the others it counts.
    pub named: usize,
    /// How often profiles are written of the processes that go on, if at all.
    pub interval: Option<Duration>,
    /// Where it sleeps.
    pub bed: Bed,
    /// Where those come who look at it while it goes on.
    pub door: Option<Door>,
    /// Where questions come from while the session goes on.
    pub questions: Questions,
    /// Who is told what was recorded of each process by its end, if anybody is.
    pub news: Option<Teller>,
    /// Who hears at once of a profile that could not be written; else it is in the summary only.
    pub witness: Option<Box<dyn Witness>>,
}

impl Config {
    /// Works out the plans for what is expected.
    pub fn plans(&self) -> Plans {
        Plans::begin(self.sockets.beside(plain::SUFFIX), self.symbolizer.kept(), &self.expected)
    }
}

/// Tells somebody of what went wrong.
pub trait Witness: fmt::Debug {
    /// The profile could not be written. Its process may still wait for it.
    fn not_written(&self, written: &Written);

    /// No profile could be written of a process that goes on.
    fn no_snapshot(&self, series: &Series);
}

/// Who started the program and stands in for it.
pub trait Supervisor: fmt::Debug {
    /// From where something can be read when there is something to hear.
    fn ear(&self) -> BorrowedFd<'_>;

    /// What is said next, if that is there already.
    ///
    /// # Errors
    /// If nothing will be said any more.
    fn hear(&mut self) -> io::Result<Option<Request>>;

    /// Hears now and then, as long as it waits, that the session is at it.
    fn wait(&mut self);

    /// Hears what the session has come to. That may go on beside the session, which has no time to wait.
    fn tell(self: Box<Self>, summary: Summary) -> Option<JoinHandle<()>>;
}

/// What is asked of a running session.
#[derive(Debug)]
pub enum Request {
    /// The program was started.
    Started(Program),
    /// The program has ended, whose largest resident set was so many bytes, or is not known, which is 0: it is to be
    /// told when the profiles of all that have ended are written.
    Ended {
        /// The largest resident set.
        most_resident: u64,
    },
}
