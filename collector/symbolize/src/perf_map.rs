//! Names of code made at run time, from the `/tmp/perf-PID.map` that a program may write: node
//! with `--perf-basic-prof`, Python 3.12 with `-X perf`, and others.
//!
//! The format is documented in the Linux sources, `tools/perf/Documentation/jit-interface.txt`: a
//! line for each function with start and size in hexadecimal and the name.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hashbrown::HashMap;

/// How much of a map is read, in bytes.
const SIZE_LIMIT: u64 = 1 << 28;

/// Longest name kept, in bytes.
const NAME_LIMIT: usize = 1 << 12;

/// Where the process `pid` writes its map.
pub(super) fn path(pid: u32) -> PathBuf {
    PathBuf::from(format!("/tmp/perf-{pid}.map"))
}

/// The names of the functions at `addresses`, which are sorted. There are none if the map does not
/// exist, is no regular file or belongs to somebody else: anyone may write to /tmp.
pub(super) fn names(path: &Path, addresses: &[u64]) -> HashMap<u64, String> {
    match open_own(path) {
        Some(file) => parse(BufReader::new(file.take(SIZE_LIMIT)), addresses),
        None => HashMap::new(),
    }
}

fn open_own(path: &Path) -> Option<fs::File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    // Our files in /proc belong to our effective user.
    let user = fs::metadata("/proc/self").ok()?.uid();
    (metadata.is_file() && metadata.uid() == user).then_some(file)
}

/// Later lines win: code is replaced, and its successor may be at the same address.
fn parse(mut map: impl BufRead, addresses: &[u64]) -> HashMap<u64, String> {
    let mut names = HashMap::new();
    let mut line = Vec::new();
    while map.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if let Some((start, end, name)) = parse_line(&line) {
            let first = addresses.partition_point(|&address| address < start);
            let last = addresses.partition_point(|&address| address < end);
            for &address in addresses.get(first..last).unwrap_or_default() {
                names.insert(address, name.clone());
            }
        }
        line.clear();
    }
    names
}

/// Start, end and name of a function.
fn parse_line(line: &[u8]) -> Option<(u64, u64, String)> {
    let line = String::from_utf8_lossy(line.get(..line.len().min(NAME_LIMIT))?);
    let mut fields = line.trim_end().splitn(3, ' ');
    let mut number = || u64::from_str_radix(fields.next()?.trim_start_matches("0x"), 16).ok();
    let (start, size) = (number()?, number()?);
    let name = fields.next().filter(|name| !name.is_empty())?;
    Some((start, start.checked_add(size)?, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_win_and_nonsense_is_skipped() {
        let map = b"1000 20 py::old:/a.py\n\
            nonsense\n\
            ffffffffffffffff 10 overflow\n\
            0x1010 8 LazyCompile:~f b.js:3\n\
            2000 1 \n\
            3000 10 last without newline";
        let names = parse(&map[..], &[0xfff, 0x1000, 0x1010, 0x1018, 0x2000, 0x300f]);
        let expected = [
            (0x1000, "py::old:/a.py"),
            (0x1010, "LazyCompile:~f b.js:3"),
            (0x1018, "py::old:/a.py"),
            (0x300f, "last without newline"),
        ];
        assert_eq!(names, expected.map(|(address, name)| (address, name.to_owned())).into());
    }

    #[test]
    fn a_symbolic_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let [map, link] = ["map", "link"].map(|name| folder.path().join(name));
        fs::write(&map, "1000 10 f\n").unwrap();
        std::os::unix::fs::symlink(&map, &link).unwrap();
        assert_eq!([&map, &link].map(|path| names(path, &[0x1000]).len()), [1, 0]);
    }
}
