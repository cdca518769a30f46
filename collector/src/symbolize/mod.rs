//! Names of addresses: for each address in a profile the functions, files and lines it stands for,
//! inlined calls included.
//!
//! What is known of an address is taken from, in this order: DWARF, of the module or of its
//! separate debug file; symbol tables; the map that a program writes of code it makes at run time;
//! else its name is the module and where the function begins, or the address, in the module's file.

use std::cmp::Reverse;
use std::env;
use std::fs::File;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::recording::{Frame, Module};
pub use binary::Located;
use binary::{Binary, Names};
use cache::Cache;
use debug_file::DebugFolders;
pub use debuginfod::Complaint;
pub use function::Function;
use function::Functions;
use hashbrown::HashMap;
use progress::Count;
pub use progress::Progress;

mod binary;
mod cache;
mod contents;
mod debug_file;
mod debuginfod;
mod demangle;
mod dlang;
mod dwarf;
mod elf;
mod function;
mod function_bounds;
mod later;
mod open_files;
mod perf_map;
mod plt;
mod progress;
mod source;
mod symbol_table;
mod vdso;

pub use debug_file::hex;
pub(crate) use elf::{open_regular, regular};

/// How many addresses of a module are looked up by one thread, neighbours as they are: they tend to
/// be in the same unit.
const JOB_SIZE: usize = 256;

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

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Mode, String> {
        match text {
            "none" => Ok(Mode::None),
            "symbols" => Ok(Mode::Symbols),
            "full" => Ok(Mode::Full),
            _ => Err("use none, symbols or full".to_owned()),
        }
    }
}

/// What to look up, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// How much is looked up.
    pub mode: Mode,
    /// Folders to search for programs and separate debug files before the system's.
    pub debug_folders: Vec<PathBuf>,
    /// Folders that pprof searches for programs, after those.
    pub binary_folders: Vec<PathBuf>,
    /// The folder where debuginfod's clients keep what they downloaded.
    pub debuginfod_cache: Option<PathBuf>,
    /// Debuginfod servers to ask for what is in no folder. They need the cache.
    pub debuginfod_urls: Vec<String>,
    /// How long all answers of servers together may take.
    pub debuginfod_time_limit: Duration,
    /// How long debug information is read for one profile. What was not found by then has the names
    /// in symbol tables.
    pub time_limit: Duration,
}

impl Default for Options {
    /// All there is, with the folders that the environment names for pprof, and the debuginfod cache
    /// and servers: see debuginfod_find_debuginfo(3).
    fn default() -> Options {
        let folder = |name, below: &str| {
            let value = env::var_os(name).filter(|value| !value.is_empty())?;
            Some(PathBuf::from(value).join(below))
        };
        let cache = folder("DEBUGINFOD_CACHE_PATH", "")
            .or_else(|| folder("XDG_CACHE_HOME", "debuginfod_client"))
            .or_else(|| folder("HOME", ".cache/debuginfod_client"));
        // Its own default is that of `go tool pprof -help`.
        let binary_folders = match env::var_os("PPROF_BINARY_PATH").filter(|value| !value.is_empty()) {
            Some(folders) => env::split_paths(&folders).collect(),
            None => folder("HOME", "pprof/binaries").into_iter().collect(),
        };
        let urls = env::var("DEBUGINFOD_URLS").unwrap_or_default();
        let urls = urls.split_whitespace().filter(|url| url.starts_with("http"));
        Options {
            mode: Mode::Full,
            debug_folders: Vec::new(),
            binary_folders,
            debuginfod_cache: cache,
            debuginfod_urls: urls.map(str::to_owned).collect(),
            debuginfod_time_limit: Duration::from_secs(30),
            time_limit: Duration::from_secs(60),
        }
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
    frames: HashMap<Frame, Arc<[ResolvedFrame]>>,
    segments: Vec<Vec<Segment>>,
}

impl Symbols {
    /// What `frame` stands for, innermost first; empty if nothing was looked up or its address is
    /// in no module and no map of generated code.
    pub fn lookup(&self, frame: Frame) -> &[ResolvedFrame] {
        self.frames.get(&frame).map_or(&[], |frames| frames)
    }

    /// The executable segments of the module with that index; empty if its file is not to be had.
    pub fn segments(&self, module: u32) -> &[Segment] {
        self.segments.get(module as usize).map_or(&[], Vec::as_slice)
    }
}

/// Looks names up, and remembers what it read for the next time.
#[derive(Debug)]
pub struct Symbolizer {
    mode: Mode,
    time_limit: Duration,
    folders: Arc<DebugFolders>,
    cache: Cache,
    count: Count,
}

impl Symbolizer {
    /// Remembers nothing yet.
    pub fn new(options: &Options) -> Symbolizer {
        Symbolizer {
            mode: options.mode,
            time_limit: options.time_limit,
            folders: Arc::new(DebugFolders::new(options)),
            cache: Cache::default(),
            count: Count::default(),
        }
    }

    /// What the user should know about what was not found so far.
    pub fn complaints(&self) -> Vec<Complaint> {
        self.folders.complaints()
    }

