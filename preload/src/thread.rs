//! What each thread keeps: 64 bytes of initial-exec TLS.
//!
//! Rust's own thread-locals in a shared library go through `__tls_get_addr`, which costs as much as
//! all of the fast path and may allocate. The initial-exec model is two instructions; stable Rust
//! has it only in assembly. It takes room in the static TLS block, which a preloaded library has.

use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use heaptrace_channel::ring::LastRing;

use crate::glibc::control_block;
use crate::unwind::StackRange;

global_asm!(
    ".section .tbss.heaptrace_thread,\"awT\",@nobits",
    ".globl heaptrace_thread",
    ".hidden heaptrace_thread",
    ".type heaptrace_thread, @object",
    ".size heaptrace_thread, 64",
    ".p2align 6",
    "heaptrace_thread:",
    ".zero 64",
    ".previous",
);

/// The state of a thread. All zero at its start; nothing is destroyed at its end.
#[derive(Debug)]
#[repr(C)]
pub struct Thread {
    /// Bytes that may still be allocated before the next sample. The fast path of the hooks counts
    /// it down and leaves the rest to the slow path when a request is not below it. First in the
    /// struct, where the assembly of [`crate::hooks`] expects it.
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

const _: () = assert!(size_of::<Thread>() <= 64 && core::mem::offset_of!(Thread, countdown) == 0);

/// Where the fast path of the hooks finds [`Thread::countdown`], relative to the control block.
///
/// Until [`start`] that is a word of the control block itself which is 0 in every C library (glibc
/// and musl have `sysinfo` there, which x86-64 does not use), so that every call takes the slow path:
/// before the constructor this library may not be relocated, and does not know its place.
pub static OFFSET: AtomicUsize = AtomicUsize::new(0x20);

/// Lets the fast path of the hooks work. Called by the constructor.
pub fn start() {
    OFFSET.store((current() as usize).wrapping_sub(control_block()), Relaxed);
}

/// The calling thread's state.
///
/// A pointer and not a reference: a signal handler may run a hook in the middle of another.
#[inline(always)]
pub fn current() -> *mut Thread {
    let offset: usize;
    // SAFETY: loads the offset that the dynamic linker stored; no memory of the program.
    unsafe {
        asm!("mov {}, qword ptr [rip + heaptrace_thread@GOTTPOFF]", out(reg) offset,
            options(nostack, pure, readonly, preserves_flags));
    }
    control_block().wrapping_add(offset) as *mut Thread
}
