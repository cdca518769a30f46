//! What of files is in the memory of a process, as /proc/PID/maps has it.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use crate::path::os_path;

/// A part of a file in memory.
#[derive(Debug, PartialEq, Eq)]
pub struct FileMapping {
    /// Where it is.
    pub range: Range<u64>,
    /// Where in the file it begins.
    pub offset: u64,
    /// It can be executed.
    pub is_code: bool,
    /// The file, which may be gone.
    pub path: PathBuf,
}

impl FileMapping {
    /// The files in the memory of a process; none if it has ended.
    pub fn all(pid: u32) -> Vec<FileMapping> {
        let maps = fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
        maps.split(|&byte| byte == b'\n').filter_map(FileMapping::parse).collect()
    }

    /// Reads a line; `None` for what is of no file.
    pub(super) fn parse(line: &[u8]) -> Option<FileMapping> {
        let mut words = line.splitn(6, |&byte| byte == b' ');
        let mut word = || str::from_utf8(words.next()?).ok();
        let (range, permissions, offset) = (word()?, word()?, word()?);
        let (_device, _inode) = (word()?, word()?);
        let path = words.next()?.trim_ascii_start();
        let (start, end) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        let is_code = permissions.as_bytes().get(2) == Some(&b'x');
        let is_file = path.first() == Some(&b'/');
        let path = os_path(path.strip_suffix(b" (deleted)").unwrap_or(path));
        is_file.then_some(FileMapping {
            range: number(start)?..number(end)?,
            offset: number(offset)?,
            is_code,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn files_are_found_among_mappings() {
        let line = b"55d0c0a01000-55d0c0a05000 r-xp 00001000 fe:01 1234                       /usr/bin/a b (deleted)";
        let mapping = FileMapping::parse(line).unwrap();
        assert_eq!((mapping.range, mapping.offset), (0x55d0_c0a0_1000..0x55d0_c0a0_5000, 0x1000));
        assert!(mapping.is_code);
        assert_eq!(mapping.path.as_os_str().as_bytes(), b"/usr/bin/a b");
        assert!(
            !FileMapping::parse(b"55d0c0a01000-55d0c0a05000 r--p 00001000 fe:01 1234 /usr/bin/a")
                .unwrap()
                .is_code
        );
        for other in [
            &b"7ffd0000-7ffe0000 r-xp 00000000 00:00 0 [vdso]"[..],
            b"7ffd0000-7ffe0000 r-xp 00000000 00:00 0 ",
            b"",
        ] {
            assert_eq!(FileMapping::parse(other), None);
        }
    }

    #[test]
    fn our_own_program_is_in_our_memory() {
        let own = std::env::current_exe().unwrap();
        let here = files_are_found_among_mappings as *const () as u64;
        let is_it = |mapping: &FileMapping| mapping.is_code && mapping.range.contains(&here);
        assert_eq!(FileMapping::all(std::process::id()).into_iter().find(is_it).unwrap().path, own);
    }
}
