//! On which processor the collector reads: not on one that a program needs to fill the rings.

use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Moves the calling thread away from where it is in the way.
#[derive(Debug, Default)]
pub struct OwnProcessor {
    moved: Option<Instant>,
}

impl OwnProcessor {
    /// Leaves the processor if it is one of those, and there is another: who is woken by a program, or by a timer there,
    /// is given the program's processor, and keeps it for some ten milliseconds before the kernel spreads the two. Then
    /// any processor will do again.
    pub fn keep_off(&mut self, busy: impl Iterator<Item = usize>, now: Instant) {
        /// Where the kernel thinks otherwise, it is right for that long.
        const AGAIN: Duration = Duration::from_millis(20);
        if self.moved.is_some_and(|moved| now.saturating_duration_since(moved) < AGAIN) {
            return;
        }
        let Ok(allowed) = sched_getaffinity(None) else { return };
        if let Some(others) = others(&allowed, busy, sched_getcpu()) {
            self.moved = Some(now);
            // If it is not moved, nothing is lost.
            let _ = sched_setaffinity(None, &others).and_then(|()| sched_setaffinity(None, &allowed));
        }
    }
}

/// Those that are allowed and not busy; `None` if there are none, or `own` is not busy.
fn others(allowed: &CpuSet, busy: impl Iterator<Item = usize>, own: usize) -> Option<CpuSet> {
    let (mut others, mut is_in_the_way) = (*allowed, false);
    busy.filter(|&processor| processor < CpuSet::MAX_CPU).for_each(|processor| {
        others.unset(processor);
        is_in_the_way |= processor == own;
    });
    (is_in_the_way && others.count() > 0).then_some(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(processors: &[usize]) -> CpuSet {
        let mut set = CpuSet::new();
        processors.iter().for_each(|&processor| set.set(processor));
        set
    }

    #[test]
    fn who_is_on_a_busy_processor_goes_to_one_that_is_not() {
        let others = |busy: &[usize], own| others(&set(&[0, 1, 3]), busy.iter().copied(), own);
        assert_eq!(others(&[1], 1), Some(set(&[0, 3])));
        assert_eq!(others(&[1], 0), None);
        assert_eq!(others(&[1, 0], 0), Some(set(&[3])));
        assert_eq!(others(&[0, 1, 2, 3, 5000], 0), None, "there is none");
        assert_eq!(others(&[], 0), None);
    }

    #[test]
    fn it_may_run_on_all_of_its_processors_afterwards() {
        let allowed = sched_getaffinity(None).unwrap();
        let mut own = OwnProcessor::default();
        // The kernel may move it before that does.
        while allowed.count() > 1 && own.moved.is_none() {
            own.keep_off(std::iter::once(sched_getcpu()), Instant::now());
        }
        assert_eq!(sched_getaffinity(None).unwrap(), allowed);
    }
}
