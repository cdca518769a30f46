//! The program of an image.

use std::ffi::OsStr;
use std::path::PathBuf;

use heaptrace_channel::identity::{Identity, MAX_COMMAND, MAX_PATH};

use crate::patch::PlainPrograms;
use crate::path::{absolute, os_path};

/// What the program was, as it told.
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
    /// The program of process `pid`, which told its path, or only that it is one of these.
    pub fn of(pid: u32, told: &Identity, plain: &PlainPrograms) -> Program {
        let mut command = [0; MAX_COMMAND];
        let known = told.plain().and_then(|key| plain.path(key));
        let words = told.command(&mut command).split(|&byte| byte == 0);
        let mut command: Vec<_> = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        command.pop_if(|last| last.is_empty()); // each ends with a NUL
        Program {
            pid,
            executable: absolute(pid, known.unwrap_or_else(|| os_path(told.executable(&mut [0; MAX_PATH])))),
            started_as: os_path(told.started_as(&mut [0; MAX_PATH])),
            command,
        }
    }

    /// The file name under which it was started: `sh`, though that leads to `dash`.
    pub fn name(&self) -> &OsStr {
        let names = [&self.started_as, &self.executable].map(|path| path.file_name().unwrap_or_default());
        names.into_iter().find(|name| !name.is_empty()).unwrap_or("unknown".as_ref())
    }
}
