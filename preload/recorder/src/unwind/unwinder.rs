//! What the rest of the library asks of the unwinder.

use core::sync::atomic::Ordering::Relaxed;

use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::stacks::{Entry, ROOT, Stack, Truncation};

use super::place::Places;
use super::registers::Registers;
use super::tables::Tables;
use super::walk::Walk;
use crate::c_library::Objects;
use crate::memory::Budget;
use crate::process::Writer;
use crate::stacks::{NoStack, Stacks};
use crate::thread::Thread;

/// The unwinder of a process: all that its threads share. As zeros, it knows nothing yet.
#[derive(Debug)]
pub struct Unwinder {
    tables: Tables,
    places: Places,
}

impl Default for Unwinder {
    fn default() -> Unwinder {
        Unwinder::new()
    }
}

impl Unwinder {
    /// One that knows nothing yet.
    pub const fn new() -> Unwinder {
        Unwinder { tables: Tables::new(), places: Places::new() }
    }

    /// Gets ready in the constructor, with what is loaded, and address and number of the program's own
    /// ELF program headers.
    ///
    /// # Errors
    /// If it is not known what is loaded, or there is no memory.
    pub fn start(
        &self,
        objects: Objects,
        program_headers: (usize, usize),
        budget: &Budget,
    ) -> Result<(), Refusal> {
        if !self.tables.modules.start(objects, program_headers) {
            return Err(Refusal::OldLibc);
        }
        self.tables.private_stack.start(budget).then_some(()).ok_or(Refusal::NoMemory)
    }

    /// Tells where the main thread's stack ends: the address of its arguments.
    pub fn set_main_stack_top(&self, top: usize) {
        self.tables.main_stack_top.store(top, Relaxed);
    }

    /// Makes everything usable in a forked child, whose other threads are gone with what they locked.
    pub fn after_fork(&self) {
        self.places.after_fork();
        self.tables.private_stack.after_fork();
    }

    /// Forgets all rules, which are then read anew.
    pub fn forget_rules(&self) {
        self.tables.rules.clear();
    }

    /// The stack of the calling thread from `registers` on, as the process of `to` has told it.
    ///
    /// # Errors
    /// [`NoStack`] if it is new and cannot be told of.
    #[inline(always)]
    pub fn stack(
        &self,
        registers: Registers,
        thread: &Thread,
        stacks: &Stacks,
        budget: &Budget,
        to: Writer,
    ) -> Result<Stack, NoStack> {
        let Some(mut place) = self.places.acquire(&thread.place) else {
            return stacks.intern(ROOT, Entry::Truncated(Truncation::Busy), to, budget);
        };
        let (state, range) = (place.state(), &thread.stack);
        if range.is_known(registers.sp - 8)
            && state.last.is_of(range.high())
            && let Some(stack) = state.last.again(&registers, &self.tables.modules)
        {
            return Ok(stack);
        }
        let Registers { ip, sp, bp, .. } = registers;
        Walk { tables: &self.tables, stacks, budget, to }.run(state, (ip, sp, bp), range)
    }
}
