//! What is known of an object where the C library does not tell.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

use super::found_object::FoundObject;
use super::image::Image;
use super::objects::LinkMap;

/// An object that is loaded, or none. Noted by one thread at a time, read by anyone.
#[derive(Debug)]
pub struct KnownObject {
    start: AtomicUsize,
    /// 0 where there is none. Stored last.
    end: AtomicUsize,
    link_map: AtomicPtr<LinkMap>,
    eh_frame_hdr: AtomicUsize,
}

impl KnownObject {
    /// None.
    pub const fn new() -> KnownObject {
        KnownObject {
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            link_map: AtomicPtr::new(null_mut()),
            eh_frame_hdr: AtomicUsize::new(0),
        }
    }

    /// Notes the object of that record.
    pub fn fill(&self, map: &LinkMap, image: &Image) {
        let extent = image.extent();
        self.link_map.store((&raw const *map).cast_mut(), Relaxed);
        self.eh_frame_hdr.store(image.eh_frame_hdr().unwrap_or(0), Relaxed);
        self.start.store(extent.start, Relaxed);
        self.end.store(extent.end.max(1), Release); // and so others follow
    }

    /// Notes that it is gone.
    pub fn clear(&self) {
        self.end.store(0, Release);
    }

    /// Is there none here?
    pub fn is_none(&self) -> bool {
        self.end.load(Acquire) == 0
    }

    /// Does the address lie in it?
    pub fn contains(&self, address: usize) -> bool {
        (self.start.load(Relaxed)..self.end.load(Acquire)).contains(&address)
    }

    /// Is a part of it between these addresses?
    pub fn overlaps(&self, start: usize, end: usize) -> bool {
        self.start.load(Relaxed) < end && start < self.end.load(Acquire)
    }

    /// As it is told.
    pub fn found(&self) -> FoundObject {
        let extent = self.start.load(Relaxed)..self.end.load(Acquire);
        FoundObject::new(extent, self.link_map.load(Relaxed), self.eh_frame_hdr.load(Relaxed))
    }
}
