//! What the library may take of the program's memory, and the one place where it takes it.
//!
//! It begins with little and takes more as samples need it: the law is in README.md. A program that
//! has a limit at its start, on its address space or its data, leaves us an eighth of what the limit
//! leaves it then, so that its own allocations fail no earlier than by that. What finds no memory is
//! counted as lost.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use heaptrace_channel::config::parse_number;

use super::pages::{map_private, unmap};
use crate::sys::{self, PAGE};

/// Our part of the program's memory: one of so many.
const SHARE: usize = 8;

/// Bytes that may still be taken of the address space, and of the data, which is private memory.
static SPACE: AtomicUsize = AtomicUsize::new(usize::MAX);
static DATA: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Finds out how much may be taken. In the constructor.
pub fn start() {
    let limits = [libc::RLIMIT_AS, libc::RLIMIT_DATA].map(sys::limit);
    if limits == [None; 2] {
        return;
    }
    // Pages: size, resident, shared, text, lib, data: see proc(5).
    let mut text = [0; 128];
    let mut words = sys::read(c"/proc/self/statm", &mut text).split(|&c| c == b' ');
    let mut used = |skipped| words.nth(skipped).and_then(parse_number).unwrap_or(0) as usize * PAGE;
    for ((left, limit), used) in [&SPACE, &DATA].into_iter().zip(limits).zip([used(0), used(4)]) {
        if let Some(limit) = limit {
            left.store(limit.saturating_sub(used) / SHARE, Relaxed);
        }
    }
}

/// Would `size` bytes of shared memory take more than half of what is left?
pub fn is_much_shared(size: usize) -> bool {
    size > SPACE.load(Relaxed) / 2
}

/// Would `size` bytes of private memory?
pub fn is_much(size: usize) -> bool {
    is_much_shared(size) || size > DATA.load(Relaxed) / 2
}

/// Takes shared memory into account, which is mapped elsewhere. False if it is too much.
pub fn take_shared(size: usize) -> bool {
    take(&SPACE, size)
}

fn take(from: &AtomicUsize, size: usize) -> bool {
    from.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(size)).is_ok()
}

fn put_back(size: usize) {
    [&SPACE, &DATA].iter().for_each(|left| {
        left.fetch_add(size, Relaxed);
    });
}

/// Fresh zeroed memory: [`map_private`] within the budget.
pub fn map(size: usize) -> Option<NonNull<u8>> {
    if !take(&SPACE, size) {
        return None;
    }
    if !take(&DATA, size) {
        SPACE.fetch_add(size, Relaxed);
        return None;
    }
    let mapped = map_private(size);
    if mapped.is_none() {
        put_back(size);
    }
    mapped
}

/// Gives back what [`map`] made.
///
/// # Safety
/// Nobody uses the memory any more.
pub unsafe fn give_back(at: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { unmap(at, size) };
    put_back(size);
}
