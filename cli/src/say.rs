//! What heaptrace says: lines on standard error, each beginning with its name.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};

/// Says one line. That nobody can read it any more is no reason to fail.
pub fn say(line: impl Display) {
    let line = line.to_string();
    io::stderr().write_all(format!("heaptrace: {}\n", printable(&line)).as_bytes()).ok();
}

/// `text` without control characters, which could move the cursor or end a line: names and files may
/// come from anywhere.
pub fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => Cow::Owned(text.replace(char::is_control, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}
