//! What each thread keeps: two words, which are 0 at its start.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use heaptrace_recorder::arch;

/// Where the assembly finds the thread's first word, relative to the control block. Until [`start`] that is a
/// word which is 0, so that every call takes the slow path: before the constructor this library may not be
/// relocated, and does not know its place.
pub static OFFSET: AtomicUsize = AtomicUsize::new(arch::ZERO_IN_CONTROL_BLOCK);

/// The second word, before that.
static EARLY: AtomicUsize = AtomicUsize::new(0);

/// Lets the fast path of the hooks work. Called by the constructor.
pub fn start() {
    OFFSET.store((word() as usize).wrapping_sub(arch::control_block()), Relaxed);
}

/// The calling thread's first word, which tells where it counts: see [`super::state`].
pub fn word() -> *mut usize {
    arch::thread_local() as *mut usize
}

/// The second one: whether it is asking its allocator for something.
fn asks() -> &'static AtomicUsize {
    if OFFSET.load(Relaxed) == arch::ZERO_IN_CONTROL_BLOCK {
        return &EARLY;
    }
    // SAFETY: the calling thread's own word.
    unsafe { AtomicUsize::from_ptr(word().add(1)) }
}

/// Is the calling thread asking its allocator for something?
#[inline]
pub fn is_asking() -> bool {
    asks().load(Relaxed) != 0
}

/// Asks the allocator for something. Of what it calls meanwhile nothing is counted: tcmalloc makes a block the
/// first time that it is asked for a size, and would be asked for that one's.
pub fn ask(question: impl FnOnce() -> usize) -> usize {
    let asks = asks();
    if asks.load(Relaxed) != 0 {
        return 0;
    }
    asks.store(1, Relaxed);
    let answer = question();
    asks.store(0, Relaxed);
    answer
}
