//! A run by another process of this program, of which nothing is heard but errors.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// This program, wherever it is.
pub const OURSELVES: &str = "/proc/self/exe";

/// Runs `heaptrace run` quietly, with these options. Returns how that ended, which is how the program did.
///
/// # Errors
/// If it cannot be started.
pub fn record_apart<'a>(
    options: impl IntoIterator<Item = OsString>,
    command: impl IntoIterator<Item = &'a OsStr>,
    stdin: Stdio,
) -> io::Result<ExitStatus> {
    let mut run = Command::new(OURSELVES);
    run.arg("run").args(options).args(["--quiet", "--"]).args(command);
    run.stdin(stdin).stdout(Stdio::null()).status()
}

/// The pattern of a name for each process, in a folder.
pub fn pattern_in(folder: &Path) -> OsString {
    let double = |&byte: &u8| if byte == b'%' { vec![byte; 2] } else { vec![byte] };
    let folder: Vec<_> = folder.as_os_str().as_bytes().iter().flat_map(double).collect();
    [OsString::from_vec(folder), "/%n.%p.prof".into()].into_iter().collect()
}
