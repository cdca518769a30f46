//! The unwinder: from the call of a hook to a stack, in the program, at the sample.
//!
//! A *rule* tells how to get from a frame to its caller: where the canonical frame address (CFA)
//! is and where the caller's `rbp` was saved. Rules are read from `.eh_frame` once for each call
//! site ([`cfi`], on a stack of its own: [`private_stack`]) and kept in a table that all threads
//! share ([`rules`]). A walk is then a few loads a frame ([`walk`]). It ends early where the rest
//! of the stack is the one of an earlier walk, provably: see [`last::Last`].
//!
//! Only `rip`, `rsp` and `rbp` are followed: no other register is needed to find return addresses
//! in code that compilers make. Memory is read only inside the readable pages above the stack
//! pointer ([`range`]), whatever the unwind information says.

mod cfi;
mod last;
mod modules;
mod place;
mod private_stack;
mod range;
pub(crate) mod rules;
mod walk;

use heaptrace_channel::Segment;
use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::stacks::{Entry, ROOT, Stack, Truncation};

pub use range::{StackRange, set_main_stack_top};

use crate::objects::Objects;
use crate::stacks::{NoStack, STACKS};
use crate::thread::Thread;
use place::Place;

/// The machine state that unwinding follows, at a call or an interrupted instruction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Registers {
    /// Return address, or the interrupted instruction's address if `exact`.
    pub ip: usize,
    /// Stack pointer after the call has returned.
    pub sp: usize,
    /// The frame pointer, or whatever `rbp` is used for.
    pub bp: usize,
    /// `ip` is not a return address: a signal interrupted the frame there.
    pub exact: bool,
}

impl Registers {
    /// The state in which a hook was called, from `sp` and `bp` at its first instruction.
    ///
    /// # Safety
    /// `sp` points at the hook's return address.
    pub unsafe fn at_call(sp: usize, bp: usize) -> Registers {
        // SAFETY: the caller's promise.
        let ip = unsafe { *(sp as *const usize) };
        Registers { ip, sp: sp + 8, bp, exact: false }
    }

    /// An address inside the instruction that the frame is at: for a return address the call's,
    /// which is before it and may be the last of its function.
    fn address(&self) -> usize {
        if self.exact { self.ip } else { self.ip.wrapping_sub(1) }
    }
}

/// The stack of the calling thread from `registers` on.
///
/// # Errors
/// [`NoStack`] if it is new and cannot be told of.
pub fn stack(registers: Registers, thread: &mut Thread, segment: &Segment) -> Result<Stack, NoStack> {
    match Place::acquire(&mut thread.place) {
        Some(mut place) => walk::walk(place.state(), registers, &mut thread.stack, segment),
        None => STACKS.intern(ROOT, Entry::Truncated(Truncation::Busy), segment),
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
