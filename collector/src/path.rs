//! Paths as the kernel and a program have them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A path from bytes as the kernel has them.
pub fn os_path(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}

/// A relative path in the folder of process `pid`, or in ours if that has ended: whoever reads the
/// profile is in another one.
pub fn absolute(pid: u32, path: PathBuf) -> PathBuf {
    if path.is_absolute() || path.as_os_str().is_empty() {
        return path;
    }
    let folder = std::fs::read_link(format!("/proc/{pid}/cwd"));
    folder.map(|folder| folder.join(&path)).or_else(|_| std::path::absolute(&path)).unwrap_or(path)
}
