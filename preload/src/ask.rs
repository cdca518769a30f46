//! What a program can tell the library that records it: see `heaptrace.h` and the crate `heaptrace-client`.

use core::ffi::c_char;

use heaptrace_channel::marks::MAX_MARK;
use heaptrace_recorder::thread;

use crate::gate::RECORDER;

/// Gives this moment of the process a name. False if it is not recorded, or the name is none for a mark.
///
/// # Safety
/// `name` is a C string, or null.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn heaptrace_mark(name: *const c_char) -> bool {
    if name.is_null() {
        return false;
    }
    let mut buffer = [0; MAX_MARK + 1]; // one byte more shows that it is too long
    let mut length = 0;
    for (at, to) in buffer.iter_mut().enumerate() {
        // SAFETY: all bytes before it are of the string, and not its end.
        *to = unsafe { name.add(at).read() } as u8;
        if *to == 0 {
            break;
        }
        length = at + 1;
    }
    RECORDER.mark(buffer.get(..length).unwrap_or_default(), thread::current())
}
