//! A path of the library that is good for programs of any class: `folder/$PLATFORM/name`.
//!
//! A child of a profiled program inherits LD_PRELOAD. If it is built for 32 bits, its dynamic linker says on
//! standard error that it cannot load a library of 64. But it replaces `$PLATFORM` by what it takes the processor for,
//! see ld.so(8), and so finds another file there: a library for 32 bits, with nothing in it. musl's replaces nothing.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use rustix::fs::{self, AtFlags};

use crate::own_folder;

const NAME: &str = "$PLATFORM";
/// What `$PLATFORM` can be for 64 bits, of the kernel or of glibc; and itself, which is last.
const WIDE: [&str; 4] = ["x86_64", "haswell", "xeon_phi", NAME];
/// For 32 bits: the folder of those libraries, and other names of it.
const NARROW: &str = "i686";
const NARROW_TOO: [&str; 3] = ["i586", "i486", "i386"];

/// Makes the folders of all platforms in the library's.
///
/// # Errors
/// If one cannot be made.
pub fn prepare(folder: &OwnedFd, name: &str) -> Result<()> {
    let narrow = own_folder::open_in(folder, Path::new(NARROW))?;
    let is_there = fs::statat(&narrow, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| stat.st_size == nothing().len() as i64 && stat.st_mode & 0o555 == 0o555);
    if !is_there {
        own_folder::write(&narrow, name, &nothing())?;
    }
    NARROW_TOO.iter().try_for_each(|other| link(folder, other, NARROW))?;
    WIDE.iter().try_for_each(|platform| link(folder, platform, "."))
}

/// The path of a library for programs of any class, if its folder is prepared and the system tells of a platform.
pub fn path(library: &Path) -> Option<PathBuf> {
    let folder = library.parent()?.join(NAME);
    (is_told() && folder.read_link().is_ok()).then(|| folder.join(library.file_name().unwrap_or_default()))
}

/// Does the kernel tell programs their platform?
fn is_told() -> bool {
    // SAFETY: 0 or the address of a string that the kernel has put there for good.
    unsafe {
        let platform = libc::getauxval(libc::AT_PLATFORM) as *const libc::c_char;
        !platform.is_null() && CStr::from_ptr(platform) == c"x86_64"
    }
}

fn link(folder: &OwnedFd, name: &str, target: &str) -> Result<()> {
    match fs::symlinkat(target, folder, name) {
        Ok(()) => Ok(()),
        Err(_) if fs::readlinkat(folder, name, Vec::new())?.as_bytes() == target.as_bytes() => Ok(()),
        Err(_) => bail!("{name} is there and leads elsewhere"),
    }
}

/// An ELF file for 32-bit x86: a library without names, code or constructors.
fn nothing() -> Vec<u8> {
    const HEADER: u32 = 52;
    const SEGMENT: u32 = 32;
    const SEGMENTS: u32 = 3;
    const DYNAMIC: u32 = HEADER + SEGMENTS * SEGMENT;
    const ENTRIES: u32 = 6;
    const HASHES: u32 = DYNAMIC + ENTRIES * 8;
    const SYMBOLS: u32 = HASHES + 16;
    const STRINGS: u32 = SYMBOLS + 16;
    const END: u32 = STRINGS + 4;
    const READ_WRITE: u32 = 6;
    let (load, dynamic, stack) = (1, 2, 0x6474_e551);
    let segment =
        |kind, start, size, alignment| [kind, start, start, start, size, size, READ_WRITE, alignment];
    let header = [
        0x464c_457f,
        0x0001_0101,
        0,
        0,
        3 | 3 << 16,
        1,
        0,
        HEADER,
        0,
        0,
        HEADER | SEGMENT << 16,
        SEGMENTS,
        0,
    ];
    let entries = [[4, HASHES], [6, SYMBOLS], [5, STRINGS], [10, 1], [11, 16], [0, 0]];
    let words = header
        .into_iter()
        .chain(segment(load, 0, END, 0x1000))
        .chain(segment(dynamic, DYNAMIC, ENTRIES * 8, 4))
        .chain(segment(stack, 0, 0, 16)) // else the program's stack would be made executable
        .chain(entries.into_iter().flatten())
        .chain([1, 1, 0, 0]) // a hash table of one bucket, with the symbol that is none
        .chain([0; 4])
        .chain([0]);
    words.flat_map(u32::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_path_leads_to_the_library_or_to_one_for_32_bits() {
        let room = tempfile::tempdir().unwrap();
        let library = room.path().join("library.so");
        std::fs::write(&library, "wide").unwrap();
        assert_eq!(path(&library), None, "nothing is prepared");
        for _ in 0..2 {
            prepare(&std::fs::File::open(room.path()).unwrap().into(), "library.so").unwrap();
        }
        assert_eq!(path(&library), Some(room.path().join("$PLATFORM/library.so")));
        let content = |platform: &str| std::fs::read(room.path().join(platform).join("library.so")).unwrap();
        WIDE.iter().for_each(|platform| assert_eq!(content(platform), b"wide"));
        [NARROW].iter().chain(&NARROW_TOO).for_each(|platform| assert_eq!(content(platform), nothing()));
    }

    #[test]
    fn what_is_there_and_leads_elsewhere_stays_and_is_not_used() {
        let room = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/tmp", room.path().join("haswell")).unwrap();
        assert!(prepare(&std::fs::File::open(room.path()).unwrap().into(), "library.so").is_err());
        assert_eq!(path(&room.path().join("library.so")), None);
    }

    #[test]
    fn the_library_for_32_bits_is_one_and_wants_no_executable_stack() {
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("nothing.so");
        std::fs::write(&file, nothing()).unwrap();
        let told = Command::new("readelf").args(["-h", "-l", "-d", "-W"]).arg(&file).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        for fact in ["ELF32", "Intel 80386", "DYN (Shared object file)", "(STRTAB)", "(NULL)"] {
            assert!(told.contains(fact), "{fact}: {told}");
        }
        let stack = told.lines().find(|line| line.trim_start().starts_with("GNU_STACK")).unwrap();
        assert!(stack.contains(" RW ") && !stack.contains('E'), "{stack}");
    }
}
