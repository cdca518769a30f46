//! The shared memory of this process, as it is made and goes to the collector.

use core::ffi::CStr;

use heaptrace_channel::config::{SessionAddress, TOKEN_LENGTH};
use heaptrace_channel::handshake::{Hello, NAME_LENGTH, Refusal};
use heaptrace_recorder::sys::{self, Errno, Fd};

use super::net;

/// A file for the memory.
///
/// # Errors
/// Why there is none.
pub fn shared_file(name: &CStr, size: usize) -> Result<Fd, Refusal> {
    sys::sealed_memfd(name, size).map_err(|Errno(why)| match why {
        libc::EMFILE | libc::ENFILE => Refusal::NoDescriptors,
        _ => Refusal::NoMemory,
    })
}

/// Hands the file over, or tells why there is none; and the program's name, and whether this process waits for
/// patches of the allocators inside of it.
///
/// # Errors
/// Why there is none; without a reason if the collector does not listen.
pub fn hand_over(
    connection: Fd,
    session: &SessionAddress,
    (name, wants_patches): ([u8; NAME_LENGTH], bool),
    file: Result<Fd, Refusal>,
) -> Result<(), Option<Refusal>> {
    let token: [u8; TOKEN_LENGTH] = session.token.try_into().map_err(|_| None)?;
    let send =
        |refusal, file| net::send(connection, &Hello { token, refusal, name, wants_patches }.encode(), file);
    match file {
        Ok(file) => {
            let sent = send(None, Some(file));
            file.close();
            sent.map_err(|_| None)
        }
        Err(why) => {
            let _ = send(Some(why), None);
            Err(Some(why))
        }
    }
}
