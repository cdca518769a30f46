//! The stack on which unwind information is read.
//!
//! Reading it takes some kilobytes, which a thread with 16 KiB of stack, a coroutine or a handler
//! on a signal stack does not have. So it runs on this one stack, one thread at a time. Signals are
//! blocked meanwhile: a handler must not find itself on a stack that is not its thread's (Boehm's
//! collector scans from there), nor wait for the lock that its own thread holds.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::*};
use core::time::Duration;

use crate::arch::call_on;
use crate::memory::{Budget, map_guarded};
use crate::sys::{self, PAGE, SignalsBlocked};

const SIZE: usize = 64 * 1024;
/// With a page below it that cannot be touched.
const MAPPED: usize = PAGE + SIZE;
/// How often a thread looks for the stack to be free before it gives up its sample's frames.
const TRIES: u32 = 200;
const STEP: Duration = Duration::from_micros(500);

const UNLOCKED: u32 = 0;
const LOCKED: u32 = 1;
const CONTENDED: u32 = 2;

/// The stack, mapped when it is first needed: most processes end before. As zeros, there is none yet.
#[derive(Debug, Default)]
pub struct PrivateStack {
    /// Its top, 0 before it is mapped.
    top: AtomicUsize,
    lock: AtomicU32,
}

impl PrivateStack {
    /// None.
    pub const fn new() -> PrivateStack {
        PrivateStack { top: AtomicUsize::new(0), lock: AtomicU32::new(UNLOCKED) }
    }

    /// Sees to it that there is room for the stack. False if there is none.
    pub fn start(&self, budget: &Budget) -> bool {
        budget.take(MAPPED)
    }

    /// Forgets a lock of a thread that the forked child does not have.
    pub fn after_fork(&self) {
        self.lock.store(UNLOCKED, Relaxed);
    }

    /// Runs `work` on the private stack; `None` if it was not to be had in time, or at all.
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> Option<R> {
        let _signals = SignalsBlocked::new();
        if !self.lock() {
            return None;
        }
        let mut job = (Some(work), None);
        if let Some(top) = self.top() {
            // SAFETY: the stack is this thread's alone while it holds the lock; `job` outlives the call.
            unsafe { call_on(top, &mut job) };
        }
        self.unlock();
        job.1
    }

    /// The top of the stack; `None` if it cannot be mapped. The caller holds the lock.
    fn top(&self) -> Option<usize> {
        let top = self.top.load(Relaxed);
        if top != 0 {
            return Some(top);
        }
        let top = map_guarded(SIZE)?.as_ptr() as usize + SIZE;
        self.top.store(top, Relaxed);
        Some(top)
    }

    fn lock(&self) -> bool {
        for _ in 0..TRIES {
            if self.lock.compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed).is_ok() {
                return true;
            }
            if self.lock.swap(CONTENDED, Acquire) == UNLOCKED {
                return true;
            }
            sys::futex_wait(&self.lock, CONTENDED, STEP);
        }
        false
    }

    fn unlock(&self) {
        if self.lock.swap(UNLOCKED, Release) == CONTENDED {
            sys::futex_wake(&self.lock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_the_private_stack_and_its_result_comes_back() {
        let stack = PrivateStack::new();
        assert!(stack.start(&Budget::new()));
        assert_eq!(stack.top.load(Relaxed), 0, "it is mapped when it is needed");
        let doubled = 21;
        let (at, result) = stack.run(|| (&raw const doubled as usize, doubled * 2)).unwrap();
        let top = stack.top.load(Relaxed);
        assert!(!(top - SIZE..top).contains(&at), "what is borrowed stays where it is");
        assert_eq!(result, 42);
        let at = stack.run(|| {
            let here = 0u8;
            &raw const here as usize
        });
        assert!((top - SIZE..top).contains(&at.unwrap()));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|i| assert_eq!(stack.run(|| i * 2), Some(i * 2))));
            }
        });
    }

    #[test]
    fn there_is_none_where_there_is_no_room() {
        let (stack, budget) = (PrivateStack::new(), Budget::new());
        budget.leave(MAPPED - 1);
        assert!(!stack.start(&budget));
        budget.leave(MAPPED);
        assert!(stack.start(&budget) && !budget.take(1));
    }

    #[test]
    fn who_finds_it_locked_gives_up_in_time_and_a_forked_child_need_not() {
        let stack = PrivateStack::new();
        assert!(stack.start(&Budget::new()));
        stack.lock.store(LOCKED, Relaxed);
        assert_eq!(stack.run(|| 42), None);
        stack.after_fork();
        assert_eq!(stack.run(|| 42), Some(42));
        assert_eq!(stack.lock.load(Relaxed), UNLOCKED);
    }
}
