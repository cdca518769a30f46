//! Puts the patches of allocators inside the program in place: jumps to the hooks of [`crate::patched`],
//! and the instructions that were there elsewhere.
//!
//! What they are is the collector's work, which has the files. Here every byte is checked before
//! anything is written, and all is there or nothing.

use core::ffi::c_void;
use core::slice;

use heaptrace_channel::config::parse_number;
use heaptrace_channel::patch::{self, Applied, MAX_MESSAGE, Patch};
use heaptrace_recorder::memory::{is_readable, make_code_writable, map_private, unmap};
use heaptrace_recorder::sys;

use super::near::Near;
use crate::arch::patch::put_jump;
use crate::session;
use crate::{forms, originals};

/// Waits for the message with the patches of this process, and applies them.
pub fn receive(connection: sys::Fd) -> Applied {
    let size = MAX_MESSAGE.next_multiple_of(sys::PAGE);
    let Some(memory) = map_private(size) else { return Applied::NoRoom };
    // SAFETY: fresh memory of that size.
    let message = session::receive(connection, unsafe { slice::from_raw_parts_mut(memory.as_ptr(), size) });
    let applied = apply(message);
    // SAFETY: nobody has it any more.
    unsafe { unmap(memory, size) };
    applied
}

fn apply(message: &[u8]) -> Applied {
    let patches = || patch::patches(message);
    if patches().next().is_none() {
        return Applied::None;
    }
    if !is_alone() {
        return Applied::Threads;
    }
    if !patches().all(|patch| is_as_expected(&patch)) {
        return Applied::Changed;
    }
    let mut near = Near::new();
    let prepared = patches().enumerate().all(|(index, patch)| near.prepare(index, &patch).is_some());
    if !prepared {
        return near.give_up(Applied::NoRoom);
    }
    let code = |patch: &Patch| patch.at() as usize..patch.at() as usize + patch.replaced.get().len();
    if !near.make_executable() || !patches().all(|patch| make_code_writable(code(&patch), true)) {
        patches().for_each(|patch| {
            make_code_writable(code(&patch), false);
        });
        return near.give_up(Applied::Forbidden);
    }
    for (index, patch) in patches().enumerate() {
        let function = patch.function as *mut c_void;
        // SAFETY: the code can be written to, is what was expected, and no other thread runs it.
        unsafe { put_jump(patch.at() as usize, patch.replaced.get().len(), near.hook(index)) };
        // Who is hooked by its name too is seen by that hook.
        let unpatched = near.unpatched(index);
        originals::replace(function, unpatched);
        forms::replace(function, unpatched);
    }
    patches().for_each(|patch| {
        make_code_writable(code(&patch), false);
    });
    Applied::All
}

/// Is this the process's only thread? The number of threads is the 18th word behind the name.
fn is_alone() -> bool {
    let mut text = [0; 1024];
    let text = sys::read(c"/proc/self/stat", &mut text);
    let Some(end_of_name) = text.iter().rposition(|&byte| byte == b')') else { return false };
    let threads = text[end_of_name..].split(|&byte| byte == b' ').nth(18);
    threads.and_then(parse_number) == Some(1)
}

/// Are the bytes there that are to be replaced?
fn is_as_expected(patch: &Patch) -> bool {
    let (at, expected) = (patch.at() as usize, patch.replaced.get());
    let words = (at & !3..at + expected.len()).step_by(4);
    // SAFETY: the words can be read; code does not change now.
    words.into_iter().all(is_readable)
        && expected.iter().enumerate().all(|(i, &byte)| unsafe { *((at + i) as *const u8) } == byte)
}
