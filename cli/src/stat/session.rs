//! The process apart that takes the counters, as `heaptrace stat` and as itself sees it.

use std::io;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, anyhow};
use heaptrace_collector::counting::{self, Config, Counted, Request};
use heaptrace_collector::{Bed, ProcessEvents};

use crate::apart;
use crate::control::{self, Ear, Milestone};

/// It counts for one run.
#[derive(Debug)]
pub struct CountingSession {
    control: UnixStream,
    pid: i32,
}

/// What it answers at the end.
type Answer = Result<Counted, String>;

impl CountingSession {
    /// Starts it, while this process has one thread.
    ///
    /// # Errors
    /// If there can be no sockets or processes.
    pub fn start(config: Config) -> io::Result<CountingSession> {
        let events = config.process_events.as_ref().map(ProcessEvents::descriptor);
        let kept: Vec<_> = config.sockets.descriptors().chain(events).collect();
        let (control, pid) = apart::start(kept.into_iter(), |control| serve(config, control))?;
        Ok(CountingSession { control, pid })
    }

    /// Tells it that the program is started as this process.
    pub fn program_started(&self, pid: u32) {
        control::send(&self.control, &Milestone::Started(pid)).ok(); // if it is gone, that is seen at the end
    }

    /// Tells it that the program has ended, and gets what was counted.
    ///
    /// # Errors
    /// Why there is nothing.
    pub fn counted(self, most_resident: u64) -> Result<Counted> {
        control::send(&self.control, &Milestone::Ended { most_resident }).ok();
        let answer = control::values::<Answer>(&self.control).next();
        // SAFETY: waits for a child of this process; the kernel writes no status.
        unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
        answer.context("who counts has ended")?.map_err(|why| anyhow!(why))
    }
}

fn serve(config: Config, control: &UnixStream) -> io::Result<()> {
    let (answer, served): (Answer, _) = match count(config, control) {
        Ok(Some(counted)) => (Ok(counted), Ok(())),
        Ok(None) => return Ok(()),
        Err(why) => (Err(why.to_string()), Err(why)),
    };
    control::send(control, &answer).ok();
    served
}

fn count(config: Config, control: &UnixStream) -> io::Result<Option<Counted>> {
    let (bed, mut ear) = (Bed::new()?, Ear::new(control));
    bed.waker().watch_at_once(control)?;
    counting::run(config, bed, || {
        let milestone = ear.hear()?;
        Ok(milestone.map(|milestone| match milestone {
            Milestone::Started(pid) => Request::Started(pid),
            Milestone::Ended { .. } => Request::Ended,
        }))
    })
}
