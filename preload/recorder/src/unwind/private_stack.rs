//! The stack on which unwind information is read.
//!
//! Reading it takes some kilobytes, which a thread with 16 KiB of stack, a coroutine or a handler
//! on a signal stack does not have. So it runs on this one stack, one thread at a time. Signals are
//! blocked meanwhile: a handler must not find itself on a stack that is not its thread's (Boehm's
//! collector scans from there), nor wait for the lock that its own thread holds.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::*};
use core::time::Duration;

use crate::arch::call_on;
use crate::memory::{budget, guard_page};
use crate::sys::{self, PAGE, SignalsBlocked};

const SIZE: usize = 64 * 1024;
/// How often a thread looks for the stack to be free before it gives up its sample's frames.
const TRIES: u32 = 200;
const STEP: Duration = Duration::from_micros(500);

/// Top of the stack, 0 before the start.
static TOP: AtomicUsize = AtomicUsize::new(0);
static LOCK: AtomicU32 = AtomicU32::new(UNLOCKED);

const UNLOCKED: u32 = 0;
const LOCKED: u32 = 1;
const CONTENDED: u32 = 2;

/// Maps the stack, with a page below it that cannot be touched.
pub fn start() -> bool {
    let Some(bottom) = budget::map(PAGE + SIZE) else { return false };
    // SAFETY: the page was just mapped for this.
    unsafe { guard_page(bottom.as_ptr()) };
    TOP.store(bottom.as_ptr() as usize + PAGE + SIZE, Release);
    true
}

/// Forgets a lock of a thread that the forked child does not have.
pub fn after_fork() {
    LOCK.store(UNLOCKED, Relaxed);
}

/// Runs `work` on the private stack; `None` if it was not to be had in time.
pub fn run<R>(work: impl FnOnce() -> R) -> Option<R> {
    let _signals = SignalsBlocked::new();
    if !lock() {
        return None;
    }
    let mut job = (Some(work), None);
    // SAFETY: the stack is this thread's alone while it holds the lock; `job` outlives the call.
    unsafe { call_on(TOP.load(Acquire), &mut job) };
    unlock();
    job.1
}

fn lock() -> bool {
    for _ in 0..TRIES {
        if LOCK.compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed).is_ok() {
            return true;
        }
        if LOCK.swap(CONTENDED, Acquire) == UNLOCKED {
            return true;
        }
        sys::futex_wait(&LOCK, CONTENDED, STEP);
    }
    false
}

fn unlock() {
    if LOCK.swap(UNLOCKED, Release) == CONTENDED {
        sys::futex_wake(&LOCK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_the_private_stack_and_its_result_comes_back() {
        assert!(start());
        let top = TOP.load(Relaxed);
        let doubled = 21;
        let (at, result) = run(|| (&raw const doubled as usize, doubled * 2)).unwrap();
        assert!(!(top - SIZE..top).contains(&at), "what is borrowed stays where it is");
        assert_eq!(result, 42);
        let at = run(|| {
            let here = 0u8;
            &raw const here as usize
        });
        assert!((top - SIZE..top).contains(&at.unwrap()));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|i| assert_eq!(run(|| i * 2), Some(i * 2))));
            }
        });
    }
}
