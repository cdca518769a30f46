//! The layout of a segment, and the checked way to its parts.

use core::ptr::NonNull;

use crate::atomic::Ordering::Relaxed;
use crate::geometry::Geometry;
use crate::header::Header;
use crate::lost_frees::{LostFree, LostFrees};
use crate::modules::{MAX_MODULES, ModuleRecord, Modules};
use crate::processes::{MAX_PROCESSES, ProcessSlot, Processes};
use crate::ring::{HEAD_AT, RingState, Rings, ring_bytes};
use crate::stacks::StackNumbers;
use crate::sys::PAGE;

/// Offsets of the parts from the segment's start, and the size of all.
#[derive(Debug, Clone, Copy)]
struct Layout {
    processes: usize,
    rings: usize,
    modules: usize,
    lost_frees: usize,
    size: usize,
}

impl Layout {
    const fn of(geometry: Geometry) -> Layout {
        let processes = PAGE * size_of::<Header>().div_ceil(PAGE);
        let others = (MAX_PROCESSES - 1) * size_of::<ProcessSlot>();
        let rings = (processes + others).next_multiple_of(align_of::<RingState>());
        let modules = rings + geometry.rings as usize * ring_bytes(geometry.ring_slots as usize);
        let lost_frees = modules + MAX_MODULES * size_of::<ModuleRecord>();
        let end = lost_frees + geometry.lost_frees as usize * size_of::<LostFree>();
        let size = end.next_multiple_of(PAGE);
        Layout { processes, rings, modules, lost_frees, size }
    }
}

/// A mapped segment: either end's view of the shared memory, as the sum of its parts.
///
/// Every part of it is made of atomics, so that whatever the other end does is at worst wrong
/// data, never undefined behaviour.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'m> {
    base: *mut u8,
    geometry: Geometry,
    header: &'m Header,
    processes: Processes<'m>,
    modules: Modules<'m>,
    stacks: StackNumbers<'m>,
    lost_frees: LostFrees<'m>,
    rings: Rings<'m>,
}

// SAFETY: the memory behind `base` is only reached through shared references to atomics.
unsafe impl Send for Segment<'_> {}
// SAFETY: as above.
unsafe impl Sync for Segment<'_> {}

/// Why memory is not a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidSegment {
    /// The magic number or the version differs.
    Foreign,
    /// A size in the header is out of range or does not fit the memory.
    Geometry,
}

impl<'m> Segment<'m> {
    /// Bytes of a whole segment.
    pub const fn size(geometry: Geometry) -> usize {
        Layout::of(geometry).size
    }

