//! Whether this process need wait for its patches: not if the collector has said of each of its files that there
//! is nothing to patch.

use core::ffi::CStr;

use heaptrace_channel::config::{MAX_NAME, SessionAddress};
use heaptrace_channel::plain::{Key, SIZE, SUFFIX};
use heaptrace_recorder::c_library::{Auxiliary, Objects};
use heaptrace_recorder::sys;

use super::net::folders;
use super::text::Text;

/// Is there nothing to patch in any file of this process, as the collector knows?
pub fn is_plain(session: &SessionAddress, objects: Objects, vector: Auxiliary) -> bool {
    let mut buffer = [0; SIZE];
    let Some(table) = table(session, objects.own_path(), &mut buffer) else { return false };
    let is_known =
        |path: &CStr, is_program| sys::state(path).is_some_and(|file| Key::of(file, is_program).is_in(table));
    // Where the dynamic linker was told to run the program, the kernel has the linker for it.
    let is_program_known = vector.value(libc::AT_BASE) != Some(0) && is_known(c"/proc/self/exe", true);
    is_program_known && objects.libraries(vector).all(|path| is_known(path, false))
}

/// The session's table, if there is one.
fn table<'b>(session: &SessionAddress, library: &CStr, buffer: &'b mut [u8; SIZE]) -> Option<&'b [u8]> {
    let read = folders(library).into_iter().find_map(|folder| {
        let path = Text::<{ 4096 + MAX_NAME }>::of(&[folder, b"/", session.name, SUFFIX.as_bytes(), b"\0"]);
        Some(sys::read_trusted(path.c_str()?, buffer).len()).filter(|&read| read > 0)
    });
    read.map(|read| &buffer[..read])
}
