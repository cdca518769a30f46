//! Who the program is, and how many slots are in use.

use crate::atomic::{AtomicU32, Ordering::*};

use crate::header::CacheLine;
use crate::identity::{Identity, Kind, Who};

const KIND: Kind = (b"heapstat", 3);

/// The first pages of the memory.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Header {
    slots: AtomicU32,
    /// Another malloc is found before ours by symbol lookup: the program's own.
    pub shadowed: AtomicU32,
    /// Slots that a thread has had, and processes that have counted.
    pub(super) used: CacheLine<AtomicU32>,
    pub(super) processes: CacheLine<AtomicU32>,
    /// Who the program is.
    pub identity: Identity,
}

impl Header {
    /// Writes what is known at the start.
    pub(super) fn publish(&self, slots: u32, who: &Who) {
        self.slots.store(slots, Relaxed);
        self.identity.publish(KIND, who); // last
    }

    /// How many slots there are, if it is a header of this version.
    pub(super) fn published_slots(&self) -> Option<u32> {
        self.identity.is_in(KIND).then(|| self.slots.load(Relaxed))
    }
}