    /// Makes a segment of zeroed shared memory. The header is published by [`Header::publish`].
    ///
    /// # Safety
    /// `base` is page-aligned, mapped readable and writable for [`Segment::size`] bytes, and stays so
    /// for `'m`.
    pub unsafe fn create(base: *mut u8, geometry: Geometry) -> Segment<'m> {
        let layout = Layout::of(geometry);
        // SAFETY: the caller's promise; the layout puts the parts inside, aligned (its tests).
        unsafe {
            let header = &part::<'m, Header>(base, 0, 1)[0];
            let first: *mut RingState = base.add(layout.rings).cast();
            let rings = (geometry.rings, geometry.ring_slots);
            let sums = part(base, layout.lost_frees, geometry.lost_frees as usize);
            Segment {
                base,
                geometry,
                header,
                processes: Processes::new(
                    &header.process,
                    part(base, layout.processes, MAX_PROCESSES - 1),
                    &header.turned_away,
                ),
                modules: Modules::new(part(base, layout.modules, MAX_MODULES), &header.modules),
                stacks: StackNumbers::new(&header.stacks),
                lost_frees: LostFrees::new(sums),
                rings: Rings::new(&header.present.0.epoch, NonNull::new_unchecked(first), rings),
            }
        }
    }

    /// Looks at the memory that another process made.
    ///
    /// # Errors
    /// [`InvalidSegment`] if the header is not one of ours or does not fit `size`.
    ///
    /// # Safety
    /// As for [`Segment::create`], with `size` bytes, at least a page, that cannot shrink.
    pub unsafe fn open(base: *mut u8, size: usize) -> Result<Segment<'m>, InvalidSegment> {
        if size < size_of::<Header>() {
            return Err(InvalidSegment::Geometry);
        }
        // SAFETY: the caller maps at least the header there; it is made of atomics only.
        let header = unsafe { &*base.cast::<Header>() };
        let geometry = header.geometry().ok_or(InvalidSegment::Foreign)?;
        if !geometry.is_valid() || Segment::size(geometry) != size {
            return Err(InvalidSegment::Geometry);
        }
        // SAFETY: the caller's promise, for that size.
        Ok(unsafe { Segment::create(base, geometry) })
    }

    /// The header of a segment that nobody maps, if nothing was recorded in it, and nothing lost. `read` fills the
    /// bytes with those at an offset from its start, and returns whether they are there.
    pub fn unused(read: impl Fn(&mut [u8], usize) -> bool) -> Option<Header> {
        // SAFETY: a header is made of atomics, which are valid for any bits.
        let mut header: Header = unsafe { core::mem::zeroed() };
        let at = (&raw mut header).cast();
        // SAFETY: the header's own bytes.
        if !read(unsafe { core::slice::from_raw_parts_mut(at, size_of::<Header>()) }, 0) {
            return None;
        }
        let geometry = header.geometry().filter(|geometry| geometry.is_valid())?;
        let (first, bytes) = (Layout::of(geometry).rings, ring_bytes(geometry.ring_slots as usize));
        let is_empty = |ring: usize| {
            let mut head = [0; size_of::<u64>()];
            read(&mut head, first + ring * bytes + HEAD_AT) && head == [0; size_of::<u64>()]
        };
        let ProcessSlot { lost_samples, lost_frees, .. } = &header.process;
        let counted: [u64; 3] =
            [lost_samples.load(Relaxed), lost_frees.load(Relaxed), header.turned_away.load(Relaxed).into()];
        ((0..geometry.rings as usize).all(is_empty) && counted == [0; 3]).then_some(header)
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
    #[inline]
    pub fn header(&self) -> &'m Header {
        self.header
    }

    /// The processes that record.
    #[inline]
    pub fn processes(&self) -> &Processes<'m> {
        &self.processes
    }

    /// The modules that stacks lead through.
    pub fn modules(&self) -> &Modules<'m> {
        &self.modules
    }

    /// The numbers of stacks.
    pub fn stacks(&self) -> &StackNumbers<'m> {
        &self.stacks
    }

    /// The frees that found no room in a ring.
    pub fn lost_frees(&self) -> &LostFrees<'m> {
        &self.lost_frees
    }

    /// The rings of events.
    #[inline]
    pub fn rings(&self) -> &Rings<'m> {
        &self.rings
    }
}

/// `count` items of type `T`, which is made of atomics and so valid for any bits.
///
/// # Safety
/// They are aligned and inside of memory as [`Segment::create`] wants it.
unsafe fn part<'m, T>(base: *mut u8, offset: usize, count: usize) -> &'m [T] {
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(base.add(offset).cast(), count) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A segment in ordinary memory that lives as long as the test binary.
    pub(crate) fn segment(geometry: Geometry) -> Segment<'static> {
        let layout = std::alloc::Layout::from_size_align(Segment::size(geometry), PAGE).unwrap();
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
            assert!(geometry.is_valid() && Segment::size(geometry) < 11 << 20, "{geometry:?}");
            let layout = Layout::of(geometry);
            assert!(layout.processes.is_multiple_of(align_of::<ProcessSlot>()));
            assert!(layout.modules.is_multiple_of(align_of::<ModuleRecord>()));
            assert!(layout.lost_frees.is_multiple_of(align_of::<LostFree>()));
            assert!(layout.rings.is_multiple_of(align_of::<RingState>()));
            let end = layout.lost_frees + geometry.lost_frees as usize * size_of::<LostFree>();
            assert!(end <= layout.size);
        }
    }

    #[test]
    fn foreign_memory_and_impossible_sizes_are_refused() {
        let made = segment(SMALL);
        let size = Segment::size(SMALL);
        // SAFETY: `made` has that many bytes and is never freed.
        let open = |size| unsafe { Segment::open(made.base(), size) }.map(|s| s.geometry());
        assert_eq!(open(size), Err(InvalidSegment::Foreign));
        made.header().publish(&crate::header::Start { geometry: SMALL, ..Default::default() });
        assert_eq!(open(size), Ok(SMALL));
        assert_eq!(open(size - 4096), Err(InvalidSegment::Geometry));
        assert_eq!(open(16), Err(InvalidSegment::Geometry));
    }
}
