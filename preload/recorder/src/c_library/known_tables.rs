//! The tables of the objects that a process starts with, so that each dynamic section is read once: a hundred
//! names are looked for, in some objects each. None of these is ever unloaded.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

use super::symbols::{Dynamic, Tables};

/// As many as most programs have objects. The tables of what finds its place taken are read each time.
const COUNT: usize = 32;

/// Tables by where the dynamic section of their object is.
#[derive(Debug)]
pub struct KnownTables {
    places: [ObjectTables; COUNT],
    are_all: AtomicBool,
}

#[derive(Debug)]
struct ObjectTables {
    /// Whose tables they are: 0 for nobody's yet, and this for those that are being written.
    dynamic: AtomicUsize,
    tables: UnsafeCell<MaybeUninit<Option<Tables>>>,
}

/// No dynamic section is there.
const WRITING: usize = 1;

// SAFETY: tables are written once, by who took the place, and read after that.
unsafe impl Sync for ObjectTables {}

impl ObjectTables {
    const fn free() -> ObjectTables {
        ObjectTables { dynamic: AtomicUsize::new(0), tables: UnsafeCell::new(MaybeUninit::zeroed()) }
    }

    /// Takes the place, if it is free.
    fn take(&self) -> bool {
        self.dynamic.compare_exchange(0, WRITING, Relaxed, Relaxed).is_ok()
    }
}

impl KnownTables {
    /// None.
    pub const fn new() -> KnownTables {
        KnownTables { places: [const { ObjectTables::free() }; COUNT], are_all: AtomicBool::new(false) }
    }

    /// The tables of the object with that dynamic section, which `read` finds in there.
    pub fn tables(&self, dynamic: *const Dynamic, read: impl FnOnce() -> Option<Tables>) -> Option<Tables> {
        const PAGE_BITS: u32 = 12;
        let key = dynamic as usize;
        let place = &self.places[(key >> PAGE_BITS) % COUNT];
        if place.dynamic.load(Acquire) == key {
            // SAFETY: they were written before the key was.
            return unsafe { (*place.tables.get()).assume_init() };
        }
        let tables = read();
        if !self.are_all.load(Relaxed) && place.take() {
            // SAFETY: nobody else writes here, and nobody reads before there is the key.
            unsafe { (*place.tables.get()).write(tables) };
            place.dynamic.store(key, Release);
        }
        tables
    }

    /// Remembers no more: what is loaded from now on may be unloaded, and another object be in its place. In the
    /// constructor.
    pub fn close(&self) {
        self.are_all.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::c_library::{Auxiliary, Objects};

    #[test]
    fn tables_are_read_once_and_after_the_start_each_time() {
        let (known, mut reads) = (KnownTables::new(), 0);
        let tables = Objects::of(Auxiliary::find().unwrap()).unwrap().iter().find_map(|map| map.tables());
        let mut ask = |dynamic: usize| {
            let found = known.tables(dynamic as *const Dynamic, || {
                reads += 1;
                tables
            });
            (found.is_some(), reads)
        };
        assert_eq!(
            [ask(0x7000), ask(0x7000), ask(0x8000), ask(0x8000)],
            [(true, 1), (true, 1), (true, 2), (true, 2)]
        );
        let of_the_same_place = 0x7000 + (COUNT << 12);
        assert_eq!([ask(of_the_same_place), ask(of_the_same_place)], [(true, 3), (true, 4)]);
        known.close();
        assert_eq!([ask(0x7000), ask(0x9000), ask(0x9000)], [(true, 4), (true, 5), (true, 6)]);
    }
}
