//! The size of a block as its allocator knows it, which needs no table: that of `malloc_usable_size`.

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering::*};

use heaptrace_recorder::c_library::{Auxiliary, Name, Objects};

use super::thread;
use crate::arch::forward::Block;
use crate::originals::{self, FIRST, NAME_OF_MALLOC, Original};

/// The allocator's function, once it is looked up.
static FUNCTION: Original = Original::new(null_mut());

/// The allocator is glibc's, which has the size in front of the block.
static IS_GLIBC: AtomicBool = AtomicBool::new(false);

/// In front of a block glibc has the size of its chunk, in bits above these three.
pub const FLAGS: usize = 7;
/// The flag of a chunk that is a mapping of its own, whose last word is not used.
pub const IS_MAPPED: usize = 2;
/// What a chunk has beside the block: one word.
pub const OVERHEAD: usize = 8;

/// Looks the function up unless that is done, as [`originals::ensure`] does.
pub fn ensure() {
    originals::ensure();
    if FUNCTION.load(Acquire).is_null() {
        let objects = Auxiliary::find().and_then(Objects::of);
        let name = const { Name::versioned("malloc_usable_size", FIRST) };
        let found = objects.and_then(|objects| objects.next(&name));
        let function = found.map_or(unknown as *const c_void, |found| found.address);
        FUNCTION.store(function.cast_mut(), Release);
    }
}

extern "C" fn unknown(_: Block) -> usize {
    0
}

/// Finds out whether the allocator is glibc's. Called by the constructor.
pub fn start(objects: Objects) {
    let malloc = objects.next(&NAME_OF_MALLOC);
    let is_glibc = malloc.is_some_and(|malloc| malloc.is_beside(&Name::new("gnu_get_libc_version")));
    IS_GLIBC.store(is_glibc, Relaxed);
}

/// May the hooks read the size in front of a block?
#[inline]
pub fn is_in_front() -> bool {
    IS_GLIBC.load(Relaxed)
}

/// Is the block, which is not null, glibc's and a mapping of its own?
#[inline]
pub fn is_mapping(block: Block) -> bool {
    // SAFETY: glibc's own block, which it keeps the size of its chunk in front of.
    is_in_front() && unsafe { block.cast::<usize>().sub(1).read() } & IS_MAPPED != 0
}

/// The usable size of a block, which is not null.
#[inline]
pub fn size(block: Block) -> i64 {
    let size = if is_in_front() {
        // SAFETY: glibc's own block, which it keeps the size of its chunk in front of.
        let word = unsafe { block.cast::<usize>().sub(1).read() };
        (word & !FLAGS) - if word & IS_MAPPED != 0 { 2 * OVERHEAD } else { OVERHEAD }
    } else {
        // SAFETY: the function of that name, or ours above, and a block of its allocator.
        thread::ask(|| unsafe {
            let function: unsafe extern "C" fn(Block) -> usize = core::mem::transmute(FUNCTION.load(Relaxed));
            function(block)
        })
    };
    size as i64
}
