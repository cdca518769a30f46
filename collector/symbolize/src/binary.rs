//! A module with all that is known about its addresses: debug information, symbols, segments.

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use hashbrown::{HashMap, HashSet};

use super::debug_file::{DebugFile, DebugFolders, Kind};
use super::demangle::{is_mangled, is_obscure};
use super::dwarf::{DebugInfo, DwarfFrame};
use super::elf::Elf;
use super::function::{Function, Functions};
use super::function_bounds::FunctionBounds;
use super::kept::{Kept, KeptFile};
use super::kept_names::{self, KeptNames};
use super::later::Later;
use super::lock::lock;
use super::module::Module;
use super::open_files::Permit;
use super::options::Mode;
use super::plt::Plt;
use super::resolved::{ResolvedFrame, Segment};
use super::symbol_table::SymbolTable;
use super::vdso;

/// Largest symbol table in `.gnu_debugdata`, in bytes after decompression.
const MINI_DEBUG_LIMIT: u64 = 1 << 28;

/// Size of a page, the unit in which segments are mapped. Where pages are larger, more is mapped
/// than we say, but what we say is mapped where we say.
const PAGE: u64 = 4096;

/// Where the file of a module is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Located {
    /// Here; it may be the debug file alone.
    At(PathBuf),
    /// Nowhere; this is another build of it.
    OtherBuild {
        /// Where that is.
        path: PathBuf,
        /// Its build id; empty if it has none.
        build_id: Vec<u8>,
    },
    /// Nowhere.
    Nowhere,
}

/// A module whose file was opened, if it is to be had.
#[derive(Debug)]
pub(super) struct Binary {
    /// Where the file is that was mapped.
    pub(super) located: Located,
    /// What is mapped with permission to execute, at the addresses that the file has.
    segments: Vec<Segment>,
    /// The first address of all that is mapped.
    base: u64,
    /// The segments' offsets are those that were mapped.
    has_offsets: bool,
    names: OnceLock<Names>,
}

impl Binary {
    /// Reads where the file of `module` is mapped.
    pub(super) fn open(module: &Module, folders: &DebugFolders) -> Binary {
        let image = image(module, folders);
        Binary {
            segments: image.as_ref().map(|image| segments(&image.elf)).unwrap_or_default(),
            base: image.as_ref().ok().and_then(|image| image.elf.base()).map_or(0, |base| base - base % PAGE),
            has_offsets: image.as_ref().is_ok_and(|image| !image.elf.is_without_code()),
            located: match image {
                Ok(image) => Located::At(image.path),
                Err(missing) => missing,
            },
            names: OnceLock::new(),
        }
    }

    /// One whose file is not to be had.
    pub(super) fn nowhere() -> Binary {
        Binary {
            located: Located::Nowhere,
            segments: Vec::new(),
            base: 0,
            has_offsets: false,
            names: OnceLock::new(),
        }
    }

    /// Whether the file is to be had.
    pub(super) fn is_found(&self) -> bool {
        matches!(self.located, Located::At(_))
    }

    /// What was added to the file's addresses where the byte at `offset` is mapped at `start`.
    pub(super) fn bias(&self, start: u64, offset: u64) -> Option<u64> {
        let around = |s: &&Segment| s.offset <= offset && offset - s.offset < s.end - s.start;
        match (self.segments.iter().find(around), &self.segments[..]) {
            (Some(segment), _) if self.has_offsets => {
                Some(start.wrapping_sub(segment.start + (offset - segment.offset)))
            }
            // The whole of a module, as it is described when its file is not to be had.
            _ if offset == 0 => self.is_found().then(|| start.wrapping_sub(self.base)),
            // Of a file whose offsets are lost, a segment is mapped from its beginning.
            (_, [only]) if !self.has_offsets => Some(start.wrapping_sub(only.start)),
            _ => None,
        }
    }

    /// What is mapped with permission to execute where `bias` was added to the file's addresses.
    pub(super) fn segments(&self, bias: u64) -> Vec<Segment> {
        let moved = |segment: &Segment| Segment {
            start: bias.wrapping_add(segment.start),
            end: bias.wrapping_add(segment.end),
            ..*segment
        };
        self.segments.iter().map(moved).collect()
    }

    /// The names in it, which `read` reads when they are first needed.
    pub(super) fn names(&self, read: impl FnOnce() -> Names) -> &Names {
        self.names.get_or_init(read)
    }

    /// Keeps on disk what is not there yet.
    pub(super) fn keep(&self) {
        self.names.get().into_iter().for_each(Names::keep);
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        size_of::<Binary>() + self.names.get().map_or(0, Names::size)
    }
}

