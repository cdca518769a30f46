//! A module with all that is known about its addresses: debug information, symbols, segments.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::debug_file::{DebugFile, DebugFolders};
use super::demangle::is_mangled;
use super::dwarf::{DebugInfo, Dwarf, DwarfFrame, SplitUnits};
use super::elf::Elf;
use super::function::{Function, Functions};
use super::plt::Plt;
use super::symbol_table::SymbolTable;
use super::{Mode, ResolvedFrame, Segment, vdso};
use crate::recording::Module;

/// Largest symbol table in `.gnu_debugdata`, in bytes after decompression.
const MINI_DEBUG_LIMIT: u64 = 1 << 28;

/// Size of a page, the unit in which segments are mapped. Where pages are larger, more is mapped
/// than we say, but what we say is mapped where we say.
const PAGE: u64 = 4096;

/// A module, its files read.
pub(super) struct Binary<'a> {
    module: &'a Module,
    folders: &'a DebugFolders,
    /// What is mapped with permission to execute.
    pub(super) segments: Vec<Segment>,
    debug: Option<DebugInfo>,
    symbols: SymbolTable,
    plt: Plt,
}

impl<'a> Binary<'a> {
    /// Reads what belongs to `module`, as much of it as `mode` asks for.
    pub(super) fn open(module: &'a Module, folders: &'a DebugFolders, mode: Mode) -> Binary<'a> {
        let image = image(module, folders);
        let mut binary = Binary {
            module,
            folders,
            segments: image.as_ref().map(|elf| segments(elf, module.bias)).unwrap_or_default(),
            debug: None,
            symbols: SymbolTable::default(),
            plt: Plt::default(),
        };
        if mode != Mode::None {
            binary.read(image, mode);
        }
        binary
    }

    fn read(&mut self, image: Option<Elf>, mode: Mode) {
        let image = image.map(|elf| DebugFile { path: self.module.path.clone(), elf });
        let separate = self.separate(image.as_ref().map(|image| &image.elf));
        let mini = image.as_ref().and_then(|image| mini_debug(&image.elf));
        let files = || separate.iter().chain(&image);
        self.symbols = SymbolTable::new(files().map(|file| &file.elf).chain(&mini));
        self.plt = image.as_ref().map(|image| Plt::new(&image.elf)).unwrap_or_default();
        if mode == Mode::Full {
            self.debug = files().find_map(|file| DebugInfo::load(file, &self.module.path, self.folders));
        }
    }

    /// The separate debug file, unless the image has its debug information itself.
    fn separate(&self, image: Option<&Elf>) -> Option<DebugFile> {
        if image.is_some_and(Elf::has_dwarf) {
            return None;
        }
        let id = &self.module.build_id;
        self.folders.find(&self.module.path, (!id.is_empty()).then_some(id), image)
    }

    /// The frames of each address in the process, innermost first.
    pub(super) fn resolve(&self, addresses: &[u64]) -> Vec<Vec<ResolvedFrame>> {
        let split_units = SplitUnits::default();
        let path = &self.module.path;
        let debug = self.debug.as_ref();
        let dwarf = debug.and_then(|info| Dwarf::new(info, &split_units, path, self.folders));
        let mut functions = Functions::default();
        let mut resolve = |address: u64| {
            let address = address.wrapping_sub(self.module.bias);
            let mut frames = dwarf.as_ref().map(|d| d.frames(address)).unwrap_or_default();
            self.add_symbol(address, &mut frames);
            let frames = frames.into_iter().map(|frame| ResolvedFrame {
                line: frame.line.unwrap_or(0).into(),
                function: self.function(address, frame, &mut functions),
            });
            frames.collect()
        };
        addresses.iter().map(|&address| resolve(address)).collect()
    }

    /// Names the outermost frame by its symbol, unless debug information has its mangled name. What
    /// else that has may be less: without namespace and class where there are line tables only
    /// (`-gmlt`), or an artefact (`__second_sect_of_f`, gcc's DWARF 2 for the cold part of `f`).
    fn add_symbol(&self, address: u64, frames: &mut Vec<DwarfFrame>) {
        if frames.is_empty() {
            frames.push(DwarfFrame::default());
        }
        let Some(outermost) = frames.last_mut() else { return };
        if !outermost.name.as_deref().is_some_and(is_mangled) {
            let symbol = self.symbols.find(address).or_else(|| self.plt.find(address));
            outermost.name = symbol.or(outermost.name.take());
        }
    }

    fn function(&self, address: u64, frame: DwarfFrame, known: &mut Functions) -> Arc<Function> {
        let file = frame.file.unwrap_or_default();
        let start_line = frame.start_line.unwrap_or(0);
        match frame.name {
            Some(name) => known.named(name, file, start_line),
            None => {
                let module = self.module.path.file_name().unwrap_or_default().to_string_lossy();
                let name = format!("{module}+{address:#x}");
                Arc::new(Function { name, system_name: String::new(), file, start_line })
            }
        }
    }
}

/// The file that was mapped, never its successor at the same path.
fn image(module: &Module, folders: &DebugFolders) -> Option<Elf> {
    let id = module.build_id.as_slice();
    if module.path == Path::new(vdso::NAME) {
        return vdso::image().filter(|elf| elf.build_id().as_deref() == Some(id));
    }
    let mapped = module.file.clone().and_then(Elf::of_file);
    // A file that was opened through the process needs no build id to be the right one.
    let mapped = mapped.filter(|elf| id.is_empty() || elf.build_id().as_deref() == Some(id));
    mapped
        .or_else(|| Elf::open(&module.path).filter(|elf| elf.build_id().unwrap_or_default() == id))
        .or_else(|| Some(folders.by_build_id(id, "executable")?.elf))
}

fn segments(image: &Elf, bias: u64) -> Vec<Segment> {
    let segment = |header: &goblin::elf::ProgramHeader| {
        let end = header.p_vaddr.checked_add(header.p_memsz)?.checked_next_multiple_of(PAGE)?;
        Some(Segment {
            start: bias.wrapping_add(header.p_vaddr - header.p_vaddr % PAGE),
            end: bias.wrapping_add(end),
            offset: header.p_offset - header.p_offset % PAGE,
        })
    };
    image.executable_segments().filter_map(segment).collect()
}

/// The ELF file in `.gnu_debugdata`, which has the symbols that `.dynsym` lacks.
fn mini_debug(image: &Elf) -> Option<Elf> {
    let compressed = image.bytes(image.section(".gnu_debugdata")?)?;
    let mut bytes = Vec::new();
    let reader = lzma_rust2::XzReader::new(compressed.as_slice(), true);
    reader.take(MINI_DEBUG_LIMIT).read_to_end(&mut bytes).ok()?;
    Elf::of_bytes(bytes)
}
