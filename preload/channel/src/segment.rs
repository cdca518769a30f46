//! The layout of a segment, and the checked way to its parts.

use core::mem::{align_of, size_of};

use crate::header::Header;
use crate::modules::{MAX_MODULES, ModuleRecord};
use crate::processes::{MAX_PROCESSES, ProcessSlot};
use crate::ring::{MAX_RINGS, RingState, Rings, Slot};
use crate::stacks::LostFrees;
use crate::sys::PAGE;

/// How large the parts are that depend on the work: powers of two, but for the number of rings.
///
/// A segment is as large as it will be, because there is no way to map more of it without a descriptor.
/// The memory is sparse: a page that nobody wrote costs nothing but addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Geometry {
    /// Rings: the shared one, and one for each processor that the program may run on. Any number.
    pub rings: u32,
    /// Slots of each ring, 16 bytes each.
    pub ring_slots: u32,
    /// Stacks of which frees may be summed that found no room in the ring, 24 bytes each.
    pub lost_frees: u32,
}

impl Geometry {
    /// What suits a sampling rate (mean bytes between samples, 1 for all) and a program that may run on
    /// so many processors.
    ///
    /// At the default rate of 512 KiB a full ring of 8,192 events stands for 2 GiB allocated and freed
    /// by one processor between two looks of the collector, which is woken when a quarter is unread. All
    /// rings together have at most a quarter of a million slots, 4 MiB, and at low rates half a million.
    pub const fn for_rate(rate: u64, processors: u32) -> Geometry {
        let processors = if processors < MAX_RINGS as u32 { processors } else { MAX_RINGS as u32 - 1 };
        let rings = 1 + processors;
        let (all, most) = if rate < 16 * 1024 { (1 << 19, 1 << 16) } else { (1 << 18, 1 << 13) };
        let share = all / rings.next_power_of_two();
        Geometry { rings, ring_slots: if share < most { share } else { most }, lost_frees: 1 << 13 }
    }

    /// What suits a program that may have little memory.
    pub const SMALLEST: Geometry = Geometry { rings: 1, ring_slots: 1 << 12, lost_frees: 1 << 10 };

    const fn is_valid(self) -> bool {
        0 < self.rings
            && self.rings <= MAX_RINGS as u32
            && self.ring_slots.is_power_of_two()
            && self.lost_frees.is_power_of_two()
            && 4 <= self.ring_slots
            && self.ring_slots <= 1 << 20
            && self.lost_frees <= 1 << 24
    }

    const fn layout(self) -> Layout {
        let processes = PAGE * size_of::<Header>().div_ceil(PAGE);
        let rings = processes + MAX_PROCESSES * size_of::<ProcessSlot>();
        let modules = rings + self.rings as usize * size_of::<RingState>();
        let ring_slots = modules + MAX_MODULES * size_of::<ModuleRecord>();
        let lost_frees = ring_slots + self.all_ring_slots() * size_of::<Slot>();
        let end = lost_frees + self.lost_frees as usize * size_of::<LostFrees>();
        let size = end.next_multiple_of(PAGE);
        Layout { processes, rings, modules, ring_slots, lost_frees, size }
    }

    const fn all_ring_slots(self) -> usize {
        self.rings as usize * self.ring_slots as usize
    }

    /// Bytes of a whole segment.
    pub const fn segment_size(self) -> usize {
        self.layout().size
    }
}

/// Offsets of the parts from the segment's start.
#[derive(Debug, Clone, Copy)]
struct Layout {
    processes: usize,
    rings: usize,
    modules: usize,
    ring_slots: usize,
    lost_frees: usize,
    size: usize,
}

/// A mapped segment: either end's view of the shared memory.
///
/// Every part of it is made of atomics, so that whatever the other end does is at worst wrong
/// data, never undefined behaviour.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    base: *mut u8,
    geometry: Geometry,
    layout: Layout,
    rings: Rings<'static>,
}

// SAFETY: the memory behind `base` is only reached through shared references to atomics.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}

/// Why memory is not a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidSegment {
    /// The magic number or the version differs.
    Foreign,
    /// A size in the header is out of range or does not fit the memory.
    Geometry,
}

impl Segment {
    /// Makes a segment of zeroed shared memory. The header is published by [`Header::publish`].
    ///
    /// # Safety
    /// `base` is page-aligned, mapped readable and writable for `geometry.segment_size()` bytes,
    /// and stays so for as long as any copy of the segment is used.
    pub unsafe fn create(base: *mut u8, geometry: Geometry) -> Segment {
        let layout = geometry.layout();
        // SAFETY: the caller's promise; the layout puts the parts inside (its tests).
        let rings = unsafe {
            let states = part(base, layout.rings, geometry.rings as usize);
            let slots = part(base, layout.ring_slots, geometry.all_ring_slots());
            Rings::new(&part::<Header>(base, 0, 1)[0].epoch.0, states, slots)
        };
        Segment { base, geometry, layout, rings }
    }

