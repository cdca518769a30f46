//! Allocators inside counted programs: their functions are not patched here, so what they do is not counted, and
//! that is to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use heaptrace_symbolize::{Code, open_regular};

use crate::maps::FileMapping;
use crate::patch::FilePlan;

/// The files that a process has code of.
#[derive(Debug, Default)]
pub struct CodeFiles {
    program: PathBuf,
    all: BTreeSet<PathBuf>,
}

impl CodeFiles {
    /// Those of a process that is there; only what it says that its executable is, if it is over already. Reads a
    /// list of the kernel's, and none of them: the process may be waiting.
    pub fn of(pid: u32, executable: &Path) -> CodeFiles {
        let mappings = FileMapping::all(pid).into_iter().filter(|mapping| mapping.is_code);
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_else(|_| executable.to_owned());
        let all = mappings.map(|mapping| mapping.path).chain([program.clone()]).collect();
        CodeFiles { program, all }
    }
}

/// What is known of files.
#[derive(Debug, Default)]
pub struct Known(BTreeMap<(PathBuf, bool), Allocator>);

/// An allocator inside a file, beside what is called by the usual names.
#[derive(Debug, Clone)]
enum Allocator {
    None,
    /// The file calls it by itself.
    Own,
    /// A library's, for whoever calls these.
    Offered(Vec<String>),
}

impl Known {
    /// Does a process call an allocator that is inside one of its files?
    pub fn calls_allocator(&mut self, files: &CodeFiles) -> bool {
        files.all.iter().any(|path| {
            let is_program = *path == files.program;
            let allocator =
                self.0.entry((path.clone(), is_program)).or_insert_with(|| inside(path, is_program));
            match allocator {
                Allocator::None => false,
                Allocator::Own => true,
                Allocator::Offered(names) => {
                    let names: Vec<_> = names.iter().map(String::as_str).collect();
                    code(&files.program).is_some_and(|code| code.mentions(&names))
                }
            }
        })
    }
}

fn code(path: &Path) -> Option<Code> {
    Code::of(open_regular(path).ok()?, path)
}

fn inside(path: &Path, is_program: bool) -> Allocator {
    let Some(code) = code(path) else { return Allocator::None };
    let names = FilePlan::of(&code, is_program).into_names();
    let functions = code.functions();
    let is_offered = |name: &String| functions.iter().any(|it| it.is_exported && it.name == *name);
    if names.is_empty() {
        Allocator::None
    } else if !is_program && names.iter().all(is_offered) {
        Allocator::Offered(names)
    } else {
        Allocator::Own
    }
}
