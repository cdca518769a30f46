//! Names of addresses: for each address in a profile the functions, files and lines it stands for,
//! inlined calls included.
//!
//! What is known of an address is taken from, in this order: DWARF, of the module or of its
//! separate debug file; symbol tables; the map that a program writes of code it makes at run time;
//! else its name is the module and the address in the module's file.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::env;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
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

/// How many addresses of a module are looked up by one thread. Each thread indexes the module's
/// units for itself, which has to be little beside looking up the addresses.
const JOB_SIZE: usize = 2048;

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
        let folder = |name, below: &str| {
            let value = env::var_os(name).filter(|value| !value.is_empty())?;
            Some(PathBuf::from(value).join(below))
        };
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
    for found in in_parallel(modules, &addresses, options) {
        let module = found.module as u32;
        let frame = |&address| Frame { address, module: Some(module) };
        symbols.frames.extend(found.addresses.iter().map(frame).zip(found.resolved));
        symbols.segments[found.module] = found.segments;
    }
    if options.mode != Mode::None {
        symbols.frames.extend(generated(pid, &outside));
    }
    symbols
}

/// Some addresses of a module, to be looked up by one thread.
struct Job<'a, 'm> {
    module: usize,
    addresses: &'a [u64],
    /// Shared by the module's jobs, read by the first of them, gone with the last.
    binary: Arc<OnceLock<Binary<'m>>>,
}

/// What was found out by a job: the module's segments, and the frames of each address.
struct Found<'a> {
    module: usize,
    segments: Vec<Segment>,
    addresses: &'a [u64],
    resolved: Vec<Vec<ResolvedFrame>>,
}

/// Does the jobs of all modules, with as many threads as there are processors.
fn in_parallel<'a>(modules: &[Module], addresses: &'a [Vec<u64>], options: &Options) -> Vec<Found<'a>> {
    let folders = DebugFolders::new(&options.debug_folders, options.debuginfod_cache.as_deref());
    let jobs = jobs(addresses);
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(jobs.len());
    let jobs = Mutex::new(jobs.into_iter());
    let next = || jobs.lock().ok()?.next();
    let work = || {
        let mut found = Vec::new();
        while let Some(Job { module, addresses, binary }) = next() {
            let binary = binary.get_or_init(|| Binary::open(&modules[module], &folders, options.mode));
            let resolved = match options.mode {
                Mode::None => Vec::new(),
                Mode::Symbols | Mode::Full => binary.resolve(addresses),
            };
            found.push(Found { module, segments: binary.segments.clone(), addresses, resolved });
        }
        found
    };
    thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().stack_size(STACK_SIZE).spawn_scoped(scope, work);
        let threads: Vec<_> = (0..threads).map_while(|index| spawn(index).ok()).collect();
        let found = threads.into_iter().filter_map(|thread| thread.join().ok());
        found.flatten().collect()
    })
}

/// The jobs for all modules, those of the module with most addresses first: it is likely to take
/// longest. A module without addresses has a job too, which finds its segments.
fn jobs<'a, 'm>(addresses: &'a [Vec<u64>]) -> Vec<Job<'a, 'm>> {
    let mut modules: Vec<_> = addresses.iter().enumerate().collect();
    modules.sort_by_key(|(_, addresses)| Reverse(addresses.len()));
    let jobs = modules.into_iter().flat_map(|(module, addresses)| {
        let binary = Arc::new(OnceLock::new());
        let first = addresses.len().min(JOB_SIZE);
        let (first, rest) = addresses.split_at(first);
        let parts = [first].into_iter().chain(rest.chunks(JOB_SIZE));
        parts.map(move |addresses| Job { module, addresses, binary: Arc::clone(&binary) })
    });
    jobs.collect()
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
