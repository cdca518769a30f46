//! Words in shared memory that can be waited for.

use core::time::Duration;

use super::call::syscall;
use super::waited::Waited;
use crate::atomic::{AtomicU32, AtomicU64};

/// What can be waited for.
pub type Word = AtomicU32;

/// Sleeps while `word` is `value`, for at most `timeout`.
pub fn futex_wait(word: &Word, value: u32, timeout: Duration) -> Waited {
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

/// Wakes all that sleep on `word`, in any process.
pub fn futex_wake(word: &Word) {
    let arguments = [word.as_ptr() as usize, libc::FUTEX_WAKE as usize, i32::MAX as usize, 0, 0, 0];
    // SAFETY: waking reads nothing and writes nothing.
    unsafe { syscall(libc::SYS_futex, arguments) };
}

/// The low half of a 64-bit counter, which is a futex.
pub fn low_half(counter: &AtomicU64) -> &Word {
    const { assert!(cfg!(target_endian = "little")) };
    // SAFETY: a u64 is aligned for a u32, and its first four bytes are its low half.
    unsafe { &*counter.as_ptr().cast::<AtomicU32>() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_its_time_or_with_the_word_or_when_somebody_wakes() {
        let word = &Word::new(0);
        assert_eq!(futex_wait(word, 0, Duration::from_millis(1)), Waited::TimedOut);
        assert_eq!(futex_wait(word, 1, Duration::from_secs(60)), Waited::Early);
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| futex_wait(word, 0, Duration::from_secs(10)));
            while !sleeper.is_finished() {
                futex_wake(word);
                std::thread::yield_now();
            }
            assert_eq!(sleeper.join().unwrap(), Waited::Early);
        });
    }
}
