//! The programs that the program and its descendants execute, as the kernel tells of them: so it is
//! known which of them never announced themselves. Where the kernel does not tell, nothing is known.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use rustix::time::Timespec;

use super::known::{Exec, Known, LATE};
use super::process_events::{ProcEvent, ProcessEvents};
use crate::summary::Missed;
use crate::wake::{self, LONG_REST, Waker};

/// The descendants of a process, and what they execute.
#[derive(Debug)]
pub struct Kin {
    shared: Arc<Shared>,
    since: Instant,
    /// What wakes who looks, until a thread does.
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Shared {
    socket: OwnedFd,
    known: Mutex<Known>,
}

impl Kin {
    /// Watches from now on. Who is woken by `waker` looks at first: a thread takes a tenth of a millisecond from a
    /// program that is just starting on another processor.
    ///
    /// # Errors
    /// If the kernel's news cannot be waited for.
    pub fn watch(events: ProcessEvents, waker: &Waker) -> io::Result<Kin> {
        let ProcessEvents { socket, root } = events;
        waker.watch_at_once(&socket)?;
        let shared = Arc::new(Shared { socket, known: Mutex::new(Known::of(root)) });
        Ok(Kin { shared, since: Instant::now(), waker: Some(waker.clone()) })
    }

    /// Takes in what the kernel has told, and starts the thread for that if it is time.
    pub fn look(&mut self) {
        if self.waker.is_none() {
            return;
        }
        self.shared.catch_up().look_at_late();
        if self.since.elapsed() >= LONG_REST
            && let Some(waker) = self.waker.take()
        {
            waker.forget(&self.shared.socket);
            self.start().ok(); // without a thread some will have no name
        }
    }

    /// When to look again if nothing wakes before.
    pub fn pause(&self) -> Option<Duration> {
        self.waker.as_ref().map(|_| LONG_REST.saturating_sub(self.since.elapsed()))
    }

    /// A thread of its own, as who executes something may not be there for long to be looked at.
    fn start(&self) -> io::Result<()> {
        let watched = Arc::downgrade(&self.shared);
        wake::spawn(move || {
            const LONGEST: Duration = Duration::from_secs(1);
            let mut timeout = LONGEST;
            while let Some(shared) = watched.upgrade() {
                timeout = if shared.watch(timeout) { LATE } else { LONGEST };
            }
        })
    }

    /// A process has announced a program that began to be recorded then, by the monotonic clock.
    pub fn announce(&self, pid: u32, started: Duration) {
        self.shared.catch_up().announce(pid, started);
    }

    /// The program that the process has gone on to without a word, if it has.
    pub fn left(&self, pid: u32) -> Option<Missed> {
        let known = self.shared.catch_up();
        known.silent(Duration::ZERO).find(|exec| exec.pid == pid).map(Exec::missed)
    }

    /// Has any of the descendants forked, as far as can be told? The children of the first process do not count.
    pub fn have_forked(&self) -> bool {
        let known = self.shared.catch_up();
        known.has_forked || known.has_gaps
    }

    /// The processes that did not announce what they executed last, and whether there may be more.
    pub fn missed(&self) -> (Vec<Missed>, bool) {
        /// A process that has just executed a program may be about to announce it.
        const PATIENCE: Duration = Duration::from_secs(1);
        let known = self.shared.catch_up();
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
    use crate::wake::Bed;

    /// This process's own children, if the kernel tells of them here.
    #[test]
    fn who_executes_a_program_is_known_until_it_is_announced() {
        let Some(events) = ProcessEvents::listen(std::process::id()) else { return };
        let bed = Bed::new().unwrap();
        let kin = Kin::watch(events, bed.waker()).unwrap();
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
        assert!(!kin.have_forked());
        std::process::Command::new("sh").args(["-c", "true; (true)"]).status().unwrap();
        assert!(kin.have_forked());
    }
}
