//! Who tells starting processes of their patches: beside the thread that drains, as a file may be large.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use hashbrown::HashMap;
use heaptrace_channel::patch::{MAX_PATCHES, VERSION};
use heaptrace_channel::plain::{FileState, Key};
use heaptrace_symbolize::{Code, CodeSegment, Kept, open_regular};

use super::file::{FilePlan, LeftAlone};
use super::kept;
use super::plain::PlainFiles;
use crate::files::Files;
use crate::listener::Connection;
use crate::maps::FileMapping;

/// A page, in which offsets of mappings are given.
const PAGE: u64 = 4096;

/// What was found in a process that could not be patched, once it has been looked at.
pub type Left = Arc<OnceLock<Vec<LeftAlone>>>;

/// A process that waits for its patches.
struct Job {
    pid: u32,
    connection: Connection,
    left: Left,
}

/// Works patches out.
#[derive(Debug)]
pub struct Planner(Sender<Job>);

impl Planner {
    /// Starts its thread, which ends when nobody can ask any more. It notes in the file `plain` in which files
    /// there is nothing to patch, for who is made of no others, and knows the plans that are `kept`.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(plain: Option<PathBuf>, kept: Option<Arc<Kept>>) -> io::Result<Planner> {
        let (sender, jobs) = unbounded();
        let plain = plain.and_then(|path| PlainFiles::create(&path).ok()); // without it everybody asks
        let plans = Plans { known: HashMap::new(), plain, kept };
        thread::Builder::new().spawn(move || work(&jobs, plans))?;
        Ok(Planner(sender))
    }

    /// Has a process told of its patches.
    pub fn tell(&self, pid: u32, connection: Connection) -> Left {
        let left = Left::default();
        self.0.send(Job { pid, connection, left: Arc::clone(&left) }).ok();
        left
    }
}

fn work(jobs: &Receiver<Job>, mut plans: Plans) {
    for Job { pid, connection, left } in jobs {
        // A fault of ours costs these patches only. The process waits for an answer in any case.
        let told = catch_unwind(AssertUnwindSafe(|| plans.of_process(pid)));
        let (message, left_alone) = told.unwrap_or_else(|_| (vec![VERSION], Vec::new()));
        let _ = left.set(left_alone); // nobody else does
        connection.send(&message);
    }
}

/// A plan, and where the file's code is.
type Planned = Arc<(FilePlan, Vec<CodeSegment>)>;

/// The plans for files, as the program or as a library.
struct Plans {
    known: HashMap<(FileState, bool), Planned>,
    plain: Option<PlainFiles>,
    kept: Option<Arc<Kept>>,
}

impl Plans {
    /// The message with the patches of a process, and what is left alone in it.
    fn of_process(&mut self, pid: u32) -> (Vec<u8>, Vec<LeftAlone>) {
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
        let data = file.metadata().ok()?;
        let state = FileState::new(data.dev(), data.ino(), data.size(), (data.ctime(), data.ctime_nsec()));
        if let Some(known) = self.known.get(&(state, is_program)) {
            return Some(Arc::clone(known));
        }
        let code = Code::of(file, path)?;
        let plan = kept::plan(&code, is_program, self.kept.as_deref());
        if let Some(plain) = self.plain.as_mut().filter(|_| plan.is_empty()) {
            plain.note(Key::of(state, is_program));
        }
        let plan = Arc::new((plan, code.segments()));
        self.known.insert((state, is_program), Arc::clone(&plan));
        Some(plan)
    }
}

/// What was added to the addresses of the file that has these segments, of which one is mapped there.
fn bias(mapping: &FileMapping, segments: &[CodeSegment]) -> Option<u64> {
    let page = |address: u64| address - address % PAGE;
    let own = segments.iter().find(|segment| page(segment.offset) == mapping.offset)?;
    Some(mapping.range.start.wrapping_sub(page(own.start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bias_of_a_file_is_known_from_where_its_code_is() {
        let line = b"55d0c0a01000-55d0c0a05000 r-xp 00001000 fe:01 1234 /usr/bin/a";
        let mapping = FileMapping::parse(line).unwrap();
        let segments = [CodeSegment { start: 0x2030, offset: 0x1030, size: 100 }];
        assert_eq!(bias(&mapping, &segments), Some(0x55d0_c09f_f000));
    }
}
