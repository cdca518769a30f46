//! What `heaptrace ps`, `snapshot`, `mark`, `rate` and `top` say.

use std::ffi::OsStr;
use std::path::Path;

/// That a process is not profiled, to whoever commands.
pub fn not_profiled(pid: u32) -> String {
    format!("process {pid} is not being profiled by this user; heaptrace ps lists who is")
}

/// That no process is profiled.
pub const NOTHING_PROFILED: &str =
    "no process of this user is being profiled; heaptrace run -- PROGRAM starts one that is";

/// That one of these processes has to be named.
pub fn name_one(pids: &[u32]) -> String {
    let known: Vec<_> = pids.iter().map(u32::to_string).collect();
    format!(
        "several processes are being profiled: name one of {}; heaptrace ps says what they are",
        known.join(", ")
    )
}

/// That a profile was written of a process that goes on.
pub fn snapshot_written(path: &Path, name: &OsStr, pid: u32) -> String {
    format!("{}: {} (pid {pid})", path.display(), name.display())
}

/// That a profile cannot be written where it is wanted.
pub fn cannot_write_here(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// That the rate cannot be changed any more.
pub const RATE_STAYS: &str =
    "its rate was changed too often: which sample was drawn at which could not be told any more";

/// To whoever commands, when there is no whole answer.
pub const NO_ANSWER: &str = "the session did not answer; it may have just ended";

/// To whoever commands, when nobody listens any more.
pub const SESSION_OVER: &str = "the session has just ended; its profiles are where they were to be written";
