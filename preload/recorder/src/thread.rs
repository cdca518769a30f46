//! What each thread keeps.

use core::cell::Cell;

use heaptrace_channel::ring::LastRing;
use heaptrace_channel::sample::Sampling;

use crate::arch;
use crate::unwind::{Preferred, StackRange};

/// What is due at the end of a countdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum AtEnd {
    /// A sample.
    #[default]
    Sample,
    /// Only a look at the rate.
    Look,
    /// A sample, as of every block.
    Every,
}

/// The state of a thread. All zero at its start; nothing is destroyed at its end.
///
/// Made of cells, because a signal handler may run a hook in the middle of another, of the same thread. It
/// leaves everything as it found it: [`Thread::inside`] has it forward its calls, until the hook that it
/// interrupted is about to end. So at worst the gap to the next sample counts from a little earlier or
/// later.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Thread {
    /// Bytes that may still be allocated before the next sample. The fast path of the hooks counts
    /// it down and leaves the rest to the slow path when a request is not below it. First in the
    /// struct, where the assembly of the hooks expects it.
    pub countdown: Cell<u64>,
    /// State of the random numbers; 0 until the thread's first allocation.
    pub random: Cell<u64>,
    /// The mark of the hook that this thread is in (see [`crate::record::Mark`]), 0 if it is in none.
    pub inside: Cell<usize>,
    /// Where the thread's own stack is known to be readable.
    pub stack: StackRange,
    /// Which of the places to unwind in it tries first.
    pub place: Preferred,
    /// What there is at the end of the countdown.
    pub at_end: Cell<AtEnd>,
    /// Which ring its last event went to.
    pub last_ring: LastRing,
    /// What the countdown was drawn with.
    pub drawn: Cell<Sampling>,
}

const _: () =
    assert!(size_of::<Thread>() <= arch::THREAD_LOCAL && core::mem::offset_of!(Thread, countdown) == 0);

/// The calling thread's state.
#[inline(always)]
pub fn current() -> &'static Thread {
    // SAFETY: the thread's own bytes, which zeros make valid, and only it gets a reference to them, which
    // it cannot send.
    unsafe { &*(arch::thread_local() as *const Thread) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_keeps_is_there_again_and_its_own() {
        current().countdown.set(17);
        assert_eq!(current().countdown.get(), 17);
        std::thread::spawn(|| assert_eq!(current().countdown.get(), 0)).join().unwrap();
    }
}
