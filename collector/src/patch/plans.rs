//! The plans of a session: what is to be patched in each of its files.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashMap;
use heaptrace_channel::patch::{MAX_PATCHES, VERSION};
use heaptrace_channel::plain::{FileState, Key};
use heaptrace_symbolize::{Code, CodeSegment, Kept, open_regular};

use super::file::{FilePlan, LeftAlone};
use super::kept;
use super::plain::{PlainFiles, PlainPrograms};
use crate::files::Files;
use crate::maps::FileMapping;

/// A page, in which offsets of mappings are given.
const PAGE: u64 = 4096;

/// A plan, and where the file's code is.
type Planned = Arc<(FilePlan, Vec<CodeSegment>)>;

/// The plans for files, as the program or as a library.
#[derive(Debug)]
pub struct Plans {
    known: HashMap<(FileState, bool), Planned>,
    plain: Option<PlainFiles>,
    /// The programs among the plain files.
    pub programs: PlainPrograms,
    kept: Option<Arc<Kept>>,
}

/// Files of the C library, whose allocator is hooked by its names, and which has no other inside.
const C_LIBRARY: [&str; 6] = [
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "ld-linux-x86-64.so.2",
    "ld-musl-x86_64.so.1",
];

impl Plans {
    /// Those of a session, which begin with the files that are `expected` in it, and know those that are `kept`. In which
    /// files there is nothing to patch is noted in the file `plain`, for who is made of no others.
    pub fn begin(plain: Option<PathBuf>, kept: Option<Arc<Kept>>, expected: &[PathBuf]) -> Plans {
        let plain = plain.and_then(|path| PlainFiles::create(&path).ok()); // without it everybody asks
        let mut plans = Plans { known: HashMap::new(), plain, programs: PlainPrograms::default(), kept };
        // A fault of ours is met again when a process asks.
        let _ = catch_unwind(AssertUnwindSafe(|| plans.expect(expected)));
        plans
    }

    /// Works out what will be asked about these files, of which the first is a program. Unless there is none, it is about
    /// our own libraries too: nearly all programs have the same C library.
    fn expect(&mut self, files: &[PathBuf]) {
        let Some(program) = files.first() else { return };
        let own = fs::read_link("/proc/self/exe").unwrap_or_default();
        let shared = FileMapping::all(std::process::id()).into_iter();
        let shared =
            shared.filter(|mapping| mapping.is_code && mapping.path != own).map(|mapping| mapping.path);
        for path in files.iter().cloned().chain(shared) {
            let file = open_regular(&path).ok();
            let real = fs::canonicalize(&path).unwrap_or_default(); // that of the process
            file.and_then(|file| self.of_file(file, &real, path == *program));
        }
    }

    /// The message with the patches of a process, and what is left alone in it.
    pub fn of_process(&mut self, pid: u32) -> (Vec<u8>, Vec<LeftAlone>) {
        let files = Files::of(pid);
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let (mut message, mut count) = (vec![VERSION], 0);
        let mut left: Vec<LeftAlone> = Vec::new();
        for mapping in FileMapping::all(pid).into_iter().filter(|mapping| mapping.is_code) {
            let is_program = mapping.path == program;
            let opened = match is_program {
                true => open_regular(Path::new(&format!("/proc/{pid}/exe"))).ok(),
                false => files.open(&mapping.path),
            };
            let Some(plan) = opened.and_then(|file| self.of_file(file, &mapping.path, is_program)) else {
                continue;
            };
            let (plan, segments) = &*plan;
            let Some(bias) = bias(&mapping, segments) else { continue };
            for patch in plan.patches(bias).filter(|patch| mapping.range.contains(&patch.function)) {
                if count < MAX_PATCHES {
                    message.extend(patch.encode());
                    count += 1;
                }
            }
            for one in &plan.left {
                if !left.contains(one) {
                    left.push(one.clone());
                }
            }
        }
        (message, left)
    }

    fn of_file(&mut self, file: File, path: &Path, is_program: bool) -> Option<Planned> {
        let state = state(&file.metadata().ok()?);
        if let Some(known) = self.known.get(&(state, is_program)) {
            return Some(Arc::clone(known));
        }
        let (plan, segments) = match has_none(path) {
            true => (FilePlan::default(), Vec::new()),
            false => {
                let code = Code::of(file, path)?;
                (kept::plan(&code, is_program, self.kept.as_deref()), code.segments())
            }
        };
        if let Some(plain) = self.plain.as_mut().filter(|_| plan.is_empty()) {
            let key = Key::of(state, is_program);
            if is_program {
                self.programs.note(key, path); // first: who finds the key in the table tells no path
            }
            plain.note(key);
        }
        let plan = Arc::new((plan, segments));
        self.known.insert((state, is_program), Arc::clone(&plan));
        Some(plan)
    }
}

fn state(data: &Metadata) -> FileState {
    FileState::new(data.dev(), data.ino(), data.size(), (data.ctime(), data.ctime_nsec()))
}

/// Is it known without reading it that there is no allocator inside: as it is the C library's, or our own?
fn has_none(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    C_LIBRARY.contains(&name) || name.starts_with("libheaptrace")
}

/// What was added to the addresses of the file that has these segments, of which one is mapped there.
fn bias(mapping: &FileMapping, segments: &[CodeSegment]) -> Option<u64> {
    let page = |address: u64| address - address % PAGE;
    let own = segments.iter().find(|segment| page(segment.offset) == mapping.offset)?;
    Some(mapping.range.start.wrapping_sub(page(own.start)))
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    #[test]
    fn what_is_expected_is_noted_before_anybody_asks() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("table");
        let plain = Some(PlainFiles::create(&table).unwrap());
        let programs = PlainPrograms::default();
        let mut plans = Plans { known: HashMap::new(), plain, programs: programs.clone(), kept: None };
        let program = fs::canonicalize("/bin/true").unwrap();
        let own = FileMapping::all(std::process::id()).into_iter().map(|mapping| mapping.path);
        let c_library = own.into_iter().find(|path| path.ends_with("libc.so.6")).unwrap();
        let mut noted = |expected: &[PathBuf]| {
            plans.expect(expected);
            let noted = fs::read(&table).unwrap();
            [(&program, true), (&c_library, false)]
                .map(|(path, is_program)| Key::of(state(&path.metadata().unwrap()), is_program).is_in(&noted))
        };
        assert_eq!(noted(&[]), [false; 2]);
        assert_eq!(noted(slice::from_ref(&program)), [true; 2]);
        let key = |is_program| Key::of(state(&program.metadata().unwrap()), is_program);
        assert_eq!(
            [true, false].map(|is_program| programs.path(key(is_program))),
            [Some(program.clone()), None]
        );
    }

    #[test]
    fn the_bias_of_a_file_is_known_from_where_its_code_is() {
        let line = b"55d0c0a01000-55d0c0a05000 r-xp 00001000 fe:01 1234 /usr/bin/a";
        let mapping = FileMapping::parse(line).unwrap();
        let segments = [CodeSegment { start: 0x2030, offset: 0x1030, size: 100 }];
        assert_eq!(bias(&mapping, &segments), Some(0x55d0_c09f_f000));
    }
}
