//! The program of an image.

use std::ffi::OsStr;
use std::path::PathBuf;

/// What the program was, from the segment's header.
#[derive(Debug, Clone)]
pub struct Program {
    /// Process id as the collector sees it.
    pub pid: u32,
    /// Path of the executable.
    pub executable: PathBuf,
    /// Path that was given to exec: a link's or a script's own.
    pub started_as: PathBuf,
    /// The arguments.
    pub command: Vec<String>,
}

impl Program {
    /// The file name under which it was started: `sh`, though that leads to `dash`.
    pub fn name(&self) -> &OsStr {
        let names = [&self.started_as, &self.executable].map(|path| path.file_name().unwrap_or_default());
        names.into_iter().find(|name| !name.is_empty()).unwrap_or("unknown".as_ref())
    }
}
