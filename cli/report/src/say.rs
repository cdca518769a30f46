//! What heaptrace says: lines on standard error, each beginning with its name.

use std::fmt::Display;
use std::io::{self, Write};

use heaptrace_pprof::printable;

/// Says one line. That nobody can read it any more is no reason to fail.
pub fn say(line: impl Display) {
    io::stderr().write_all(self::line(line).as_bytes()).ok();
}

/// A line as it is said.
pub fn line(text: impl Display) -> String {
    format!("heaptrace: {}\n", printable(&text.to_string()))
}
