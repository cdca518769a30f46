//! What heaptrace says: lines on standard error, each beginning with its name.

use std::fmt::Display;
use std::io::{self, Write};

use heaptrace_pprof::printable;

/// Says one line. That nobody can read it any more is no reason to fail.
pub fn say(line: impl Display) {
    let line = line.to_string();
    io::stderr().write_all(format!("heaptrace: {}\n", printable(&line)).as_bytes()).ok();
}
