//! What each thread keeps: 64 bytes of initial-exec TLS.
//!
//! Rust's own thread-locals in a shared library go through `__tls_get_addr`, which costs as much as
//! all of the fast path and may allocate. The initial-exec model is two instructions; stable Rust
//! has it only in assembly. It takes room in the static TLS block, which a preloaded library has.

use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicIsize, AtomicPtr, AtomicU8, AtomicUsize, Ordering::Relaxed};

use heaptrace_channel::ring::{LastRing, Rseq};

use crate::objects::Objects;
use crate::symbols::Name;
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

/// The byte that tells whether the process has one thread: of the C library, if that has one.
static SINGLE_THREADED: AtomicPtr<AtomicU8> = AtomicPtr::new((&raw const MANY_THREADS).cast_mut());
static MANY_THREADS: AtomicU8 = AtomicU8::new(0);

/// Where glibc keeps what the kernel tells each thread of itself, from the control block; 0 for nowhere.
static RSEQ_OFFSET: AtomicIsize = AtomicIsize::new(0);

/// Finds what the C library knows of threads. Called by the constructor.
pub fn find(objects: Objects) {
    if let Some(byte) = objects.find(&Name::new("__libc_single_threaded")) {
        SINGLE_THREADED.store(byte.address.cast_mut().cast(), Relaxed);
    }
    let (size, offset) = (Name::new("__rseq_size"), Name::new("__rseq_offset"));
    if let Some((size, offset)) = objects.find(&size).zip(objects.find(&offset)) {
        // SAFETY: glibc's variables of these types, from 2.35 on.
        let (size, offset) = unsafe { (*size.address.cast::<u32>(), *offset.address.cast::<isize>()) };
        RSEQ_OFFSET.store(if size == 0 { 0 } else { offset }, Relaxed);
    }
}

/// Is the process known to have no other thread? Then nothing of its own needs to be atomic.
///
/// The C library's own `malloc` relies on the same byte (glibc 2.32), which `pthread_create` clears
/// before there is a second thread.
#[inline(always)]
pub fn is_alone() -> bool {
    // SAFETY: a byte of the C library, or of this one.
    unsafe { (*SINGLE_THREADED.load(Relaxed)).load(Relaxed) != 0 }
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

/// The calling thread's memory for restartable sequences.
#[inline(always)]
pub fn rseq() -> Rseq {
    match RSEQ_OFFSET.load(Relaxed) {
        0 => Rseq::NONE,
        // SAFETY: glibc's offset, of an area that it has made for each thread.
        offset => unsafe { Rseq::at(control_block().wrapping_add_signed(offset)) },
    }
}