    /// How far it has come with all that it was asked for; for another thread to call meanwhile.
    pub fn progress(&self) -> Progress {
        self.count.progress(self.folders.awaited_server())
    }

    /// Where the file of a module is.
    pub fn locate(&self, module: &Module) -> Located {
        let place = self.cache.place(module);
        place.get_or_init(|| Binary::open(module, &self.folders)).located.clone()
    }

    /// The file that a module without build id may have been: at its path, or below one of the
    /// folders.
    pub fn by_name(&self, module: &Path) -> Option<(PathBuf, File)> {
        let open = |path: PathBuf| {
            let file = open_regular(&path).ok()?;
            Some((path, file))
        };
        self.folders.by_name(module).find_map(open)
    }

    /// What was added to the addresses of a module's file where the byte at `offset` is mapped at
    /// `start`; `None` if its file is not to be had. The module's own bias is not looked at.
    pub fn bias(&self, module: &Module, start: u64, offset: u64) -> Option<u64> {
        let place = self.cache.place(module);
        place.get_or_init(|| Binary::open(module, &self.folders)).bias(start, offset)
    }

    /// Looks up `frames` of the process `pid`, which may have ended. Whatever is missing or damaged
    /// makes names missing, not the call fail.
    pub fn symbolize(&self, modules: &[Module], frames: &[Frame], pid: u32) -> Symbols {
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
        self.count.ask(addresses.iter().map(Vec::len).sum());
        let mut symbols = Symbols { segments: vec![Vec::new(); modules.len()], ..Symbols::default() };
        for found in self.in_parallel(modules, &addresses) {
            let module = Some(found.module as u32);
            let frame = |(address, frames)| (Frame { address, module }, frames);
            symbols.frames.extend(found.resolved.into_iter().map(frame));
            symbols.segments[found.module] = found.segments;
        }
        if self.mode != Mode::None {
            symbols.frames.extend(generated(pid, &outside));
        }
        self.cache.trim();
        symbols
    }

    /// Does the jobs of all modules, with as many threads as there are processors.
    fn in_parallel(&self, modules: &[Module], addresses: &[Vec<u64>]) -> Vec<Found> {
        let deadline = Instant::now() + self.time_limit;
        let jobs = jobs(addresses);
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(jobs.len());
        let jobs = Mutex::new(jobs.into_iter());
        let next = || jobs.lock().ok()?.next();
        let work = || std::iter::from_fn(next).map(|job| self.look_up(modules, job, deadline)).collect();
        thread::scope(|scope| {
            let threads: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut found: Vec<Found> = work();
            found.extend(threads.into_iter().filter_map(|thread| thread.join().ok()).flatten());
            found
        })
    }

    fn look_up(&self, modules: &[Module], job: Job<'_>, deadline: Instant) -> Found {
        let module = &modules[job.module];
        let place = self.cache.place(module);
        let binary = place.get_or_init(|| Binary::open(module, &self.folders));
        let mut found =
            Found { module: job.module, segments: binary.segments(module.bias), resolved: Vec::new() };
        if self.mode != Mode::None && !job.addresses.is_empty() {
            let names = binary.names(|| Names::read(module, &self.folders, self.mode));
            let resolve = |&address: &u64| {
                let frames = names.resolve(address.wrapping_sub(module.bias), deadline);
                self.count.finish_one();
                (address, frames)
            };
            found.resolved = job.addresses.iter().map(resolve).collect();
        }
        found
    }
}

/// Some addresses of a module, to be looked up by one thread.
struct Job<'a> {
    module: usize,
    addresses: &'a [u64],
}

/// What was found out by a job: the module's segments, and the frames of each address.
struct Found {
    module: usize,
    segments: Vec<Segment>,
    resolved: Vec<(u64, Arc<[ResolvedFrame]>)>,
}

/// The jobs for all modules, those of the module with most addresses first: it is likely to take
/// longest. A module without addresses has a job too, which finds its segments.
fn jobs(addresses: &[Vec<u64>]) -> Vec<Job<'_>> {
    let mut modules: Vec<_> = addresses.iter().enumerate().collect();
    modules.sort_by_key(|(_, addresses)| Reverse(addresses.len()));
    let jobs = modules.into_iter().flat_map(|(module, addresses)| {
        let (first, rest) = addresses.split_at(addresses.len().min(JOB_SIZE));
        [first].into_iter().chain(rest.chunks(JOB_SIZE)).map(move |addresses| Job { module, addresses })
    });
    jobs.collect()
}

/// The frames of code that the program made at run time.
fn generated(pid: u32, addresses: &[u64]) -> impl Iterator<Item = (Frame, Arc<[ResolvedFrame]>)> {
    let mut functions = Functions::default();
    let names = perf_map::names(&perf_map::path(pid), addresses);
    names.into_iter().map(move |(address, name)| {
        let function = functions.named(name, None, String::new(), 0);
        (Frame { address, module: None }, Arc::new([ResolvedFrame { function, line: 0 }]) as Arc<[_]>)
    })
}

/// What is behind the locks here is whole at any time, even if a thread ended while it had one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
