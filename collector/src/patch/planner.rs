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
use heaptrace_symbolize::{Code, CodeSegment, open_regular};

use super::file::{FilePlan, LeftAlone};
use crate::files::Files;
use crate::listener::Connection;
use crate::path::os_path;

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
    /// Starts its thread, which ends when nobody can ask any more.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start() -> io::Result<Planner> {
        let (sender, jobs) = unbounded();
        thread::Builder::new().spawn(move || work(&jobs))?;
        Ok(Planner(sender))
    }

    /// Has a process told of its patches.
    pub fn tell(&self, pid: u32, connection: Connection) -> Left {
        let left = Left::default();
        self.0.send(Job { pid, connection, left: Arc::clone(&left) }).ok();
        left
    }
}

fn work(jobs: &Receiver<Job>) {
    let mut plans = Plans::default();
    for Job { pid, connection, left } in jobs {
        // A fault of ours costs these patches only. The process waits for an answer in any case.
        let told = catch_unwind(AssertUnwindSafe(|| plans.of_process(pid)));
        let (message, left_alone) = told.unwrap_or_else(|_| (vec![VERSION], Vec::new()));
        let _ = left.set(left_alone); // nobody else does
        connection.send(&message);
    }
}

/// The plans for files, by what tells one file's contents from another's.
#[derive(Default)]
struct Plans(HashMap<[u64; 5], Arc<(FilePlan, Vec<CodeSegment>)>>);

impl Plans {
    /// The message with the patches of a process, and what is left alone in it.
    fn of_process(&mut self, pid: u32) -> (Vec<u8>, Vec<LeftAlone>) {
        let files = Files::of(pid);
        let maps = fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let (mut message, mut count) = (vec![VERSION], 0);
        let mut left: Vec<LeftAlone> = Vec::new();
        for mapping in maps.split(|&byte| byte == b'\n').filter_map(Mapping::parse) {
            let is_program = mapping.path == program;
            let opened = match is_program {
                true => open_regular(Path::new(&format!("/proc/{pid}/exe"))).ok(),
                false => files.open(&mapping.path),
            };
            let Some(plan) = opened.and_then(|file| self.of_file(file, &mapping.path, is_program)) else {
                continue;
            };
            let (plan, segments) = &*plan;
            let Some(bias) = mapping.bias(segments) else { continue };
            for patch in plan.patches(bias).filter(|patch| mapping.holds(patch.function)) {
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

    fn of_file(
        &mut self,
        file: File,
        path: &Path,
        is_program: bool,
    ) -> Option<Arc<(FilePlan, Vec<CodeSegment>)>> {
        let data = file.metadata().ok()?;
        let changed = data.mtime().wrapping_mul(1_000_000_000).wrapping_add(data.mtime_nsec());
        let key = [data.dev(), data.ino(), data.size(), changed as u64, is_program.into()];
        if let Some(known) = self.0.get(&key) {
            return Some(Arc::clone(known));
        }
        let code = Code::of(file, path)?;
        let plan = Arc::new((FilePlan::of(&code, is_program), code.segments()));
        self.0.insert(key, Arc::clone(&plan));
        Some(plan)
    }
}

/// Code of a file in the memory of a process.
#[derive(Debug, PartialEq, Eq)]
pub struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
    /// The file.
    pub path: PathBuf,
}

impl Mapping {
    /// Reads a line of /proc/PID/maps; `None` for what is no code of a file.
    pub fn parse(line: &[u8]) -> Option<Mapping> {
        let mut words = line.splitn(6, |&byte| byte == b' ');
        let mut word = || str::from_utf8(words.next()?).ok();
        let (range, permissions, offset) = (word()?, word()?, word()?);
        let (_device, _inode) = (word()?, word()?);
        let path = words.next()?.trim_ascii_start();
        let (start, end) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        let is_code = permissions.as_bytes().get(2) == Some(&b'x') && path.first() == Some(&b'/');
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        is_code.then_some(Mapping {
            start: number(start)?,
            end: number(end)?,
            offset: number(offset)?,
            path: os_path(path).to_owned(),
        })
    }

    /// What was added to the addresses of the file that has these segments.
    fn bias(&self, segments: &[CodeSegment]) -> Option<u64> {
        let page = |address: u64| address - address % PAGE;
        let own = segments.iter().find(|segment| page(segment.offset) == self.offset)?;
        Some(self.start.wrapping_sub(page(own.start)))
    }

    fn holds(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn code_is_found_among_mappings() {
        let line = b"55d0c0a01000-55d0c0a05000 r-xp 00001000 fe:01 1234                       /usr/bin/a b (deleted)";
        let mapping = Mapping::parse(line).unwrap();
        assert_eq!((mapping.start, mapping.offset), (0x55d0_c0a0_1000, 0x1000));
        assert_eq!(mapping.path.as_os_str().as_bytes(), b"/usr/bin/a b");
        let segments = [CodeSegment { start: 0x2030, offset: 0x1030, size: 100 }];
        assert_eq!(mapping.bias(&segments), Some(0x55d0_c09f_f000));
        assert!(mapping.holds(0x55d0_c0a0_1000) && !mapping.holds(0x55d0_c0a0_5000));
        for other in [
            &b"55d0c0a01000-55d0c0a05000 r--p 00001000 fe:01 1234 /usr/bin/a"[..],
            b"7ffd0000-7ffe0000 r-xp 00000000 00:00 0 [vdso]",
            b"7ffd0000-7ffe0000 r-xp 00000000 00:00 0 ",
            b"",
        ] {
            assert_eq!(Mapping::parse(other), None);
        }
    }
}
