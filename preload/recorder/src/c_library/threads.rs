//! What the C library knows of threads.

use core::sync::atomic::{AtomicIsize, AtomicPtr, AtomicU8, Ordering::Relaxed};

use heaptrace_channel::ring::Rseq;

use super::objects::Objects;
use super::symbols::Name;

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

/// The calling thread's memory for restartable sequences.
#[inline(always)]
pub fn rseq() -> Rseq {
    // SAFETY: glibc's offset, of an area that it has made for each thread.
    unsafe { Rseq::at(RSEQ_OFFSET.load(Relaxed)) }
}
