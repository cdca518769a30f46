//! The forms of C++'s operators: where the hook of each goes on to.

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::*};

use heaptrace_recorder::c_library::{Name, Objects};

use crate::originals::{self, Original};

/// How many there are.
pub const COUNT: usize = 20;

/// All of them, once one may have been resolved; they are with the hooks, whose code they lead to.
static FORMS: AtomicPtr<[&Form; COUNT]> = AtomicPtr::new(null_mut());

/// Tells which there are, before one is resolved.
pub fn know(forms: &'static [&'static Form; COUNT]) {
    FORMS.store((&raw const *forms).cast_mut(), Release);
}

/// Sees nothing from now on.
pub fn stop() {
    // SAFETY: null, or what `know` was given.
    if let Some(forms) = unsafe { FORMS.load(Acquire).as_ref() } {
        forms.iter().for_each(|form| form.see(false));
    }
}

/// Has the forms that see blocks go on to another function instead of one. Where it is not known that they
/// do, what is behind them is seen there.
pub fn replace(function: *mut c_void, by: *mut c_void) {
    // SAFETY: as above.
    for form in unsafe { FORMS.load(Acquire).as_ref() }.into_iter().flatten() {
        if form.entry.load(Relaxed) != function {
            let _ = form.original.compare_exchange(function, by, Relaxed, Relaxed);
        }
    }
}

/// A form of the operators. The assembly knows where its first two parts are.
#[repr(C)]
pub struct Form {
    /// Where the hook jumps to: to code that looks the original up first, then to the original, or to
    /// code that sees its blocks.
    pub entry: Original,
    /// The next definition.
    pub original: Original,
    /// Code that sees all blocks.
    pub seen: Original,
    /// Code that sees the blocks that are due; the same for operator delete.
    pub counted: Original,
    /// The hook's, and the original's.
    pub name: Name,
}

impl Form {
    /// Looks the original up. False if there is none.
    pub fn resolve(&self, objects: Objects) -> bool {
        let Some(found) = objects.next(&self.name) else { return false };
        let is_allocators = found.is_beside(&originals::NAME_OF_MALLOC);
        self.original.store(found.address.cast_mut(), Relaxed);
        let entry = if is_allocators { self.seen.load(Relaxed) } else { found.address.cast_mut() };
        self.entry.store(entry, Release);
        true
    }

    /// Is it unknown whether the original's blocks come from a hook of ours?
    pub fn is_undecided(&self) -> bool {
        self.entry.load(Relaxed) == self.seen.load(Relaxed)
    }

    /// Sees the original's blocks from now on, or none of them.
    pub fn see(&self, sees: bool) {
        let original = self.original.load(Relaxed);
        if !original.is_null() {
            self.entry.store(if sees { self.counted.load(Relaxed) } else { original }, Release);
        }
    }
}
