//! Build ids as text.

use std::fmt::Write;

/// Lower case hexadecimal digits, as build ids are written.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to memory does not fail");
        text
    })
}
