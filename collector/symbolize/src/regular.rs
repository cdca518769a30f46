//! Opening regular files, and nothing else: to open a FIFO would wait for its writer.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a file for reading if it is a regular one.
///
/// # Errors
/// Those of opening it, and `InvalidInput` if it is another kind.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // O_NONBLOCK: a FIFO opens at once, and is then refused.
    regular(OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?)
}

/// The file, if it is a regular one.
///
/// # Errors
/// `InvalidInput` if it is another kind.
pub fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}
