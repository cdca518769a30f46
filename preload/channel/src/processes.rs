//! The processes of a segment: the program in slot 0 and each forked child that records.
//!
//! A child claims a free slot itself, with no system call, because it may be in a sandbox by then.
//! The collector frees the slot when the child is gone and all that it wrote has been read.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

use crate::Segment;

/// Processes of one segment that can record at the same time; what comes then is counted.
pub const MAX_PROCESSES: usize = 4096;

const _: () = assert!(MAX_PROCESSES <= 1 << 16);

/// Index of a process in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process(pub u16);

/// What is known of one process.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct ProcessSlot {
    state: AtomicU32,
    pid: AtomicU32,
    /// Samples that could not be recorded.
    pub lost_samples: AtomicU64,
    /// Those of them that came before recording began.
    pub early_samples: AtomicU64,
    /// Those of them for which the program had no memory.
    pub unplaced_samples: AtomicU64,
    /// Frees of sampled blocks that were not seen, or told too late for the peak to be exact.
    pub lost_frees: AtomicU64,
    /// Raised by the process to ask for its profile: it is about to exit.
    pub exiting: AtomicU32,
    /// Raised by the collector when the profile is written: a futex that the process waits on.
    pub written: AtomicU32,
}

const FREE: u32 = 0;
const CLAIMED: u32 = 1;
const PUBLISHED: u32 = 2;

impl Segment {
    /// Claims a slot for the process `pid`; `None` if all are in use, which is counted.
    pub fn claim_process(&self, pid: u32) -> Option<Process> {
        for (index, slot) in self.processes().iter().enumerate() {
            if slot.state.load(Relaxed) == FREE
                && slot.state.compare_exchange(FREE, CLAIMED, Acquire, Relaxed).is_ok()
            {
                slot.pid.store(pid, Relaxed);
                slot.lost_samples.store(0, Relaxed);
                slot.early_samples.store(0, Relaxed);
                slot.unplaced_samples.store(0, Relaxed);
                slot.lost_frees.store(0, Relaxed);
                slot.exiting.store(0, Relaxed);
                slot.written.store(0, Relaxed);
                slot.state.store(PUBLISHED, Release); // pairs with the load in `process_pid`
                return Some(Process(index as u16));
            }
        }
        self.header().turned_away.fetch_add(1, Relaxed);
        None
    }

    /// How many processes have found no slot.
    pub fn turned_away(&self) -> u32 {
        self.header().turned_away.load(Relaxed)
    }

    /// The slot of a process.
    pub fn process(&self, process: Process) -> &'static ProcessSlot {
        &self.processes()[process.0 as usize % MAX_PROCESSES]
    }

    /// The pid of the process in that slot, if there is one.
    pub fn process_pid(&self, process: Process) -> Option<u32> {
        let slot = self.processes().get(process.0 as usize)?;
        (slot.state.load(Acquire) == PUBLISHED).then(|| slot.pid.load(Relaxed))
    }

    /// Gives the slot of a process that is gone to the next one (the collector's part).
    pub fn release_process(&self, process: Process) {
        self.process(process).state.store(FREE, Release); // pairs with the claim
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::tests::{SMALL, segment};

    #[test]
    fn slots_are_claimed_in_order_and_used_again_after_release() {
        let segment = segment(SMALL);
        assert_eq!(segment.claim_process(10), Some(Process(0)));
        assert_eq!(segment.claim_process(11), Some(Process(1)));
        assert_eq!(segment.process_pid(Process(1)), Some(11));
        segment.release_process(Process(0));
        assert_eq!(segment.process_pid(Process(0)), None);
        assert_eq!(segment.claim_process(12), Some(Process(0)));
    }

    #[test]
    fn when_all_slots_are_taken_the_next_process_gets_none() {
        let segment = segment(SMALL);
        for pid in 0..MAX_PROCESSES as u32 {
            assert!(segment.claim_process(pid).is_some());
        }
        assert_eq!(segment.turned_away(), 0);
        assert_eq!(segment.claim_process(1), None);
        assert_eq!(segment.turned_away(), 1);
    }
}
