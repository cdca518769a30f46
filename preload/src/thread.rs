//! What each thread keeps: 64 bytes of initial-exec TLS.
//!
//! Rust's own thread-locals in a shared library go through `__tls_get_addr`, which costs as much as
//! all of the fast path and may allocate. The initial-exec model is two instructions; stable Rust
//! has it only in assembly. It takes room in the static TLS block, which a preloaded library has.

use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicIsize, AtomicU8, Ordering::Relaxed};

use heaptrace_channel::ring::{LastRing, Rseq};

use crate::originals;
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

/// Address of the calling thread's control block, which glibc keeps at the top of its stack.
#[inline(always)]
pub fn control_block() -> usize {
    let at: usize;
    // SAFETY: the x86-64 TLS ABI has the block's own address in its first word.
    unsafe { asm!("mov {}, fs:0", out(reg) at, options(nostack, pure, readonly, preserves_flags)) };
    at
}

/// Is the process known to have no other thread? Then nothing of its own needs to be atomic.
///
/// The C library's own `malloc` relies on the same word (glibc 2.32), which `pthread_create` clears
/// before there is a second thread.
#[inline(always)]
pub fn is_alone() -> bool {
    unsafe extern "C" {
        static __libc_single_threaded: AtomicU8;
    }
    // SAFETY: a byte of the C library.
    unsafe { __libc_single_threaded.load(Relaxed) != 0 }
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

/// Where glibc keeps what the kernel tells each thread of itself, from the control block; 0 for nowhere.
static RSEQ_OFFSET: AtomicIsize = AtomicIsize::new(0);

/// Finds the memory for restartable sequences. Called in the constructor.
pub fn find_rseq() {
    let (size, offset) = (originals::symbol(c"__rseq_size"), originals::symbol(c"__rseq_offset"));
    // SAFETY: glibc's variables of these types, from 2.35 on.
    unsafe {
        if !size.is_null() && !offset.is_null() && *size.cast::<u32>() != 0 {
            RSEQ_OFFSET.store(*offset.cast::<isize>(), Relaxed);
        }
    }
}

/// The calling thread's memory for restartable sequences.
#[inline(always)]
pub fn rseq() -> Rseq {
    match RSEQ_OFFSET.load(Relaxed) {
        0 => Rseq::NONE,
        // SAFETY: glibc's offset, of an area that it has made for each thread.
        offset => unsafe { Rseq::at(control_block().wrapping_add_signed(offset)) },
    }
}
