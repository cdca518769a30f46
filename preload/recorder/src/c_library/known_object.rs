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

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::{NonNull, null};

    #[test]
    fn an_object_overlaps_what_has_a_byte_of_it() {
        // SAFETY: zeros are valid.
        let nothing: libc::Elf64_Phdr = unsafe { core::mem::zeroed() };
        let loaded = libc::Elf64_Phdr { p_type: libc::PT_LOAD, p_vaddr: 0x2000, p_memsz: 0x1000, ..nothing };
        let (map, image) = (LinkMap::own(0, null()), Image { bias: 0, headers: &loaded, count: 1 });
        let known = KnownObject::new();
        assert!(known.is_none() && !known.overlaps(0, usize::MAX));
        known.fill(&map, &image);
        for (start, end, expected) in [
            (0x1000, 0x2000, false),
            (0x1000, 0x2001, true),
            (0x2000, 0x3000, true),
            (0x2800, 0x2801, true),
            (0x2FFF, 0x4000, true),
            (0x3000, 0x4000, false),
            (0x1000, 0x4000, true),
        ] {
            assert_eq!(known.overlaps(start, end), expected, "{start:#x}..{end:#x}");
        }
        assert_eq!([0x1FFF, 0x2000, 0x2FFF, 0x3000].map(|at| known.contains(at)), [false, true, true, false]);
        assert_eq!(known.found().eh_frame_hdr, 0);
        known.clear();
        assert!(known.is_none() && !known.overlaps(0x2000, 0x3000) && !known.contains(0x2000));
    }

    #[test]
    fn an_object_without_any_memory_is_none_that_an_address_lies_in() {
        let known = KnownObject::new();
        known.fill(
            &LinkMap::own(0, null()),
            &Image { bias: 0, headers: NonNull::dangling().as_ptr(), count: 0 },
        );
        assert!(!known.is_none(), "those that follow it in a list are looked at");
        assert!(!known.contains(8));
    }
}
