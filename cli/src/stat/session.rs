//! The process apart that takes the counters, as `heaptrace stat` and as itself sees it.

use std::io;
use std::os::unix::net::UnixStream;
use std::thread;

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::{bounded, unbounded};
use heaptrace_collector::ProcessEvents;
use heaptrace_collector::counting::{self, Config, Counted, Request};

use crate::apart;
use crate::control::{self, Milestone};

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
    let (sender, requests) = unbounded();
    let events = control.try_clone()?;
    let obeying = thread::Builder::new().spawn(move || {
        for event in control::values(&events) {
            match event {
                Milestone::Started(pid) => sender.send(Request::Started(pid)).ok()?,
                Milestone::Ended { .. } => {
                    let (answer, counted) = bounded(1);
                    sender.send(Request::Ended(answer)).ok()?;
                    return control::send(&events, &Answer::Ok(counted.recv().ok()?)).ok();
                }
            }
        }
        None
    })?;
    let served = counting::run(config, &requests);
    drop(requests);
    if let Err(why) = &served {
        control::send(control, &Answer::Err(why.to_string())).ok();
    }
    obeying.join().ok(); // the answer may still be on its way
    served
}
