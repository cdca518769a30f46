//! The modules of an image, and those of them that a profile is about.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Release;

use heaptrace_channel::modules::{ModuleBuffer, ModuleId, UNNAMED};
use heaptrace_channel::processes::Process;
use heaptrace_channel::{Segment, sys};

use crate::files::Files;
use crate::limits::is_scarce;
use crate::maps::FileMapping;
use crate::path::{absolute, os_path};
use crate::recording::Module;

/// What the library has told of modules, by their records.
///
/// A copy shares the records, and knows no more of them than there are now.
#[derive(Debug, Default, Clone)]
pub struct Modules {
    /// None where a record is not there: yet, or for good, as its writer was killed.
    records: Vec<Option<Arc<Record>>>,
}

#[derive(Debug)]
struct Record {
    module: Module,
    is_initial: bool,
    is_executable: bool,
}

/// Where the files of modules are found.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The image's executable.
    pub executable: &'a Path,
    /// The process that the image began with, and its files.
    pub first: (u32, &'a Files),
}

impl Modules {
    /// Reads the records that are new, and opens their files while the processes live that added
    /// them: `pid_of` tells which these are.
    pub fn read(
        &mut self,
        segment: &Segment<'_>,
        places: Places<'_>,
        pid_of: impl Fn(Process) -> Option<u32>,
    ) {
        let mut buffer = ModuleBuffer::default();
        self.records.resize_with(segment.modules().count().max(self.records.len()), || None);
        for (index, place) in self.records.iter_mut().enumerate().filter(|(_, place)| place.is_none()) {
            let Some((record, process)) = segment.modules().get(index, &mut buffer) else { continue };
            let is_executable = record.path.is_empty();
            // A child may have gone to another folder or root since it was forked.
            let child = pid_of(process).filter(|&pid| pid != places.first.0 && is_there(pid));
            let childs_files = child.map(Files::of);
            let files = childs_files.as_ref().unwrap_or(places.first.1);
            let path = match record.path {
                b"" => places.executable.to_owned(),
                b"linux-vdso.so.1" => "[vdso]".into(),
                path if path == UNNAMED.to_bytes() => {
                    mapped_at(child.unwrap_or(places.first.0), record.start)
                }
                path => absolute(child.unwrap_or(places.first.0), os_path(path)),
            };
            let file = if is_executable { files.open_executable(&path) } else { files.open(&path) };
            // Without it, names are looked up in what is at the path then.
            let file = file.filter(|file| !is_scarce(file));
            let module = Module {
                start: record.start,
                end: record.end,
                bias: record.bias,
                build_id: record.build_id.to_vec(),
                file: file.map(Arc::new),
                path,
            };
            *place = Some(Arc::new(Record { module, is_initial: record.is_initial, is_executable }));
            if let Some(seen) = segment.modules().seen(ModuleId::of_record(index)) {
                seen.store(1, Release);
                sys::futex_wake(seen);
            }
        }
    }

    /// Index of the record of the module that a frame names, and is in.
    fn find(&self, address: u64, named: ModuleId) -> Option<usize> {
        let contains = |record: &Arc<Record>| (record.module.start..record.module.end).contains(&address);
        match named.record() {
            Some(index) => self.records.get(index)?.as_ref().is_some_and(contains).then_some(index),
            None => {
                let initial = |record: &Option<Arc<Record>>| {
                    record.as_ref().is_some_and(|record| record.is_initial && contains(record))
                };
                self.records.iter().rposition(initial)
            }
        }
    }
}

/// The modules that one process's stacks lead through, in the order of their first frame, with the
/// program's own before all.
#[derive(Debug)]
pub struct Selection<'a> {
    from: &'a Modules,
    /// For each record the index in `modules`.
    selected: Vec<Option<u32>>,
    modules: Vec<Module>,
}

impl<'a> Selection<'a> {
    /// Has only the program's own module.
    pub fn new(from: &'a Modules) -> Selection<'a> {
        let mut selection = Selection { from, selected: vec![None; from.records.len()], modules: Vec::new() };
        let is_executable = |record: &Option<Arc<Record>>| record.as_ref().is_some_and(|it| it.is_executable);
        if let Some(index) = from.records.iter().position(is_executable) {
            selection.select(index);
        }
        selection
    }

    /// The index of the module that a frame is in; it is one of the selection then.
    pub fn index(&mut self, address: u64, named: ModuleId) -> Option<u32> {
        let index = self.from.find(address, named)?;
        self.selected[index].or_else(|| self.select(index))
    }

    fn select(&mut self, index: usize) -> Option<u32> {
        let record = self.from.records[index].as_ref()?;
        self.selected[index] = Some(self.modules.len() as u32);
        self.modules.push(record.module.clone());
        self.selected[index]
    }

    /// The modules.
    pub fn into_modules(self) -> Vec<Module> {
        self.modules
    }
}

/// The file that a process has there.
fn mapped_at(pid: u32, address: u64) -> PathBuf {
    let mapping = FileMapping::all(pid).into_iter().find(|mapping| mapping.range.contains(&address));
    mapping.map_or_else(|| os_path(UNNAMED.to_bytes()), |mapping| mapping.path)
}

fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
