//! The files of a program by the paths that it has for them.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use heaptrace_symbolize::{open_regular, regular};

/// What a process sees as its files.
#[derive(Debug)]
pub struct Files {
    pid: u32,
    /// The root folder of a process in a mount namespace of its own, and the namespace, which is
    /// gone with its last process unless somebody holds it.
    elsewhere: Option<(OwnedFd, OwnedFd)>,
}

impl Files {
    /// Those of the process `pid`. Called early: afterwards it may end.
    pub fn of(pid: u32) -> Files {
        Files { pid, elsewhere: elsewhere(pid) }
    }

    /// Opens a file by a path that is absolute, or begins in the process's folder.
    pub fn open(&self, path: &Path) -> Option<File> {
        let process = PathBuf::from(format!("/proc/{}", self.pid));
        let through = match path.strip_prefix("/") {
            Ok(inside) => process.join("root").join(inside),
            Err(_) => process.join("cwd").join(path),
        };
        open_regular(&through).ok().or_else(|| self.open_after_end(path))
    }

    /// Opens the executable, even if it was deleted meanwhile. What the kernel has for it is another one
    /// where the dynamic linker was told to run the program.
    pub fn open_executable(&self, path: &Path) -> Option<File> {
        let running = PathBuf::from(format!("/proc/{}/exe", self.pid));
        let is_it = fs::read_link(&running).is_ok_and(|link| {
            let [name, wanted] = [&link, path].map(|path| path.file_name().unwrap_or_default().as_bytes());
            name.strip_prefix(wanted).is_some_and(|rest| [&b""[..], b" (deleted)"].contains(&rest))
        });
        if !is_it {
            return self.open(path);
        }
        open_regular(&running).ok().or_else(|| self.open_after_end(path))
    }

    fn open_after_end(&self, path: &Path) -> Option<File> {
        let Some((root, _namespace)) = &self.elsewhere else { return open_regular(path).ok() };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT).ok()?;
        regular(file.into()).ok()
    }
}

/// The root and the namespace of a process whose mounts are not ours.
fn elsewhere(pid: u32) -> Option<(OwnedFd, OwnedFd)> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let namespace = process.join("ns/mnt");
    if fs::read_link(&namespace).ok()? == fs::read_link("/proc/self/ns/mnt").ok()? {
        return None;
    }
    let open = |path: PathBuf, flags| openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty()).ok();
    Some((open(process.join("root"), OFlags::PATH)?, open(namespace, OFlags::RDONLY)?))
}
