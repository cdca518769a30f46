//! What the rest of the library asks of the unwinder.

use heaptrace_channel::Segment;
use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::processes::Process;
use heaptrace_channel::stacks::{Entry, ROOT, Stack, Truncation};

use super::place::{self, Place};
use super::registers::Registers;
use super::{modules, private_stack, walk};
use crate::c_library::Objects;
use crate::stacks::{NoStack, STACKS};
use crate::thread::Thread;

/// The stack of the calling thread from `registers` on, told to `to` as that of this process.
///
/// # Errors
/// [`NoStack`] if it is new and cannot be told of.
pub fn stack(registers: Registers, thread: &mut Thread, to: (Process, &Segment)) -> Result<Stack, NoStack> {
    match Place::acquire(&mut thread.place) {
        Some(mut place) => walk::walk(place.state(), registers, &mut thread.stack, to),
        None => STACKS.intern(ROOT, Entry::Truncated(Truncation::Busy), to.1),
    }
}

/// Gets ready in the constructor, with what is loaded, and address and number of the program's own
/// ELF program headers.
///
/// # Errors
/// If this C library is too old, glibc before 2.35, or there is no memory.
pub fn start(objects: Objects, program_headers: (usize, usize)) -> Result<(), Refusal> {
    if !modules::start(objects, program_headers) {
        return Err(Refusal::OldLibc);
    }
    private_stack::start().then_some(()).ok_or(Refusal::NoMemory)
}

/// Makes everything usable in a forked child, whose other threads are gone with what they locked.
pub fn after_fork() {
    place::after_fork();
    private_stack::after_fork();
}