/// What is known of a module's addresses, and what was asked for already.
#[derive(Debug)]
pub(super) struct Names {
    path: PathBuf,
    debug: Option<DebugInfo>,
    symbols: SymbolTable,
    plt: Plt,
    bounds: Later<FunctionBounds>,
    functions: Mutex<Functions>,
    /// By the addresses that the file has.
    resolved: Mutex<HashMap<u64, Arc<[ResolvedFrame]>>>,
    told: Option<Told>,
}

/// What debug information told, and is kept for the next time.
#[derive(Debug)]
struct Told {
    place: KeptFile,
    /// The addresses, and how many of them are kept already.
    addresses: Mutex<(HashSet<u64>, usize)>,
}

impl Told {
    /// Takes what was kept the last time.
    fn read(place: KeptFile) -> (Told, kept_names::Names) {
        let names = place.read().and_then(KeptNames::names).unwrap_or_default();
        let addresses: HashSet<u64> = names.keys().copied().collect();
        let count = addresses.len();
        (Told { place, addresses: Mutex::new((addresses, count)) }, names)
    }
}

impl Names {
    /// Reads what belongs to `module`, as much of it as `mode` asks for.
    pub(super) fn read(
        module: &Module,
        folders: &Arc<DebugFolders>,
        kept: Option<&Kept>,
        mode: Mode,
    ) -> Names {
        let image = image(module, folders).ok();
        let separate = separate(module, image.as_ref().map(|image| &image.elf), folders);
        let mini = image.as_ref().and_then(|image| mini_debug(&image.elf));
        let files = || separate.iter().chain(&image);
        let load = |file: &DebugFile| {
            let place = || kept?.place(&module.build_id, ".names", vec![file.state()?]);
            Some((DebugInfo::load(file, &module.path, folders)?, place().map(Told::read)))
        };
        let (debug, told) = files().filter(|_| mode == Mode::Full).find_map(load).unzip();
        let (told, resolved) = told.flatten().unzip();
        let symbols = SymbolTable::new(files().map(|file| &file.elf).chain(&mini));
        let image = image.map(|image| Arc::new(image.elf));
        let permit = image.as_ref().and_then(|_| Permit::new());
        let bounds = |image| Later::new(image, permit.as_ref(), FunctionBounds::read);
        Names {
            path: module.path.clone(),
            debug,
            symbols,
            plt: image.as_ref().map(|image| Plt::new(image, permit.as_ref())).unwrap_or_default(),
            bounds: image.as_ref().map(bounds).unwrap_or_default(),
            functions: Mutex::default(),
            resolved: Mutex::new(resolved.unwrap_or_default()),
            told,
        }
    }

    /// Nothing is known but where addresses are.
    pub(super) fn none(module: &Module) -> Names {
        Names {
            path: module.path.clone(),
            debug: None,
            symbols: SymbolTable::default(),
            plt: Plt::default(),
            bounds: Later::default(),
            functions: Mutex::default(),
            resolved: Mutex::default(),
            told: None,
        }
    }

    /// Keeps on disk what debug information has told since the last time.
    pub(super) fn keep(&self) {
        let Some(Told { place, addresses }) = &self.told else { return };
        let (addresses, kept) = &mut *lock(addresses);
        if addresses.len() > *kept {
            let resolved = lock(&self.resolved);
            let names = addresses.iter().filter_map(|address| resolved.get_key_value(address));
            let names = names.map(|(&address, frames)| (address, Arc::clone(frames))).collect();
            drop(resolved);
            if place.write(KeptNames::of(&names)).is_ok() {
                *kept = addresses.len();
            }
        }
    }

    /// About how much memory it takes, in bytes.
    fn size(&self) -> usize {
        /// With its frames, and its function's share.
        const RESOLVED_ADDRESS: usize = 256;
        let resolved = lock(&self.resolved).len() * RESOLVED_ADDRESS;
        let bounds = self.bounds.known().map_or(0, FunctionBounds::size);
        resolved + bounds + self.symbols.size() + self.debug.as_ref().map_or(0, DebugInfo::size)
    }

