//! What a program can ask the library that counts it: see `heaptrace.h` and the crate `heaptrace-client`.

use core::ffi::c_char;

use heaptrace_channel::counters::Sums;

use super::state;

/// Writes as much of `sums` as the caller knows of: parts that are added later come last.
///
/// # Safety
/// `to` is valid for writes of `size` bytes.
unsafe fn give(sums: &Sums, to: *mut Sums, size: usize) -> bool {
    let size = size.min(size_of::<Sums>());
    // SAFETY: the caller's promise; all bytes of the sums are initialized.
    unsafe { core::ptr::copy_nonoverlapping((&raw const *sums).cast::<u8>(), to.cast(), size) };
    true
}

/// What the calling thread has counted, and those that have left their counters to it: only differences
/// mean something. False if nothing is counted.
///
/// # Safety
/// `to` is valid for writes of `size` bytes.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn heaptrace_thread_counts(to: *mut Sums, size: usize) -> bool {
    let Some(tally) = state::tally() else { return false };
    let mut sums = Sums::default();
    sums.add(tally.slot);
    // SAFETY: the caller's promise.
    unsafe { give(&sums, to, size) }
}

/// What all threads of the process have counted. False if nothing is counted.
///
/// # Safety
/// `to` is valid for writes of `size` bytes.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn heaptrace_process_counts(to: *mut Sums, size: usize) -> bool {
    let _ = state::tally(); // a forked child that does not know itself yet
    let Some((counters, process)) = state::counters().zip(state::own_process()) else { return false };
    // SAFETY: the caller's promise.
    unsafe { give(&counters.sums(process), to, size) }
}

/// Sums have no moments to name. It is here so that one header serves both libraries.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn heaptrace_mark(_name: *const c_char) -> bool {
    false
}
