//! Names of addresses: for each address in a profile the functions, files and lines it stands for,
//! inlined calls included.
//!
//! What is known of an address is taken from, in this order: DWARF, of the module or of its
//! separate debug file; symbol tables; the map that a program writes of code it makes at run time;
//! else its name is the module and the address in the module's file.

use std::collections::HashMap;
use std::env;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::recording::{Frame, Module};
use binary::Binary;
use debug_file::DebugFolders;
pub use function::Function;
use function::Functions;

mod binary;
mod debug_file;
mod declaration;
mod demangle;
mod dwarf;
mod elf;
mod function;
mod perf_map;
mod plt;
mod symbol_table;
mod vdso;

pub(crate) use debug_file::hex;

/// Stack of a thread that reads DWARF, in bytes: addr2line recurses as deep as calls are inlined
/// in one another. Only what is used of it takes memory.
const STACK_SIZE: usize = 64 << 20;

/// How much is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing: frames have no names.
    None,
    /// Symbol tables: names of functions.
    Symbols,
    /// Debug information too: inlined calls, files and lines.
    #[default]
    Full,
}

/// What to look up, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// How much is looked up.
    pub mode: Mode,
    /// Folders to search for separate debug files before the system's.
    pub debug_folders: Vec<PathBuf>,
    /// The folder where debuginfod's client keeps what it downloaded.
    pub debuginfod_cache: Option<PathBuf>,
}

impl Default for Options {
    /// All there is, with the debuginfod cache that the environment names: see
    /// debuginfod_find_debuginfo(3).
    fn default() -> Options {
        let folder = |name, below: &str| Some(PathBuf::from(env::var_os(name)?).join(below));
        let cache = folder("DEBUGINFOD_CACHE_PATH", "")
            .or_else(|| folder("XDG_CACHE_HOME", "debuginfod_client"))
            .or_else(|| folder("HOME", ".cache/debuginfod_client"));
        Options { mode: Mode::Full, debug_folders: Vec::new(), debuginfod_cache: cache }
    }
}

/// A function, and a line in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedFrame {
    /// The function, shared by all frames in it.
    pub function: Arc<Function>,
    /// The line in [`Function::file`], from 1; 0 if unknown.
    pub line: u64,
}

/// A part of a file, mapped with permission to execute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// First address in the process.
    pub start: u64,
    /// Address after the last.
    pub end: u64,
    /// Offset in the file of the first byte.
    pub offset: u64,
}

/// What was found out about the addresses of a profile.
#[derive(Debug, Clone, Default)]
pub struct Symbols {
    frames: HashMap<Frame, Vec<ResolvedFrame>>,
    segments: Vec<Vec<Segment>>,
}

impl Symbols {
    /// What `frame` stands for, innermost first; empty if nothing was looked up or its address is
    /// in no module and no map of generated code.
    pub fn lookup(&self, frame: Frame) -> &[ResolvedFrame] {
        self.frames.get(&frame).map_or(&[], Vec::as_slice)
    }

    /// The executable segments of the module with that index; empty if its file is not to be had.
    pub fn segments(&self, module: u32) -> &[Segment] {
        self.segments.get(module as usize).map_or(&[], Vec::as_slice)
    }
}

/// Looks up `frames` of the process `pid`, which may have ended. Whatever is missing or damaged
/// makes names missing, not the call fail.
pub fn symbolize(modules: &[Module], frames: &[Frame], pid: u32, options: &Options) -> Symbols {
    let mut addresses = vec![Vec::new(); modules.len()];
    let mut outside = Vec::new();
    for frame in frames {
        let module = frame.module.and_then(|module| addresses.get_mut(module as usize));
        module.unwrap_or(&mut outside).push(frame.address);
    }
    for addresses in addresses.iter_mut().chain([&mut outside]) {
        addresses.sort_unstable();
        addresses.dedup();
    }
    let mut symbols = Symbols { segments: vec![Vec::new(); modules.len()], ..Symbols::default() };
    for (index, segments, resolved) in in_parallel(modules, &addresses, options) {
        symbols.segments[index] = segments;
        let frame = |&address| Frame { address, module: Some(index as u32) };
        symbols.frames.extend(addresses[index].iter().map(frame).zip(resolved));
    }
    if options.mode != Mode::None {
        symbols.frames.extend(generated(pid, &outside));
    }
    symbols
}

/// What was found out about a module: its index, its segments, and the frames of its addresses.
type Found = (usize, Vec<Segment>, Vec<Vec<ResolvedFrame>>);

/// Looks up each module's addresses, the modules shared out among as many threads as there are
/// processors. The one with the most addresses comes first: it is likely to take longest.
fn in_parallel(modules: &[Module], addresses: &[Vec<u64>], options: &Options) -> Vec<Found> {
    let folders = DebugFolders::new(&options.debug_folders, options.debuginfod_cache.as_deref());
    let mut order: Vec<usize> = (0..modules.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(addresses[index].len()));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let binary = Binary::open(&modules[index], &folders, options.mode);
            let resolved = match options.mode {
                Mode::None => Vec::new(),
                Mode::Symbols | Mode::Full => binary.resolve(&addresses[index]),
            };
            found.push((index, binary.segments, resolved));
        }
        found
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(modules.len());
    thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().stack_size(STACK_SIZE).spawn_scoped(scope, work);
        let threads: Vec<_> = (0..threads).map_while(|index| spawn(index).ok()).collect();
        let found = threads.into_iter().filter_map(|thread| thread.join().ok());
        found.flatten().collect()
    })
}

/// The frames of code that the program made at run time.
fn generated(pid: u32, addresses: &[u64]) -> impl Iterator<Item = (Frame, Vec<ResolvedFrame>)> {
    let mut functions = Functions::default();
    let names = perf_map::names(&perf_map::path(pid), addresses);
    names.into_iter().map(move |(address, name)| {
        let function = functions.named(name, String::new(), 0);
        (Frame { address, module: None }, vec![ResolvedFrame { function, line: 0 }])
    })
}
