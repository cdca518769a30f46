//! What a process counts in the shared memory, where it may write what it likes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use heaptrace_channel::Segment;
use heaptrace_channel::processes::Process;

use crate::recording::Counters;

/// No process loses more than this; counts that claim so can at least be added.
const MOST_LOST: u64 = 1 << 48;

/// What a process has counted that has taken so many samples.
pub fn counters(segment: &Segment, process: Process, samples: u64) -> Counters {
    let slot = segment.processes().slot(process);
    let most = |count: &AtomicU64| count.load(Relaxed).min(MOST_LOST);
    Counters {
        samples,
        lost_samples: most(&slot.lost_samples),
        early_samples: most(&slot.early_samples),
        unplaced_samples: most(&slot.unplaced_samples),
        lost_frees: most(&slot.lost_frees),
        truncated_stacks: 0,
        is_damaged: false,
    }
}
