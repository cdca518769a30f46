//! What heaptrace says: lines on standard error, each beginning with its name.

use std::fmt::Display;
use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::FileExt;

use heaptrace_pprof::printable;

/// Says one line. That nobody can read it any more is no reason to fail.
pub fn say(line: impl Display) {
    io::stderr().write_all(self::line(line).as_bytes()).ok();
}

/// Sees to it that the next line begins one, where a program has left a line without its end: on a
/// terminal, and in a file. What a pipe got last cannot be known.
pub fn begin_line() {
    let stderr = io::stderr();
    if stderr.is_terminal() {
        // As many spaces as there are columns lead to the next line, unless they began at the first one.
        if let Some((width, _)) = terminal_size::terminal_size_of(&stderr) {
            write!(&stderr, "{:1$}\r", "", usize::from(width.0)).ok();
        }
    } else if ends_within_line() == Some(true) {
        (&stderr).write_all(b"\n").ok();
    }
}

/// Of a file only.
fn ends_within_line() -> Option<bool> {
    const STDERR: &str = "/proc/self/fd/2";
    let length = fs::metadata(STDERR).ok().filter(Metadata::is_file)?.len();
    let mut last = [0];
    File::open(STDERR).ok()?.read_exact_at(&mut last, length.checked_sub(1)?).ok()?;
    Some(last != *b"\n")
}

/// A line as it is said.
pub fn line(text: impl Display) -> String {
    format!("heaptrace: {}\n", printable(&text.to_string()))
}
