//! A few kilobytes for what `dlsym` allocates while the originals are being looked up.
//!
//! Blocks of it are never reused: a handful is ever made, before any other thread runs.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering::*};

const SIZE: usize = 16 * 1024;
const HEADER: usize = 16;

#[repr(align(4096))]
struct Arena(UnsafeCell<[u8; SIZE]>);

// SAFETY: `USED` gives every byte to one caller.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; SIZE]));
static USED: AtomicUsize = AtomicUsize::new(0);

/// Is this block the arena's?
pub fn owns(block: *const c_void) -> bool {
    addresses().contains(&(block as usize))
}

/// A zeroed block of `size` bytes, 16-byte aligned; null when the arena is used up.
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    let room = HEADER + size.min(SIZE).next_multiple_of(16);
    let Ok(start) = USED.fetch_update(Relaxed, Relaxed, |used| (used + room <= SIZE).then_some(used + room))
    else {
        return null_mut();
    };
    // SAFETY: the bytes from `start` on are this call's own; the block's size is kept before it.
    unsafe {
        let at = ARENA.0.get().cast::<u8>().add(start);
        at.cast::<usize>().write(size);
        at.add(HEADER).cast()
    }
}

/// Has anything been allocated here?
pub fn is_used() -> bool {
    USED.load(Relaxed) != 0
}

/// The addresses of all blocks there can be.
pub fn addresses() -> core::ops::Range<usize> {
    let start = ARENA.0.get() as usize;
    start..start + SIZE
}

/// As [`malloc`].
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    count.checked_mul(size).map_or(null_mut(), |bytes| malloc(bytes))
}

/// Moves a block to a new one: of the arena while the originals are not known, else of theirs.
///
/// # Safety
/// `block` is null or a block of the arena.
pub unsafe fn move_block(block: *mut c_void, size: usize, to: *mut c_void) -> *mut c_void {
    if !block.is_null() && !to.is_null() {
        // SAFETY: every block has its size in front; both are that long at least.
        unsafe {
            let old = block.cast::<u8>().sub(HEADER).cast::<usize>().read();
            to.cast::<u8>().copy_from_nonoverlapping(block.cast(), old.min(size));
        }
    }
    to
}

/// As C's `realloc`, for blocks of the arena only.
pub extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: nothing but the arena has made blocks while this stands for the original.
    unsafe { move_block(block, size, malloc(size)) }
}

/// Nothing is reused.
pub extern "C" fn free(_: *mut c_void) {}
