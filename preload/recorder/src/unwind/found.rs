//! A module as the dynamic linker has it now.

use core::ffi::CStr;

use heaptrace_channel::modules::{Module, ModuleId, UNNAMED};

use crate::c_library::{Image, LinkMap};
use crate::process::Writer;

/// A module that one of the calling thread's frames lies in, so that it stays mapped.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Lowest mapped address.
    pub start: usize,
    /// End of the highest mapping.
    pub end: usize,
    /// Address of `.eh_frame_hdr`; 0 if the module has none.
    pub eh_frame_hdr: usize,
    /// The dynamic linker's record of it.
    pub link_map: *const LinkMap,
    /// Its headers, if it is the program, of which the kernel has told.
    pub program: Option<Image>,
}

impl Found {
    fn image(&self) -> Option<Image> {
        // SAFETY: the module is on this thread's stack, so it stays mapped, and its link map is there.
        self.program.or_else(|| unsafe { Image::at(self.start, (*self.link_map).bias) })
    }

    /// The GNU build id; empty if there is none.
    pub fn build_id(&self) -> &[u8] {
        self.image().map_or(&[][..], |image| image.build_id(self.start..self.end))
    }

    /// Is no more known of it than where it lies?
    pub fn is_unnamed(&self) -> bool {
        // SAFETY: as in `add_record`.
        unsafe { CStr::from_ptr((*self.link_map).name) == UNNAMED }
    }

    /// Gives the module a record of the writer's process in the channel. Returns how frames name it.
    pub fn add_record(&self, build_id: &[u8], is_initial: bool, is_other: bool, to: Writer) -> ModuleId {
        // SAFETY: the link map of a module that a frame lies in is there, with its name.
        let (bias, name) = unsafe { ((*self.link_map).bias, CStr::from_ptr((*self.link_map).name)) };
        let module = Module {
            start: self.start as u64,
            end: self.end as u64,
            bias: bias as u64,
            is_initial,
            build_id,
            path: name.to_bytes(),
        };
        let nudge = || to.segment().header().nudge();
        let added = to.segment().modules().add(to.process(), &module, is_other, nudge);
        added.unwrap_or(ModuleId::BY_ADDRESS)
    }

    /// End of the loaded segment that `address` lies in: as far as unwind information may reach.
    pub fn segment_end(&self, address: usize) -> usize {
        let image = self.image();
        let segment = image.and_then(|image| image.segments().find(|range| range.contains(&address)));
        segment.map_or(self.end, |range| range.end.min(self.end))
    }
}
