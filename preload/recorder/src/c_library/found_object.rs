//! What is told of an object that an address lies in.

use core::ops::Range;

use super::objects::LinkMap;

/// glibc's `struct dl_find_object` (dlfcn.h) on 64-bit processors.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FoundObject {
    flags: u64,
    /// Lowest mapped address.
    pub start: usize,
    /// End of the highest mapping.
    pub end: usize,
    /// The dynamic linker's record of it.
    pub link_map: *const LinkMap,
    /// Address of `.eh_frame_hdr`; 0 if there is none.
    pub eh_frame_hdr: usize,
    reserved: [u64; 7],
}

impl FoundObject {
    /// One that the C library did not tell of.
    pub(super) fn new(extent: Range<usize>, link_map: *const LinkMap, eh_frame_hdr: usize) -> FoundObject {
        let Range { start, end } = extent;
        FoundObject { flags: 0, start, end, link_map, eh_frame_hdr, reserved: [0; 7] }
    }
}