    /// Looks at the memory that another process made.
    ///
    /// # Errors
    /// [`InvalidSegment`] if the header is not one of ours or does not fit `size`.
    ///
    /// # Safety
    /// As for [`Segment::create`], with `size` bytes, at least a page, that cannot shrink.
    pub unsafe fn open(base: *mut u8, size: usize) -> Result<Segment, InvalidSegment> {
        if size < size_of::<Header>() {
            return Err(InvalidSegment::Geometry);
        }
        // SAFETY: the caller maps at least the header there; it is made of atomics only.
        let header = unsafe { &*base.cast::<Header>() };
        let geometry = header.geometry().ok_or(InvalidSegment::Foreign)?;
        if !geometry.is_valid() || geometry.segment_size() != size {
            return Err(InvalidSegment::Geometry);
        }
        // SAFETY: the caller's promise, for that size.
        Ok(unsafe { Segment::create(base, geometry) })
    }

    /// Where the segment is mapped.
    pub fn base(&self) -> *mut u8 {
        self.base
    }

    /// The sizes of the parts.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The header.
    pub fn header(&self) -> &'static Header {
        &self.part::<Header>(0, 1)[0]
    }

    pub(crate) fn processes(&self) -> &'static [ProcessSlot] {
        self.part(self.layout.processes, MAX_PROCESSES)
    }

    pub(crate) fn modules(&self) -> &'static [ModuleRecord] {
        self.part(self.layout.modules, MAX_MODULES)
    }

    pub(crate) fn lost_frees(&self) -> &'static [LostFrees] {
        self.part(self.layout.lost_frees, self.geometry.lost_frees as usize)
    }

    /// The rings of events.
    #[inline]
    pub fn rings(&self) -> &Rings<'static> {
        &self.rings
    }

    /// `count` items of type `T` at `offset`.
    fn part<T>(&self, offset: usize, count: usize) -> &'static [T] {
        debug_assert!(offset.is_multiple_of(align_of::<T>()));
        debug_assert!(offset + count * size_of::<T>() <= self.layout.size);
        // SAFETY: `layout` puts the part inside the mapping, aligned (its tests).
        unsafe { part(self.base, offset, count) }
    }
}

/// `count` items of type `T`, which is made of atomics and so valid for any bits.
///
/// # Safety
/// They are aligned and inside of memory as [`Segment::create`] wants it.
unsafe fn part<T>(base: *mut u8, offset: usize, count: usize) -> &'static [T] {
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(base.add(offset).cast(), count) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A segment in ordinary memory that lives as long as the test binary.
    pub(crate) fn segment(geometry: Geometry) -> Segment {
        let layout = std::alloc::Layout::from_size_align(geometry.segment_size(), PAGE).unwrap();
        // SAFETY: the layout has a size; the memory is zeroed, aligned and never freed.
        unsafe { Segment::create(std::alloc::alloc_zeroed(layout), geometry) }
    }

    pub(crate) const SMALL: Geometry = Geometry { rings: 2, ring_slots: 8, lost_frees: 16 };

    #[test]
    fn every_part_is_aligned_and_inside_the_segment() {
        let usual = [(1, 1), (1, 64), (512 * 1024, 2), (512 * 1024, 1000)];
        for geometry in usual
            .map(|(rate, processors)| Geometry::for_rate(rate, processors))
            .into_iter()
            .chain([SMALL, Geometry::SMALLEST])
        {
            assert!(geometry.is_valid() && geometry.segment_size() < 11 << 20, "{geometry:?}");
            let layout = geometry.layout();
            assert!(layout.processes.is_multiple_of(align_of::<ProcessSlot>()));
            assert!(layout.modules.is_multiple_of(align_of::<ModuleRecord>()));
            assert!(layout.lost_frees.is_multiple_of(align_of::<LostFrees>()));
            assert!(layout.rings.is_multiple_of(align_of::<RingState>()));
            assert!(layout.ring_slots.is_multiple_of(align_of::<Slot>()));
            let end = layout.lost_frees + geometry.lost_frees as usize * size_of::<LostFrees>();
            assert!(end <= layout.size);
        }
    }

    #[test]
    fn foreign_memory_and_impossible_sizes_are_refused() {
        let made = segment(SMALL);
        let size = SMALL.segment_size();
        // SAFETY: `made` has that many bytes and is never freed.
        let open = |size| unsafe { Segment::open(made.base(), size) }.map(|s| s.geometry());
        assert_eq!(open(size), Err(InvalidSegment::Foreign));
        made.header().publish(&crate::header::Start { geometry: SMALL, ..Default::default() });
        assert_eq!(open(size), Ok(SMALL));
        assert_eq!(open(size - 4096), Err(InvalidSegment::Geometry));
        assert_eq!(open(16), Err(InvalidSegment::Geometry));
    }
}
