//! What each thread keeps: 64 bytes of initial-exec TLS ([`arch::thread_local`]).

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use heaptrace_channel::ring::LastRing;

use crate::arch;
use crate::unwind::StackRange;

/// The state of a thread. All zero at its start; nothing is destroyed at its end.
#[derive(Debug)]
#[repr(C)]
pub struct Thread {
    /// Bytes that may still be allocated before the next sample. The fast path of the hooks counts
    /// it down and leaves the rest to the slow path when a request is not below it. First in the
    /// struct, where the assembly of the hooks expects it.
    pub countdown: u64,
    /// State of the random numbers; 0 until the thread's first allocation.
    pub random: u64,
    /// The mark of the hook that this thread is in (see [`crate::record::Mark`]), 0 if it is in none.
    pub inside: usize,
    /// Where the thread's own stack is known to be readable.
    pub stack: StackRange,
    /// Which of the places to unwind in it tries first.
    pub place: u32,
    /// Which ring its last event went to.
    pub last_ring: LastRing,
}

const _: () =
    assert!(size_of::<Thread>() <= arch::THREAD_LOCAL && core::mem::offset_of!(Thread, countdown) == 0);

/// Where the fast path of the hooks finds [`Thread::countdown`], relative to the control block.
///
/// Until [`start`] that is a word of the control block itself which is 0 in every C library, so that
/// every call takes the slow path: before the constructor this library may not be relocated, and does
/// not know its place.
pub static OFFSET: AtomicUsize = AtomicUsize::new(arch::ZERO_IN_CONTROL_BLOCK);

/// Lets the fast path of the hooks work. Called by the constructor.
pub fn start() {
    OFFSET.store((current() as usize).wrapping_sub(arch::control_block()), Relaxed);
}

/// The calling thread's state.
///
/// A pointer and not a reference: a signal handler may run a hook in the middle of another.
#[inline(always)]
pub fn current() -> *mut Thread {
    arch::thread_local() as *mut Thread
}
