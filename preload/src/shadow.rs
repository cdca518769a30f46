//! Whose `malloc` the program calls: its own, or that of a library before us, comes before ours.
//!
//! Such a definition may be a wrapper that calls ours, and then all is seen; or an allocator, whose
//! blocks never come here, but for those of the few names that it lacks: they enter through our hook
//! and leave through its `free`. So where `malloc` or `free` is not ours, nothing is recorded until
//! a call shows that it is handed on to us.

use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use heaptrace_recorder::c_library::{Definition, Name, Objects};

use crate::originals;

/// The names that decide it, as bits.
pub const MALLOC: u8 = 1;
pub const FREE: u8 = 2;
pub const CALLOC: u8 = 4;
pub const REALLOC: u8 = 8;
/// A hook that decides nothing.
pub const OTHER: u8 = 0;
/// One of C++'s operators, which decides nothing either.
pub const OPERATOR: u8 = 16;

static SHADOWED: AtomicU8 = AtomicU8::new(0);

/// Finds out which names the program has from elsewhere, where no patch sees them: `is_patched` tells of a
/// function. Called by the constructor, before there are patches and after.
pub fn start(objects: Objects, is_patched: impl Fn(usize) -> bool) {
    let is_seen = |first: Definition| first.is_own() || is_patched(first.address as usize);
    let bit =
        |name: Name, bit: u8| objects.find(&name).map_or(0, |first| if is_seen(first) { 0 } else { bit });
    let bits = bit(originals::NAME_OF_MALLOC, MALLOC)
        | bit(Name::versioned("free", originals::FIRST), FREE)
        | bit(Name::versioned("calloc", originals::FIRST), CALLOC)
        | bit(Name::versioned("realloc", originals::FIRST), REALLOC);
    SHADOWED.store(bits, Relaxed);
}

/// Are blocks made or freed elsewhere, as far as is known at the start?
pub fn is_likely() -> bool {
    SHADOWED.load(Relaxed) & (MALLOC | FREE) != 0
}

/// Does a call of this hook show that whoever is called first hands on to us? Nobody else would
/// call it: the name leads to them.
pub fn is_refuted_by(hook: u8) -> bool {
    SHADOWED.load(Relaxed) & hook != 0
}
