//! Looking names up, with as many threads as there are processors.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs::File;
use std::num::NonZero;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::binary::{self, Binary, Located, Names};
use super::cache::Cache;
use super::complaint::Complaint;
use super::contain::{Fault, contain};
use super::debug_file::DebugFolders;
use super::function::Functions;
use super::kept::Kept;
use super::lock::lock;
use super::module::{Frame, Module};
use super::options::{Mode, Options};
use super::perf_map;
use super::progress::{Count, Progress};
use super::regular::open_regular;
use super::resolved::{ResolvedFrame, Segment, Symbols};

/// How many addresses of a module are looked up by one thread, neighbours as they are: they tend to
/// be in the same unit.
const JOB_SIZE: usize = 256;

/// Looks names up, and remembers what it read for the next time.
#[derive(Debug)]
pub struct Symbolizer {
    mode: Mode,
    time_limit: Duration,
    folders: Arc<DebugFolders>,
    cache: Cache,
    /// Where what was found is kept for the next session.
    kept: Option<Arc<Kept>>,
    count: Count,
    /// The files that could not be read for a fault of this crate.
    faults: Mutex<BTreeSet<PathBuf>>,
}

impl Symbolizer {
    /// Remembers nothing yet.
    pub fn new(options: &Options) -> Symbolizer {
        Symbolizer {
            mode: options.mode,
            time_limit: options.time_limit,
            folders: Arc::new(DebugFolders::new(options)),
            cache: Cache::default(),
            kept: options.kept.clone().and_then(Kept::open).map(Arc::new),
            count: Count::default(),
            faults: Mutex::default(),
        }
    }

    /// Where what was found is kept, if it is.
    pub fn kept(&self) -> Option<Arc<Kept>> {
        self.kept.clone()
    }

    /// Keeps the names that were found for the next session, if it was told where. To be called when
    /// nobody waits any more.
    pub fn keep(&self) {
        if let Some(folder) = &self.kept {
            self.cache.binaries().iter().filter_map(|binary| binary.get()).for_each(Binary::keep);
            folder.trim();
        }
    }

    /// What the user should know about what was not found so far.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = self.folders.complaints();
        complaints.extend(lock(&self.faults).iter().cloned().map(Complaint::Fault));
        complaints
    }

    /// How far it has come with all that it was asked for; for another thread to call meanwhile.
    pub fn progress(&self) -> Progress {
        self.count.progress(self.folders.awaited_server())
    }

    /// Where the file of a module is.
    pub fn locate(&self, module: &Module) -> Located {
        self.binary(module, &self.cache.place(module)).located.clone()
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
        self.binary(module, &self.cache.place(module)).bias(start, offset)
    }

    /// The functions that `addresses` are in, as the module's file has addresses; `None` where it does
    /// not tell.
    pub fn functions(&self, module: &Module, addresses: &[u64]) -> Vec<Option<Range<u64>>> {
        let found = contain(|| binary::functions(module, &self.folders, addresses));
        found.unwrap_or_else(|fault| self.note(fault, module, vec![None; addresses.len()]))
    }

    fn binary<'a>(&self, module: &Module, place: &'a OnceLock<Binary>) -> &'a Binary {
        let open = || contain(|| Binary::open(module, &self.folders));
        place.get_or_init(|| open().unwrap_or_else(|fault| self.note(fault, module, Binary::nowhere())))
    }

    /// Notes that a module met a fault, and goes on with `instead`.
    fn note<T>(&self, _: Fault, module: &Module, instead: T) -> T {
        lock(&self.faults).insert(module.path.clone());
        instead
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
        let threads = match jobs.len() {
            // Not to be divided: how many processors there are takes a while to find out.
            0 | 1 => 1,
            jobs => thread::available_parallelism().map_or(1, NonZero::get).min(jobs),
        };
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
        let binary = self.binary(module, &place);
        let mut found =
            Found { module: job.module, segments: binary.segments(module.bias), resolved: Vec::new() };
        if self.mode != Mode::None && !job.addresses.is_empty() {
            let read = || contain(|| Names::read(module, &self.folders, self.kept.as_deref(), self.mode));
            let names =
                binary.names(|| read().unwrap_or_else(|fault| self.note(fault, module, Names::none(module))));
            let resolve = |&address: &u64| {
                let here = address.wrapping_sub(module.bias);
                let frames = contain(|| names.resolve(here, deadline))
                    .unwrap_or_else(|fault| self.note(fault, module, names.unresolved(here)));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `demangle` panics at this name in tests.
    fn meets_a_fault() {}

    fn is_sound() {}

    #[test]
    fn a_fault_costs_one_name_and_is_told() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let path = std::env::current_exe().unwrap();
        let start = maps.lines().find(|line| line.ends_with(path.to_str().unwrap())).unwrap();
        let bias = u64::from_str_radix(start.split('-').next().unwrap(), 16).unwrap();
        let module = Module {
            start: bias,
            end: u64::MAX,
            bias,
            file: File::open(&path).ok().map(Arc::new),
            path: path.clone(),
            build_id: Vec::new(),
        };
        let functions: [fn(); 2] = [meets_a_fault, is_sound];
        let frames = functions.map(|function| Frame { address: function as usize as u64, module: Some(0) });
        let symbolizer = Symbolizer::new(&Options { mode: Mode::Symbols, ..Options::default() });
        let symbols = symbolizer.symbolize(&[module], &frames, 0);
        let [faulty, sound] = frames.map(|frame| &symbols.lookup(frame)[0].function.name);
        let file = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(*faulty, format!("{file}+{:#x}", frames[0].address - bias));
        assert!(sound.ends_with("symbolizer::tests::is_sound"), "{sound}");
        assert_eq!(symbolizer.complaints(), [Complaint::Fault(path)]);
    }
}
