//! A `heaptrace run` as its session hears and tells it.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{after, select};
use heaptrace_collector::Program;
use heaptrace_collector::news::{PATIENCE, Teller};
use heaptrace_collector::request::{Request, Supervisor};
use heaptrace_collector::summary::Summary;
use heaptrace_collector::symbolize::Symbolizer;
use heaptrace_push::Account;

use crate::control::{self, Ear, Milestone, Report, Stage};
use crate::progress;

/// A `heaptrace run` at the other end of the way.
#[derive(Debug)]
pub struct Starter {
    ear: Ear<UnixStream>,
    /// What it starts.
    program: Program,
    symbolizer: Arc<Symbolizer>,
    push: Option<(Account, Teller)>,
    /// Whether its program has ended, for others.
    has_ended: Arc<AtomicBool>,
    /// When it last heard what the session is at.
    told: Instant,
}

impl Starter {
    /// One that starts this program. What is sent to a store of profiles by `push`, it wants to know too.
    pub fn new(
        control: UnixStream,
        program: Program,
        symbolizer: Arc<Symbolizer>,
        push: Option<(Account, Teller)>,
        has_ended: Arc<AtomicBool>,
    ) -> Starter {
        Starter { ear: Ear::new(control), program, symbolizer, push, has_ended, told: Instant::now() }
    }
}

impl Supervisor for Starter {
    fn ear(&self) -> BorrowedFd<'_> {
        self.ear.socket().as_fd()
    }

    fn hear(&mut self) -> io::Result<Option<Request>> {
        Ok(self.ear.hear()?.map(|milestone| match milestone {
            Milestone::Started(pid) => Request::Started(Program { pid, ..self.program.clone() }),
            Milestone::Ended { most_resident } => {
                self.has_ended.store(true, Relaxed);
                self.told = Instant::now();
                Request::Ended { most_resident }
            }
        }))
    }

    fn wait(&mut self) {
        if self.told.elapsed() >= progress::INTERVAL {
            self.told = Instant::now();
            show(self.ear.socket(), Stage::Names(self.symbolizer.progress()));
        }
    }

    fn tell(self: Box<Self>, summary: Summary) -> Option<JoinHandle<()>> {
        let (control, summary) = (self.ear.into_socket(), Box::new(summary));
        if let Some((account, teller)) = self.push {
            let tell = move || {
                settle(&account, &teller, &control);
                control::send(&control, &Report::Summary(summary, Some(account.pushed()))).ok();
            };
            return thread::Builder::new().spawn(tell).ok();
        }
        // It may be stopped, and there may be much to tell.
        let rest = control::send_at_once(&control, &Report::Summary(summary, None)).ok()?;
        if rest.is_empty() {
            return None;
        }
        thread::Builder::new().spawn(move || drop((&control).write_all(&rest))).ok()
    }
}

/// Waits until all that was told is passed on to where it is sent from, but not for ever, and says meanwhile what is
/// waited for.
fn settle(account: &Account, teller: &Teller, control: &UnixStream) {
    let (settled, too_late) = (teller.settle(), after(PATIENCE));
    loop {
        select! {
            recv(settled) -> _ => return,
            recv(too_late) -> _ => return,
            default(progress::INTERVAL) => show(control, Stage::Push(account.pushed().to)),
        }
    }
}

/// Says what the session is at, if somebody listens: that is said again.
fn show(control: &UnixStream, stage: Stage) {
    control::send_at_once(control, &Report::Stage(stage)).ok(); // all of it or nothing, as it is short
}
