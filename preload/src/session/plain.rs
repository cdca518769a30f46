//! Whether this process need wait for its patches: not if the collector has said of each of its files that there
//! is nothing to patch.

use core::ffi::CStr;

use heaptrace_channel::config::{MAX_NAME, SessionAddress};
use heaptrace_channel::plain::{Key, SIZE, SUFFIX};
use heaptrace_recorder::c_library::{Auxiliary, Objects};
use heaptrace_recorder::sys;

use super::net::folders;
use super::text::Text;

/// A process in no file of which there is anything to patch, as the collector knows.
#[derive(Debug, Clone, Copy)]
pub struct Plain {
    /// The executable, if the path that was given to exec leads there, and not to a script.
    pub executable: Option<Key>,
}

impl Plain {
    /// This process, if it is one.
    pub fn find(session: &SessionAddress, objects: Objects, vector: Auxiliary) -> Option<Plain> {
        let mut buffer = [0; SIZE];
        let table = table(session, objects.own_path(), &mut buffer)?;
        let known = |path: &CStr, is_program| {
            let key = Key::of(sys::state(path)?, is_program);
            key.is_in(table).then_some(key)
        };
        // Where the dynamic linker was told to run the program, the kernel has the linker for it.
        if vector.value(libc::AT_BASE) == Some(0)
            || !objects.libraries(vector).all(|path| known(path, false).is_some())
        {
            return None;
        }
        let executable = vector.path_given_to_exec().and_then(|path| known(path, true));
        // To look at /proc is dear: the kernel makes a folder for this process, and takes it away at its end.
        executable.or_else(|| known(c"/proc/self/exe", true)).map(|_| Plain { executable })
    }
}

/// The session's table, if there is one.
fn table<'b>(session: &SessionAddress, library: &CStr, buffer: &'b mut [u8; SIZE]) -> Option<&'b [u8]> {
    /// Few pages of the stack are touched at the start: who has a longer path asks.
    const LONGEST: usize = 512 + MAX_NAME;
    let read = folders(library).into_iter().find_map(|folder| {
        let path = Text::<LONGEST>::of(&[folder, b"/", session.name, SUFFIX.as_bytes(), b"\0"]);
        Some(sys::read_trusted(path.c_str()?, buffer).len()).filter(|&read| read > 0)
    });
    read.map(|read| &buffer[..read])
}
