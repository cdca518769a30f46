//! How the session knows when to look at an image.

use std::mem;
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
    Nudges(#[expect(dead_code, reason = "they come until it is dropped")] Nudges),
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

/// So many events of one look are much.
pub fn much(ring_slots: u64) -> u64 {
    ring_slots / 16
}

/// How the session keeps pace with a program that fills its rings: it comes by itself, for a while. Who has to be woken
/// for each look is woken on the program's processor, in its place.
#[derive(Debug)]
pub struct Pace {
    /// When it looked last.
    looked: Instant,
    /// How soon it comes again, and until when it does.
    kept: Option<(Duration, Instant)>,
}

impl Pace {
    /// Nothing was found yet.
    pub fn at_first(now: Instant) -> Pace {
        Pace { looked: now, kept: None }
    }

    /// A look found so many events, at that rate, in rings of so many slots. True if that is much.
    pub fn note(&mut self, events: u64, rate: u64, ring_slots: u64, now: Instant) -> bool {
        /// After that who wakes the session is awake again.
        const WHILE: Duration = REST.saturating_mul(2);
        let since = now.saturating_duration_since(mem::replace(&mut self.looked, now));
        let is_much = is_fine(rate) && events >= much(ring_slots);
        if is_much {
            let half_full = since.mul_f64(ring_slots as f64 / 2.0 / events as f64);
            self.kept = Some((half_full.clamp(rest(rate, ring_slots), REST), now + WHILE));
        }
        self.kept.take_if(|(_, until)| *until <= now);
        is_much
    }

    /// How long until the next look, while it comes by itself: when one ring is half full, as far as can be told.
    pub fn pause(&self) -> Option<Duration> {
        self.kept.map(|(pause, _)| pause)
    }
}

impl Attention {
    const YOUTH: Duration = Duration::from_millis(20);

    /// That of a program which has just been taken on, and is recorded at that rate. At a fine one it fills its first
    /// ring before it has had time to grow old.
    pub fn at_first(rate: u64, file: &OwnedFd, waker: &Waker) -> Attention {
        let mut attention = Attention::Young(Instant::now());
        attention.grow(is_fine(rate), file, waker);
        attention
    }

    /// Has the program wake the session, once it has recorded something, or surely will, or has grown old.
    pub fn grow(&mut self, records: bool, file: &OwnedFd, waker: &Waker) {
        if let Attention::Young(since) = self
            && (records || since.elapsed() > Attention::YOUTH)
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

    #[test]
    fn the_session_comes_by_itself_as_long_as_much_is_found_and_a_while_longer() {
        const SLOTS: u64 = 1 << 16;
        let start = Instant::now();
        let mut pace = Pace::at_first(start);
        let mut after = |events, rate, micros| {
            let is_much = pace.note(events, rate, SLOTS, start + Duration::from_micros(micros));
            (is_much, pace.pause().map(|pause| pause.as_micros() as u64))
        };
        let soonest = rest(1, SLOTS).as_micros() as u64;
        assert_eq!(after(SLOTS / 32, 1, 100), (false, None));
        assert_eq!(after(SLOTS, 512 * 1024, 200), (false, None));
        assert_eq!(after(SLOTS, 1, 300), (true, Some(soonest)), "as fast as can be");
        assert_eq!(after(SLOTS / 4, 1, 1000), (true, Some(1400)), "a quarter in 700, so half in 1400");
        assert_eq!(after(SLOTS / 8, 1, 3000), (true, Some(2000)), "no longer than others");
        assert_eq!(after(0, 1, 6999), (false, Some(2000)));
        assert_eq!(after(0, 1, 7000), (false, None));
    }
}
