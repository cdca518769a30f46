//! What loom's model has in the place of the kernel.

use core::time::Duration;

use loom::sync::{Condvar, Mutex};

use super::waited::Waited;
use crate::atomic::{AtomicU64, Ordering::SeqCst};

/// The kernel: its lock makes that a word is looked at and its waiter sleeps without a wake between.
struct Kernel {
    lock: Mutex<()>,
    woken: Condvar,
}

loom::lazy_static! {
    static ref KERNEL: Kernel = Kernel { lock: Mutex::new(()), woken: Condvar::new() };
}

/// What can be waited for: a whole counter, as there are no halves of one here.
pub type Word = AtomicU64;

/// Sleeps while `word` is `value`, for ever: who is not woken is a deadlock, which loom finds.
pub fn futex_wait(word: &Word, value: u32, _: Duration) -> Waited {
    let held = KERNEL.lock.lock().unwrap();
    if word.load(SeqCst) as u32 == value {
        drop(KERNEL.woken.wait(held).unwrap());
    }
    Waited::Early
}

/// Wakes all that sleep.
pub fn futex_wake<W>(_: &W) {
    let _held = KERNEL.lock.lock().unwrap();
    KERNEL.woken.notify_all();
}

/// The counter itself.
pub fn low_half(counter: &AtomicU64) -> &Word {
    counter
}