    /// The frames of an address, as the file has addresses, innermost first. After the deadline
    /// debug information is left out.
    pub(super) fn resolve(&self, address: u64, deadline: Instant) -> Arc<[ResolvedFrame]> {
        if let Some(known) = lock(&self.resolved).get(&address) {
            return Arc::clone(known);
        }
        let debug = self.debug.as_ref().filter(|_| Instant::now() < deadline);
        let mut frames = debug.map(|debug| debug.frames(address, deadline)).unwrap_or_default();
        if let Some(told) = self.told.as_ref().filter(|_| !frames.is_empty()) {
            lock(&told.addresses).0.insert(address);
        }
        self.add_symbol(address, &mut frames);
        let frames = frames.into_iter().map(|frame| ResolvedFrame {
            line: frame.line.unwrap_or(0),
            function: self.function(address, frame),
        });
        let frames: Arc<[_]> = frames.collect();
        lock(&self.resolved).insert(address, Arc::clone(&frames));
        frames
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
            if let Some(symbol) = symbol {
                outermost.source_name.take_if(|_| !is_obscure(&symbol));
                outermost.name = Some(symbol);
            }
        }
    }

    fn function(&self, address: u64, frame: DwarfFrame) -> Arc<Function> {
        let file = frame.file.unwrap_or_default();
        let start_line = frame.start_line.unwrap_or(0);
        match frame.name {
            Some(name) => lock(&self.functions).named(name, frame.source_name, file, start_line),
            None => {
                let start = self.bounds.get().and_then(|bounds| bounds.around(address));
                let name = self.name_of(start.map_or(address, |function| function.start));
                Arc::new(Function { name, system_name: String::new(), file, start_line })
            }
        }
    }

    /// The frame of an address that nothing is known of.
    pub(super) fn unresolved(&self, address: u64) -> Arc<[ResolvedFrame]> {
        let (name, system_name, file) = (self.name_of(address), String::new(), String::new());
        let function = Arc::new(Function { name, system_name, file, start_line: 0 });
        Arc::new([ResolvedFrame { function, line: 0 }])
    }

    /// What an address is called that has no name.
    fn name_of(&self, address: u64) -> String {
        let module = self.path.file_name().unwrap_or_default().to_string_lossy();
        format!("{module}+{address:#x}")
    }
}

/// The functions that addresses are in, as the file of `module` has addresses.
pub(super) fn functions(
    module: &Module,
    folders: &Arc<DebugFolders>,
    addresses: &[u64],
) -> Vec<Option<Range<u64>>> {
    let image = image(module, folders).ok();
    let separate = separate(module, image.as_ref().map(|image| &image.elf), folders);
    let symbols = SymbolTable::new(separate.iter().chain(&image).map(|file| &file.elf));
    let bounds = image.map(|image| FunctionBounds::read(&image.elf)).unwrap_or_default();
    addresses.iter().map(|&address| symbols.bounds(address).or_else(|| bounds.around(address))).collect()
}

/// The separate debug file, unless the image has its debug information itself.
fn separate(module: &Module, image: Option<&Elf>, folders: &DebugFolders) -> Option<DebugFile> {
    if image.is_some_and(Elf::has_dwarf) {
        return None;
    }
    let id = &module.build_id;
    folders.find(&module.path, (!id.is_empty()).then_some(id), image)
}

/// The file that was mapped, never its successor at the same path; at least its debug file.
fn image(module: &Module, folders: &DebugFolders) -> Result<DebugFile, Located> {
    let (path, id) = (&module.path, module.build_id.as_slice());
    let at = |elf| DebugFile { path: path.clone(), elf };
    if path == Path::new(vdso::NAME) {
        let image = vdso::image().filter(|elf| elf.build_id().as_deref() == Some(id));
        return image.map(at).ok_or(Located::Nowhere);
    }
    let mapped = module.file.clone().and_then(Elf::of_file);
    // A file that was opened through the process needs no build id to be the right one.
    if let Some(mapped) = mapped.filter(|elf| id.is_empty() || elf.build_id().as_deref() == Some(id)) {
        return Ok(at(mapped));
    }
    if let Some(elf) = Elf::open(path).filter(|elf| elf.build_id().unwrap_or_default() == id) {
        return Ok(at(elf));
    }
    let mut kinds = [Kind::Executable, Kind::DebugInfo].into_iter();
    let elsewhere = kinds.find_map(|kind| folders.by_build_id(id, kind, path));
    elsewhere.ok_or_else(|| other_build(path, folders).unwrap_or(Located::Nowhere))
}

/// Another build of a module, at its path or below one of the folders.
fn other_build(path: &Path, folders: &DebugFolders) -> Option<Located> {
    folders.by_name(path).find_map(|path| {
        let build_id = Elf::open(&path)?.build_id().unwrap_or_default();
        Some(Located::OtherBuild { path, build_id })
    })
}

fn segments(image: &Elf) -> Vec<Segment> {
    let segment = |header: &goblin::elf::ProgramHeader| {
        let end = header.p_vaddr.checked_add(header.p_memsz)?.checked_next_multiple_of(PAGE)?;
        Some(Segment {
            start: header.p_vaddr - header.p_vaddr % PAGE,
            end,
            offset: header.p_offset - header.p_offset % PAGE,
        })
    };
    image.executable_segments().filter_map(segment).collect()
}

/// The ELF file in `.gnu_debugdata`, which has the symbols that `.dynsym` lacks.
pub(super) fn mini_debug(image: &Elf) -> Option<Elf> {
    let compressed = image.bytes(image.section(".gnu_debugdata")?)?;
    let mut bytes = Vec::new();
    let reader = lzma_rust2::XzReader::new(compressed.as_slice(), true);
    reader.take(MINI_DEBUG_LIMIT).read_to_end(&mut bytes).ok()?;
    Elf::of_bytes(bytes)
}
