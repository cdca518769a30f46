//! Hooks that call each other: `realloc` of an allocator's library may be made of a function that is patched.
//!
//! A call from inside of a recorded one is not recorded; but the fast path does not tell that one is inside
//! of it. So all calls of a function that may get its blocks from another take the slow path until it is
//! known that they hardly ever do, as some do so where memory is short. And where they do, for good.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use heaptrace_recorder::arch;
use heaptrace_recorder::record::{Mark, Recording};

/// What is known of a function's blocks.
#[derive(Debug)]
pub struct Nesting {
    /// Calls that were looked at, and those of them whose block came from another hook.
    calls: AtomicU32,
    nested: AtomicU32,
}

impl Nesting {
    /// Nothing.
    pub const fn new() -> Nesting {
        Nesting { calls: AtomicU32::new(0), nested: AtomicU32::new(0) }
    }

    /// Learns where a block came from. Returns whether they are the function's own, when that is known
    /// or may have changed.
    #[inline(always)]
    pub fn learn(&self, recording: &Recording, block: usize, mark: &Mark) -> Option<bool> {
        /// So many calls are looked at, and then those that take the slow path because they are due.
        const ENOUGH: u32 = 1024;
        // Where all calls take it anyway, there is nothing to decide; and threads would do nothing but to take this
        // line of the cache from each other.
        if recording.takes_all() {
            return None;
        }
        /// One nested call in so many is as good as none: estimates are so much too large at most.
        const RARE: u32 = 512;
        let is_nested = is_part_of(block, mark.nested());
        let calls = self.calls.fetch_add(1, Relaxed).saturating_add(1);
        let nested = self.nested.fetch_add(is_nested.into(), Relaxed) + u32::from(is_nested);
        (calls == ENOUGH || (is_nested && calls > ENOUGH)).then_some(nested <= calls / RARE)
    }
}

/// May the block be a part of one that another hook made, which is larger for the sake of alignment?
fn is_part_of(block: usize, nested: usize) -> bool {
    const MOST: usize = 1 << 24;
    nested != 0 && block.wrapping_sub(nested) < MOST
}

/// Which path a hook of C's names takes. The assembly knows where its first part is.
#[derive(Debug)]
#[repr(C)]
pub struct Path {
    /// Where the hook finds the calling thread's countdown, from its control block on; or else a word that
    /// is 0, so that every call takes the slow path.
    offset: AtomicUsize,
    nesting: Nesting,
}

impl Path {
    /// The slow one, until it is known whether the original's blocks come from another hook.
    pub const fn new() -> Path {
        Path { offset: AtomicUsize::new(arch::ZERO_IN_CONTROL_BLOCK), nesting: Nesting::new() }
    }

    /// Takes the fast path, where the countdown is at that offset.
    pub fn open(&self, countdown: usize) {
        self.offset.store(countdown, Relaxed);
    }

    /// Learns where a block of the original's came from.
    #[inline(always)]
    pub fn learn(&self, recording: &Recording, block: usize, mark: &Mark, countdown: &AtomicUsize) {
        if let Some(is_own) = self.nesting.learn(recording, block, mark) {
            self.open(if is_own { countdown.load(Relaxed) } else { arch::ZERO_IN_CONTROL_BLOCK });
        }
    }
}
