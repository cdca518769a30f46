//! System calls without the C library: they leave errno alone, are no cancellation points, and
//! bind to no symbol. x86-64 only.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, AtomicU64};
use core::time::Duration;

/// Bytes of a page of memory.
pub const PAGE: usize = 4096;

/// Makes a system call; returns the kernel's result, `-errno` on failure.
///
/// # Safety
/// As for the call itself.
#[inline]
pub unsafe fn syscall(number: libc::c_long, arguments: [usize; 6]) -> isize {
    let result;
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the x86-64 system call convention: rcx and r11 are clobbered, nothing else but rax.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// Why [`futex_wait`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The time is over.
    TimedOut,
    /// Somebody woke us, the word has another value, or a signal was handled.
    Early,
    /// The kernel knows of no reason to wake up: there is no waiting here.
    Impossible,
}

/// Sleeps while `word` is `value`, for at most `timeout`.
pub fn futex_wait(word: &AtomicU32, value: u32, timeout: Duration) -> Waited {
    let timeout =
        libc::timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
    let arguments = [
        word.as_ptr() as usize,
        libc::FUTEX_WAIT as usize,
        value as usize,
        &raw const timeout as usize,
        0,
        0,
    ];
    // SAFETY: the kernel only reads the word and the timeout, both of which outlive the call.
    match -unsafe { syscall(libc::SYS_futex, arguments) } as i32 {
        libc::ETIMEDOUT => Waited::TimedOut,
        0 | libc::EAGAIN | libc::EINTR => Waited::Early,
        _ => Waited::Impossible,
    }
}

/// Waiting step by step, for so long in all as can be told without a clock.
#[derive(Debug)]
pub struct Patience(Duration);

impl Patience {
    /// A step that ends early counts for so many times less: a timer of the program may end each.
    const EARLY: u32 = 20;

    /// Patience for that long.
    pub fn new(most: Duration) -> Patience {
        Patience(most)
    }

    /// Waits for a step at most while `word` is `value`. False if all patience was used up before.
    pub fn wait(&mut self, word: &AtomicU32, value: u32, step: Duration) -> bool {
        if self.0.is_zero() {
            return false;
        }
        let cost = match futex_wait(word, value, step) {
            Waited::Early => step / Patience::EARLY,
            Waited::TimedOut | Waited::Impossible => step,
        };
        self.0 = self.0.saturating_sub(cost);
        true
    }
}

/// Wakes all that sleep on `word`, in any process.
pub fn futex_wake(word: &AtomicU32) {
    let arguments = [word.as_ptr() as usize, libc::FUTEX_WAKE as usize, i32::MAX as usize, 0, 0, 0];
    // SAFETY: waking reads nothing and writes nothing.
    unsafe { syscall(libc::SYS_futex, arguments) };
}

/// The low half of a 64-bit counter as a futex word.
pub fn low_half(counter: &AtomicU64) -> &AtomicU32 {
    const { assert!(cfg!(target_endian = "little")) };
    // SAFETY: a u64 is aligned for a u32, and its first four bytes are its low half.
    unsafe { &*counter.as_ptr().cast::<AtomicU32>() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_however_it_is_interrupted() {
        let (word, step) = (AtomicU32::new(7), Duration::from_millis(2));
        let mut patience = Patience::new(10 * step);
        let early = (0..10_000).take_while(|_| patience.wait(&word, 8, step)).count();
        assert_eq!(early, 10 * Patience::EARLY as usize);
        let mut patience = Patience::new(3 * step);
        assert_eq!((0..10).filter(|_| patience.wait(&word, 7, step)).count(), 3);
    }
}
