//! The originals: the definitions that the program would have called without us.
//!
//! Each hook forwards to the *next* definition of its own name, never to glibc's by name: the
//! program may link jemalloc or another allocator, whose `free` must get what its `malloc` made.

use core::ffi::{CStr, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::*};

use crate::arena;

/// Where a hook jumps to. The assembly of [`crate::hooks`] reads it.
pub type Original = AtomicPtr<c_void>;

macro_rules! originals {
    ($($static:ident: $name:literal or $otherwise:expr;)*) => {
        $(
            #[doc = concat!("The next definition of ", stringify!($name), "; null before [`ensure`].")]
            pub static $static: Original = Original::new(null_mut());
        )*

        fn look_up_all() {
            $(look_up(&$static, $name, $otherwise);)*
        }
    };
}

originals! {
    MALLOC: c"malloc" or no_block as *const c_void;
    CALLOC: c"calloc" or no_block as *const c_void;
    REALLOC: c"realloc" or no_block as *const c_void;
    FREE: c"free" or arena::free as *const c_void;
    REALLOCARRAY: c"reallocarray" or no_block as *const c_void;
    POSIX_MEMALIGN: c"posix_memalign" or no_memory as *const c_void;
    ALIGNED_ALLOC: c"aligned_alloc" or no_block as *const c_void;
    MEMALIGN: c"memalign" or no_block as *const c_void;
    VALLOC: c"valloc" or no_block as *const c_void;
    PVALLOC: c"pvalloc" or no_block as *const c_void;
    CFREE: c"cfree" or FREE.load(Relaxed);
    FREE_SIZED: c"free_sized" or FREE.load(Relaxed);
    FREE_ALIGNED_SIZED: c"free_aligned_sized" or FREE.load(Relaxed);
}

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const core::ffi::c_char) -> *mut c_void;
    fn dlerror() -> *mut core::ffi::c_char;
}

fn look_up(original: &Original, name: &CStr, otherwise: *const c_void) {
    // SAFETY: the name ends with a NUL; RTLD_NEXT looks behind the object of the caller: ours.
    let found = unsafe { dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    let found = if found.is_null() { otherwise.cast_mut() } else { found };
    original.store(found, Release);
}

/// The first definition of a name as the program sees it; null if there is none.
pub fn symbol(name: &CStr) -> *const c_void {
    // SAFETY: as in `look_up`.
    let found = unsafe { dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    forget_error();
    found
}

/// The program must not find an error of our lookups when it asks for its own.
fn forget_error() {
    // SAFETY: takes nothing; reading an error clears it.
    unsafe { dlerror() };
}

extern "C" fn no_block() -> *mut c_void {
    null_mut()
}

extern "C" fn no_memory() -> i32 {
    libc::ENOMEM
}

/// Looks the originals up unless that is done. Every hook's slow path begins with it, and until
/// [`crate::start`] every call takes the slow path.
///
/// What `dlsym` itself allocates meanwhile comes from the arena until `malloc` is known.
#[inline]
pub fn ensure() {
    if MALLOC.load(Acquire).is_null() {
        look_up_first();
    }
}

#[cold]
fn look_up_first() {
    MALLOC.store(arena::malloc as *const () as *mut c_void, Relaxed);
    CALLOC.store(arena::calloc as *const () as *mut c_void, Relaxed);
    REALLOC.store(arena::realloc as *const () as *mut c_void, Relaxed);
    FREE.store(arena::free as *const () as *mut c_void, Relaxed);
    look_up_all();
    forget_error();
}
