//! A call of the kernel.

use core::arch::asm;

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
