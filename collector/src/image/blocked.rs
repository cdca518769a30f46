//! Slots that are reserved and not committed, and how long their writers are waited for.

use std::time::{Duration, Instant};

use heaptrace_channel::ring::{Ends, Reader};

/// How long a slot may stay reserved and not committed while its writer may still live. There are
/// two instructions between the one and the other; but a signal handler may leave them by `longjmp`,
/// and then the ring must move on before its writers give up waiting for room.
const COMMIT_PATIENCE: Duration = Duration::from_millis(100);
const _: () = assert!(COMMIT_PATIENCE.as_millis() < heaptrace_channel::ring::WAIT.as_millis());

/// Since when the next slot is reserved and not committed, and up to where slots were reserved then; nothing where
/// none is.
#[derive(Debug, Default)]
pub struct Blocked(Option<(Instant, Ends)>);

impl Blocked {
    /// Passes over slots whose writer was killed before it committed them. True if there were some.
    pub fn pass(&mut self, mut reader: Reader, is_abandoned: bool) -> bool {
        if !reader.is_blocked() {
            self.0 = None;
            return false;
        }
        let now = || (Instant::now(), reader.ends());
        // Slots that were reserved later have their own time.
        let (since, ends) = self.0.filter(|(_, ends)| !reader.has_passed(ends)).unwrap_or_else(now);
        self.0 = Some((since, ends));
        let are_dead = is_abandoned || since.elapsed() > COMMIT_PATIENCE;
        if are_dead {
            reader.skip(&ends);
        }
        are_dead
    }

    /// How soon one is to look again, if there is such a slot: a writer is between two instructions, or gone.
    pub fn pause(&self) -> Option<Duration> {
        const SOON: Duration = Duration::from_millis(1);
        self.0.map(|_| SOON)
    }
}
