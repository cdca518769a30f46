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

/// Sleeps while `word` is `value`, for at most `timeout`. May return early. False if the kernel
/// knows of no reason to wake up: there is no waiting here.
pub fn futex_wait(word: &AtomicU32, value: u32, timeout: Duration) -> bool {
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
    let result = unsafe { syscall(libc::SYS_futex, arguments) };
    [0, -libc::EAGAIN, -libc::EINTR, -libc::ETIMEDOUT].contains(&(result as i32))
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
