//! The programs that the program and its descendants execute, as the kernel tells of them: so it is
//! known which of them never announced themselves. Where the kernel does not tell, nothing is known.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use rustix::time::Timespec;

use super::known::{Exec, Known, LATE};
use super::process_events::{ProcEvent, ProcessEvents};
use crate::summary::Missed;
use crate::wake::{self, LONG_REST};

/// The descendants of a process, and what they execute.
#[derive(Debug)]
pub struct Kin(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    socket: OwnedFd,
    known: Mutex<Known>,
}

impl Kin {
    /// Watches from now on.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub fn watch(events: ProcessEvents) -> io::Result<Kin> {
        let ProcessEvents { socket, root } = events;
        let shared = Arc::new(Shared { socket, known: Mutex::new(Known::of(root)) });
        let watched = Arc::downgrade(&shared);
        // A thread of its own, as who executes something may not be there for long to be looked at.
        wake::spawn(move || {
            const LONGEST: Duration = Duration::from_secs(1);
            let mut timeout = LONGEST;
            while let Some(shared) = watched.upgrade() {
                timeout = if shared.watch(timeout) { LATE } else { LONGEST };
            }
        })?;
        Ok(Kin(shared))
    }

    /// A process has announced a program that began to be recorded then, by the monotonic clock.
    pub fn announce(&self, pid: u32, started: Duration) {
        self.0.catch_up().announce(pid, started);
    }

    /// The program that the process has gone on to without a word, if it has.
    pub fn left(&self, pid: u32) -> Option<Missed> {
        let known = self.0.catch_up();
        known.silent(Duration::ZERO).find(|exec| exec.pid == pid).map(Exec::missed)
    }

    /// The processes that did not announce what they executed last, and whether there may be more.
    pub fn missed(&self) -> (Vec<Missed>, bool) {
        /// A process that has just executed a program may be about to announce it.
        const PATIENCE: Duration = Duration::from_secs(1);
        let known = self.0.catch_up();
        let mut missed = known.missed.clone();
        known.silent(PATIENCE).for_each(|exec| exec.missed().add_to(&mut missed));
        (missed, known.has_gaps)
    }
}

impl Shared {
    /// Waits so long for what the kernel tells, and takes it in. True if there is somebody to be looked at in a
    /// while.
    fn watch(&self, timeout: Duration) -> bool {
        let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() };
        let has_news = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) != Ok(0);
        let mut known = self.catch_up();
        known.look_at_late();
        let (is_calm, has_unseen) = (known.is_calm(), known.has_unseen());
        drop(known);
        if has_news && is_calm {
            thread::sleep(LONG_REST);
        }
        has_unseen
    }

    /// Takes in all that the kernel has told.
    fn catch_up(&self) -> MutexGuard<'_, Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut message = [0; 256];
        loop {
            match recv(&self.socket, &mut message, RecvFlags::DONTWAIT) {
                Ok((length, _)) => known.learn(ProcEvent::parse(&message[..length])),
                Err(Errno::NOBUFS) => known.has_gaps = true,
                Err(Errno::INTR) => {}
                Err(_) => return known,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::known::now;
    use super::*;

    /// This process's own children, if the kernel tells of them here.
    #[test]
    fn who_executes_a_program_is_known_until_it_is_announced() {
        let Some(events) = ProcessEvents::listen(std::process::id()) else { return };
        let kin = Kin::watch(events).unwrap();
        let before = now();
        let run = || {
            let mut child = std::process::Command::new("true").spawn().unwrap();
            child.wait().unwrap();
            child.id()
        };
        let (silent, announced, late) = (run(), run(), run());
        kin.announce(announced, now());
        kin.announce(late, before); // that was an earlier program of the same process
        let missed: Vec<_> = kin.missed().0.into_iter().map(|missed| missed.pid).collect();
        if missed.is_empty() {
            return; // in a container, say
        }
        assert_eq!(missed, [silent, late]);
        assert!(kin.left(silent).is_some() && kin.left(announced).is_none());
    }
}
