//! The originals: the definitions that the program would have called without us.
//!
//! Each hook forwards to the *next* definition of its own name, never to glibc's by name: the
//! program may link jemalloc or another allocator, whose `free` must get what its `malloc` made.

use core::ffi::{CStr, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::*};

use crate::initial_stack::Auxiliary;
use crate::objects::Objects;
use crate::symbols::Name;

/// Where a hook jumps to. The assembly of [`crate::hooks`] reads it.
pub type Original = AtomicPtr<c_void>;

/// What glibc calls its oldest version on x86-64, in which programs are bound to most names.
pub const FIRST: &CStr = c"GLIBC_2.2.5";

macro_rules! originals {
    ($($static:ident: $name:expr, or $otherwise:expr;)*) => {
        $(
            /// Where the hook of that name forwards to; null before [`ensure`].
            pub static $static: Original = Original::new(null_mut());
        )*

        fn look_up_all(objects: Option<Objects>) {
            $(look_up(objects, &$static, &const { $name }, $otherwise);)*
        }
    };
}

// `malloc` last: that it is there tells that all are.
originals! {
    CALLOC: Name::versioned(c"calloc", FIRST), or no_block as *const c_void;
    REALLOC: Name::versioned(c"realloc", FIRST), or no_block as *const c_void;
    FREE: Name::versioned(c"free", FIRST), or nothing as *const c_void;
    REALLOCARRAY: Name::versioned(c"reallocarray", c"GLIBC_2.26"), or no_block as *const c_void;
    POSIX_MEMALIGN: Name::versioned(c"posix_memalign", FIRST), or no_memory as *const c_void;
    ALIGNED_ALLOC: Name::versioned(c"aligned_alloc", c"GLIBC_2.16"), or no_block as *const c_void;
    MEMALIGN: Name::versioned(c"memalign", FIRST), or no_block as *const c_void;
    VALLOC: Name::versioned(c"valloc", FIRST), or no_block as *const c_void;
    PVALLOC: Name::versioned(c"pvalloc", FIRST), or no_block as *const c_void;
    CFREE: Name::versioned(c"cfree", FIRST), or FREE.load(Relaxed);
    FREE_SIZED: Name::new(c"free_sized"), or FREE.load(Relaxed);
    FREE_ALIGNED_SIZED: Name::new(c"free_aligned_sized"), or FREE.load(Relaxed);
    MALLOC: Name::versioned(c"malloc", FIRST), or no_block as *const c_void;
}

fn look_up(objects: Option<Objects>, original: &Original, name: &Name, otherwise: *const c_void) {
    let found = objects.and_then(|objects| objects.next(name));
    original.store(found.map_or(otherwise, |found| found.address).cast_mut(), Release);
}

extern "C" fn no_block() -> *mut c_void {
    null_mut()
}

extern "C" fn no_memory() -> i32 {
    libc::ENOMEM
}

extern "C" fn nothing(_: *mut c_void) {}

/// Looks the originals up unless that is done: every hook that may run before the constructor
/// begins with it.
#[inline]
pub fn ensure() {
    if MALLOC.load(Acquire).is_null() {
        look_up_all(Auxiliary::find().and_then(Objects::of));
    }
}
