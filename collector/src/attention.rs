//! How the session knows when to look at an image.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::wake::{Nudges, REST, Waker};

/// How it is known that the program wants to be looked at.
#[derive(Debug)]
pub enum Attention {
    /// By looking often, since then. Most processes are over soon and have no sample: a thread for
    /// each would make their start slower.
    Young(Instant),
    /// It wakes the session.
    Nudges(Nudges),
    /// By looking often: it cannot.
    None,
}

/// May a loop be recorded at this rate? Else hardly anything ever fills a ring.
pub fn is_fine(rate: u64) -> bool {
    (1..1024).contains(&rate)
}

/// How long the session may rest before it looks again: no longer than it takes one thread that does nothing but
/// allocate to fill half a ring, if most of that is recorded; else such a thread waits for the session to come.
fn rest(rate: u64, ring_slots: u64) -> Duration {
    const EVENT: Duration = Duration::from_nanos(15);
    if is_fine(rate) { REST.min(EVENT * (ring_slots / 2) as u32) } else { REST }
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

    /// How long an image may be left alone if nothing wakes the session. `is_polled` tells whether it has a process
    /// whose end wakes nobody, `youngest` for how long its youngest process has been recorded.
    pub fn pause(&self, is_polled: impl Fn() -> bool, youngest: impl Fn() -> Duration) -> Duration {
        /// A program that does not say that its ring fills, or that it waits at its exit.
        const SILENT: Duration = Duration::from_millis(10);
        /// Nothing wakes the session when a process ends that has no pidfd.
        const POLLED: Duration = Duration::from_millis(100);
        /// Each look takes a tenth of a millisecond of a processor that slept.
        const IDLE: Duration = Duration::from_secs(1);
        /// The events of a process that says little are of the time when they are read: so often, in the
        /// time that it has run, a young one is looked at all the same.
        const LOOKS: u32 = 50;
        const SOONEST: Duration = Duration::from_millis(20);
        match self {
            Attention::Nudges(_) if is_polled() => POLLED,
            Attention::Nudges(_) => (youngest() / LOOKS).clamp(SOONEST, IDLE),
            Attention::Young(_) | Attention::None => SILENT,
        }
    }

    /// Adapts to the rate and to how many events a ring has room for.
    pub fn adapt(&self, rate: u64, ring_slots: u64) {
        if let Attention::Nudges(nudges) = self {
            nudges.set_rest(rest(rate, ring_slots));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_fills_rings_does_not_wait_for_a_session_that_rests() {
        for slots in [1 << 10, 1 << 13, 1 << 16] {
            assert!(rest(1, slots) < Duration::from_nanos(10) * slots as u32, "{slots}");
        }
        assert_eq!(rest(1, 1 << 20), REST, "no longer than others");
    }

    #[test]
    fn who_fills_no_ring_leaves_the_session_its_rest() {
        for rate in [0, 16 * 1024, 512 * 1024] {
            assert_eq!(rest(rate, 1 << 13), REST, "{rate}");
        }
    }
}
