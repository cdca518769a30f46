//! The modules: each ELF file that a stack passed through, as it was mapped.
//!
//! The library adds a record when a stack first leads through a module, before it links the first
//! node with an address there. When a module lies where another one was before, the *generation*
//! goes up; nodes carry the generation of their time. So an address means: the newest record that
//! covers it and is not younger than the node.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::*};

use crate::Segment;
use crate::header::{load_text, store_text};

/// Modules of one segment; further ones have no record, so their frames have no names.
pub const MAX_MODULES: usize = 4096;
/// Longest build id kept, in bytes: a SHA-256 fits.
pub const MAX_BUILD_ID: usize = 32;
/// Longest path kept, in bytes; of a longer one the end is missing.
pub const MAX_MODULE_PATH: usize = 432;

/// A module as the library sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module<'a> {
    /// Lowest mapped address.
    pub start: u64,
    /// End of the highest mapping.
    pub end: u64,
    /// What was added to the file's addresses to get addresses in memory.
    pub bias: u64,
    /// GNU build id, empty if there is none.
    pub build_id: &'a [u8],
    /// The name under which it was loaded, as the dynamic linker has it.
    pub path: &'a [u8],
}

#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct ModuleRecord {
    published: AtomicU32,
    generation: AtomicU32,
    start: AtomicU64,
    end: AtomicU64,
    bias: AtomicU64,
    build_id_length: AtomicU32,
    path_length: AtomicU32,
    build_id: [AtomicU8; MAX_BUILD_ID],
    path: [AtomicU8; MAX_MODULE_PATH],
}

/// Space for the texts of a module that is read out.
#[derive(Debug)]
pub struct ModuleBuffer {
    build_id: [u8; MAX_BUILD_ID],
    path: [u8; MAX_MODULE_PATH],
}

impl Default for ModuleBuffer {
    fn default() -> Self {
        ModuleBuffer { build_id: [0; MAX_BUILD_ID], path: [0; MAX_MODULE_PATH] }
    }
}

impl Segment {
    /// Adds a module. `replaces` tells that an older record covers some of its addresses.
    ///
    /// Without room for the record the generation still counts, and the old names are not used.
    /// The collector is asked to open the file now, as long as the process lives.
    pub fn add_module(&self, module: &Module, replaces: bool) {
        let header = self.header();
        let generation = header.generation.load(Relaxed) + u32::from(replaces);
        if (header.modules.load(Relaxed) as usize) < MAX_MODULES {
            let index = header.modules.fetch_add(1, Relaxed) as usize;
            if let Some(record) = self.modules().get(index) {
                record.write(module, generation);
            }
        }
        if replaces {
            header.generation.fetch_add(1, Release); // pairs with `Header::generation`
        }
        header.nudge();
    }

    /// The record at `index` and the generation from which it holds; `None` if it is not there (yet).
    pub fn module<'b>(&self, index: usize, buffer: &'b mut ModuleBuffer) -> Option<(Module<'b>, u32)> {
        let record = self.modules().get(index)?;
        (record.published.load(Acquire) == 1).then(|| record.read(buffer)) // pairs with `write`
    }

    /// How many modules have a record, though the newest may not be readable yet.
    pub fn module_count(&self) -> usize {
        (self.header().modules.load(Relaxed) as usize).min(MAX_MODULES)
    }
}

impl ModuleRecord {
    fn write(&self, module: &Module, generation: u32) {
        self.generation.store(generation, Relaxed);
        self.start.store(module.start, Relaxed);
        self.end.store(module.end, Relaxed);
        self.bias.store(module.bias, Relaxed);
        store_text(&self.build_id, &self.build_id_length, module.build_id);
        store_text(&self.path, &self.path_length, module.path);
        self.published.store(1, Release); // pairs with the load in `Segment::module`
    }

    fn read<'b>(&self, buffer: &'b mut ModuleBuffer) -> (Module<'b>, u32) {
        let module = Module {
            start: self.start.load(Relaxed),
            end: self.end.load(Relaxed),
            bias: self.bias.load(Relaxed),
            build_id: load_text(&self.build_id, &self.build_id_length, &mut buffer.build_id),
            path: load_text(&self.path, &self.path_length, &mut buffer.path),
        };
        (module, self.generation.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::tests::{SMALL, segment};

    const LIBC: Module<'static> =
        Module { start: 0x7000, end: 0x9000, bias: 0x7000, build_id: &[1, 2, 3], path: b"/lib/libc.so.6" };

    #[test]
    fn a_module_reads_back_as_it_was_added() {
        let segment = segment(SMALL);
        assert_eq!(segment.module(0, &mut ModuleBuffer::default()), None);
        segment.add_module(&LIBC, false);
        assert_eq!(segment.module(0, &mut ModuleBuffer::default()), Some((LIBC, 0)));
        assert_eq!(segment.module_count(), 1);
    }

    #[test]
    fn a_replacement_begins_a_generation() {
        let segment = segment(SMALL);
        segment.add_module(&LIBC, false);
        segment.add_module(&Module { path: b"/lib/other.so", ..LIBC }, true);
        assert_eq!(segment.module(1, &mut ModuleBuffer::default()).unwrap().1, 1);
        assert_eq!(segment.header().generation(), 1);
    }

    #[test]
    fn more_modules_than_fit_are_left_out() {
        let segment = segment(SMALL);
        for _ in 0..MAX_MODULES + 2 {
            segment.add_module(&LIBC, false);
        }
        assert_eq!(segment.module_count(), MAX_MODULES);
    }

    #[test]
    fn a_long_path_is_cut() {
        let segment = segment(SMALL);
        segment.add_module(&Module { path: &[b'x'; 1000], ..LIBC }, false);
        assert_eq!(segment.module(0, &mut ModuleBuffer::default()).unwrap().0.path.len(), MAX_MODULE_PATH);
    }
}
