//! Files with a name that nobody has.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Creates the first of `profile001.svg`, `profile002.svg`… that does not exist, as pprof names
/// files; `name` is what precedes the number.
pub fn new_file(name: &Path, extension: &str) -> anyhow::Result<(PathBuf, File)> {
    for number in 1.. {
        let path = PathBuf::from(format!("{}{number:03}.{extension}", name.display()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", path.display())),
            Ok(file) => return Ok((path, file)),
        }
    }
    unreachable!("numbers do not end")
}
