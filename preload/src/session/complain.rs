//! What the library says to the user: on standard error, in the constructor and the destructor only.

use heaptrace_recorder::sys;

use super::text::Text;

/// Writes `heaptrace: …` on standard error.
pub fn complain(parts: &[&[u8]]) {
    let mut line = Text::<511>::of(&[b"heaptrace: "]);
    parts.iter().for_each(|part| line.push(part));
    sys::Fd(2).write(Text::<512>::of(&[line.bytes(), b"\n"]).bytes());
}
