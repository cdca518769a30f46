//! Looks at a program before it is started: can it be recorded?

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use heaptrace_channel::sanitizer::{HOOK, SANITIZERS};
use heaptrace_collector::symbolize::Linkage;

/// Why a program cannot be recorded, and a way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// No dynamic linker, so nothing can be preloaded.
    Static,
    /// The dynamic linker preloads nothing into programs with privileges.
    Privileged,
    /// Built for another machine or word size.
    OtherMachine,
    /// The dynamic linker of another C library.
    OtherLibc(PathBuf),
    /// It has a sanitizer's malloc.
    Sanitizer,
}

impl Obstacle {
    /// May the library be preloaded all the same, for what the program starts? Where the dynamic
    /// linker would complain, or the program would not stand it, it may not.
    pub fn tolerates_preload(&self) -> bool {
        matches!(self, Obstacle::Static | Obstacle::Privileged)
    }
}

/// How many `#!` lines the kernel follows.
const SCRIPTS: usize = 4;

/// What stands in the way of recording a program; `None` if nothing is known.
pub fn obstacle(path: &Path) -> Option<Obstacle> {
    let mut path = path.to_owned();
    for _ in 0..SCRIPTS {
        match interpreter_of_script(&path) {
            Some(interpreter) => path = interpreter,
            None => break,
        }
    }
    if is_privileged(&path) {
        return Some(Obstacle::Privileged);
    }
    obstacle_in(&Linkage::read(&path)?)
}

fn obstacle_in(linkage: &Linkage) -> Option<Obstacle> {
    if !linkage.is_x86_64() {
        return Some(Obstacle::OtherMachine);
    }
    let Some(linker) = &linkage.interpreter else {
        // The dynamic linker itself can be a program.
        return (!linkage.is_library()).then_some(Obstacle::Static);
    };
    if !["ld-linux", "ld-musl"].iter().any(|known| linker.contains(known)) {
        return Some(Obstacle::OtherLibc(linker.into()));
    }
    has_sanitizer(linkage).then_some(Obstacle::Sanitizer)
}

fn has_sanitizer(linkage: &Linkage) -> bool {
    let starts = |library: &String| {
        SANITIZERS.iter().flat_map(|sanitizer| sanitizer.libraries).any(|name| library.starts_with(name))
    };
    let functions = SANITIZERS.iter().map(|sanitizer| sanitizer.function).chain([HOOK]);
    let functions: Vec<_> = functions.map(str::as_bytes).collect();
    linkage.libraries().any(|library| starts(&library)) || linkage.mentions(&functions)
}

fn interpreter_of_script(path: &Path) -> Option<PathBuf> {
    let mut start = [0; 256];
    let length = File::open(path).ok()?.read(&mut start).ok()?;
    let line = start[..length].strip_prefix(b"#!")?.split(|&c| c == b'\n').next()?;
    let words = str::from_utf8(line).ok()?;
    Some(PathBuf::from(words.split_whitespace().next()?))
}

fn is_privileged(path: &Path) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    let (mode, user) = (metadata.permissions().mode(), rustix::process::geteuid().as_raw());
    let setuid = mode & 0o4000 != 0 && metadata.uid() != user;
    let setgid = mode & 0o2000 != 0 && metadata.gid() != rustix::process::getegid().as_raw();
    let capabilities =
        rustix::fs::getxattr(path, c"security.capability", &mut [0u8; 64]).is_ok_and(|length| length > 0);
    setuid || setgid || (capabilities && user != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_program_has_no_obstacle() {
        assert_eq!(obstacle(Path::new("/proc/self/exe")), None);
    }

    #[test]
    fn what_is_no_program_has_none_that_is_known() {
        assert_eq!(obstacle(Path::new("/etc/passwd")), None);
        assert_eq!(obstacle(Path::new("/nonexistent")), None);
    }
}
