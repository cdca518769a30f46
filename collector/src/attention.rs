//! How the session knows when to look at an image.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::wake::{Nudges, Waker};

/// How it is known that the program wants to be looked at.
#[derive(Debug)]
pub enum Attention {
    /// By looking often, since then. Most processes are over soon and have no sample: a thread for
    /// each would make their start slower.
    Young(Instant),
    /// It wakes the session.
    Nudges(#[expect(dead_code, reason = "it works until it is dropped")] Nudges),
    /// By looking often: it cannot.
    None,
}

impl Attention {
    const YOUTH: Duration = Duration::from_millis(20);

    /// Has the program wake the session, once it has recorded something or grown old.
    pub fn grow(&mut self, has_recorded: bool, file: &OwnedFd, waker: &Waker) {
        if let Attention::Young(since) = self
            && (has_recorded || since.elapsed() > Attention::YOUTH)
        {
            *self = waker.watch_nudges(file).map_or(Attention::None, Attention::Nudges);
        }
    }
}
