//! The originals: the definitions that the program would have called without us.
//!
//! Each hook forwards to the *next* definition of its own name, never to glibc's by name: the
//! program may link jemalloc or another allocator, whose `free` must get what its `malloc` made.

use core::arch::naked_asm;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::*};

use heaptrace_recorder::c_library::{Auxiliary, Name, Objects};

/// Where a hook jumps to. The assembly of [`crate::hooks`] reads it.
pub type Original = AtomicPtr<c_void>;

/// What glibc calls its oldest version on x86-64, in which programs are bound to most names.
pub const FIRST: &str = "GLIBC_2.2.5";

/// What an allocator defines.
pub const NAME_OF_MALLOC: Name = Name::versioned("malloc", FIRST);

macro_rules! originals {
    ($($static:ident: $name:expr, or $otherwise:expr;)*) => {
        $(
            /// Where the hook of that name forwards to; null before [`ensure`].
            pub static $static: Original = Original::new(null_mut());
        )*

        fn look_up_all(objects: Option<Objects>) {
            $(
                let found = objects.and_then(|objects| objects.next(&const { $name }));
                let original = found.map_or($otherwise as *const c_void, |found| found.address);
                $static.store(original.cast_mut(), Release);
            )*
        }

        /// Has who goes on to one function go on to another.
        pub fn replace(function: *mut c_void, by: *mut c_void) {
            $(let _ = $static.compare_exchange(function, by, Relaxed, Relaxed);)*
        }

        /// The names that nobody else defines.
        pub fn missing() -> impl Iterator<Item = Name> {
            let names = [$(($static.load(Relaxed).cast_const(), $otherwise as *const c_void, $name)),*];
            names.into_iter().filter(|(original, otherwise, _)| original == otherwise).map(|(.., name)| name)
        }
    };
}

// `malloc` last: that it is there tells that all are.
originals! {
    CALLOC: Name::versioned("calloc", FIRST), or no_block;
    REALLOC: Name::versioned("realloc", FIRST), or no_block;
    FREE: Name::versioned("free", FIRST), or nothing;
    REALLOCARRAY: Name::versioned("reallocarray", "GLIBC_2.26"), or no_block;
    POSIX_MEMALIGN: Name::versioned("posix_memalign", FIRST), or no_memory;
    ALIGNED_ALLOC: Name::versioned("aligned_alloc", "GLIBC_2.16"), or no_block;
    MEMALIGN: Name::versioned("memalign", FIRST), or no_block;
    VALLOC: Name::versioned("valloc", FIRST), or no_block;
    PVALLOC: Name::versioned("pvalloc", FIRST), or no_block;
    CFREE: Name::versioned("cfree", FIRST), or free;
    FREE_SIZED: Name::new("free_sized"), or free;
    FREE_ALIGNED_SIZED: Name::new("free_aligned_sized"), or free;
    MALLOC: NAME_OF_MALLOC, or no_block;
}

/// Calls an original with the type that its name has in the C library.
macro_rules! original {
    ($static:ident($($argument:expr),*) as fn($($type:ty),*) $(-> $result:ty)?) => {{
        let function: &$crate::originals::Original = &$crate::originals::$static;
        // SAFETY: the pointer is the next definition of that name, which has this type; the
        // arguments are those of the program.
        unsafe {
            let function: unsafe extern "C" fn($($type),*) $(-> $result)? = core::mem::transmute(function.load(core::sync::atomic::Ordering::Relaxed));
            function($($argument),*)
        }
    }};
}

pub(crate) use original;

extern "C" fn no_block() -> *mut c_void {
    null_mut()
}

extern "C" fn no_memory() -> i32 {
    libc::ENOMEM
}

extern "C" fn nothing(_: *mut c_void) {}

/// Any other name of `free`.
#[unsafe(naked)]
extern "C" fn free() {
    naked_asm!("jmp qword ptr [rip + {free}]", free = sym FREE)
}

/// Looks the originals up unless that is done: every hook that may run before the constructor
/// begins with it.
#[inline]
pub fn ensure() {
    if MALLOC.load(Acquire).is_null() {
        look_up_all(Auxiliary::find().and_then(Objects::of));
    }
}
