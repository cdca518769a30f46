//! The collector as `heaptrace run` sees it: forked off before the program starts, and asked at its end.

use std::cell::Cell;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use heaptrace_collector::Program;
use heaptrace_collector::request::Config;
use heaptrace_collector::summary::Summary;
use heaptrace_push::Pushed;

use super::no_summary::NoSummary;
use crate::collect::Live;
use crate::control::{self, Milestone, Report, Stage};
use crate::{apart, collect};

/// A collector, which goes on for what the program leaves running.
#[derive(Debug)]
pub struct Collector {
    control: UnixStream,
    pid: i32,
    /// How it ended, if it has been waited for.
    ended: Cell<Option<ExitStatus>>,
}

impl Collector {
    /// Starts it, while this process has one thread. It keeps these descriptors, and what it is to do it works out by
    /// itself, while others go on.
    ///
    /// # Errors
    /// If there can be no sockets or processes.
    pub fn start(
        kept: impl Iterator<Item = RawFd>,
        begin: impl FnOnce() -> io::Result<(Config, Program, Live)>,
    ) -> io::Result<Collector> {
        let (control, pid) = apart::start(kept, |control| collect::serve(begin, control))?;
        Ok(Collector { control, pid, ended: Cell::new(None) })
    }

    /// Tells it that the program is started as this process.
    pub fn program_started(&self, pid: u32) {
        control::send(&self.control, &Milestone::Started(pid)).ok(); // if it is gone, that is seen at the end
    }

    /// Tells it that the program has ended, and what its largest resident set was, or 0, and waits for the summary,
    /// and for what has become of the profiles that were to be sent. `show` gets what the collector is at until then, and answers whether
    /// somebody still waits.
    ///
    /// # Errors
    /// Why there is no summary.
    pub fn summary(
        &self,
        most_resident: u64,
        show: impl Fn(&Stage) -> bool,
    ) -> Result<(Summary, Option<Pushed>), NoSummary> {
        // Its last words are there though it may be gone.
        control::send(&self.control, &Milestone::Ended { most_resident }).ok();
        for report in control::values(&self.control) {
            match report {
                Report::Stage(stage) if show(&stage) => {}
                Report::Stage(_) => return Err(NoSummary::Interrupted),
                Report::Summary(summary, pushed) => return Ok((*summary, pushed)),
                Report::Failed(why) => return Err(NoSummary::Failed(why)),
            }
        }
        Err(NoSummary::Ended(self.wait()))
    }

    /// Notes how a child of this process ended, which may be the collector.
    pub fn note_end(&self, pid: i32, status: ExitStatus) {
        if pid == self.pid {
            self.ended.set(Some(status));
        }
    }

    fn wait(&self) -> Option<ExitStatus> {
        let mut status = 0;
        // SAFETY: the kernel writes the status.
        if self.ended.get().is_none() && unsafe { libc::waitpid(self.pid, &mut status, 0) } == self.pid {
            self.ended.set(Some(ExitStatus::from_raw(status)));
        }
        self.ended.get()
    }
}
