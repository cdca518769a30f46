//! What the rest of the library asks of the unwinder.

use core::sync::atomic::Ordering::Relaxed;

use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::stacks::{Entry, Stack, Truncation};

use super::modules::Visited;
use super::place::Places;
use super::registers::Registers;
use super::tables::Tables;
use super::walk::Walk;
use crate::c_library::Objects;
use crate::memory::Budget;
use crate::process::Writer;
use crate::stacks::{Interned, NoStack, Stacks};
use crate::thread::Thread;

/// The unwinder of a process: all that its threads share. As zeros, it knows nothing yet.
#[derive(Debug)]
#[repr(C)] // see `Recorder`
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

    /// The stack of the calling thread from `registers` on, as the process of `to` has told it. If that is not the one
    /// of before, `meanwhile` is done first: finding it takes long enough for something to come from memory.
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
        meanwhile: impl FnOnce(),
    ) -> Result<Stack, NoStack> {
        if let Some(state) = self.places.kept(&thread.place)
            && let Some(stack) = state.last.again(&registers, thread.stack.high(), &self.tables.modules)
        {
            return Ok(stack);
        }
        meanwhile();
        let Registers { ip, sp, bp, .. } = registers;
        self.walk(thread, (ip, sp, bp), Walk { tables: &self.tables, stacks, budget, to })
    }

    /// Finds the stack on a path, or walks. The registers come one by one, as what was stored word by word is slow
    /// to load as a whole.
    #[inline(never)] // most samples end before it
    fn walk(
        &self,
        thread: &Thread,
        (ip, sp, bp): (usize, usize, usize),
        walk: Walk,
    ) -> Result<Stack, NoStack> {
        let Some(mut place) = self.places.acquire(&thread.place) else {
            let busy = Entry::Truncated(Truncation::Busy);
            return Ok(walk.stacks.intern(Interned::ROOT, busy, walk.to, walk.budget)?.stack);
        };
        let (state, range) = (place.state(), &thread.stack);
        let leaf = Registers { ip, sp, bp, exact: false };
        if let Some(paths) = &state.paths
            && range.is_known(sp - 8)
            && let Some(stack) =
                paths.find(&leaf, range.high(), &self.tables.modules, &mut Visited::default())
        {
            return Ok(stack);
        }
        let stack = walk.run(state, leaf, range)?;
        match &mut state.paths {
            Some(paths) => paths.keep(&state.last, &leaf, stack, range.high()), // where the last walk's stack ends
            None => state.count_walk(walk.budget),
        }
        Ok(stack)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Barrier;

    use heaptrace_channel::ring::LastRing;

    use super::super::place::Preferred;
    use super::super::rules::{Cached, Rule, SavedBp};
    use super::*;
    use crate::c_library::Auxiliary;
    use crate::testing::{Channel, in_child};

    #[test]
    fn without_memory_it_does_not_start() {
        let (vector, unwinder, budget) =
            (Auxiliary::find().unwrap(), Box::new(Unwinder::new()), Budget::new());
        let start = || unwinder.start(Objects::of(vector).unwrap(), vector.program_headers(), &budget);
        budget.leave(0);
        assert_eq!(start(), Err(Refusal::NoMemory));
        budget.leave(1 << 20);
        assert_eq!(start(), Ok(()));
    }

    #[test]
    fn it_is_told_where_the_main_thread_ends_and_to_forget_rules() {
        let (unwinder, rule) = (Box::new(Unwinder::new()), Cached { rule: Rule::End, stable: true });
        unwinder.set_main_stack_top(0x7000);
        assert_eq!(unwinder.tables.main_stack_top.load(Relaxed), 0x7000);
        unwinder.tables.rules.put(0x1000, rule);
        assert_eq!(unwinder.tables.rules.get(0x1000), Some(rule));
        unwinder.forget_rules();
        assert_eq!(unwinder.tables.rules.get(0x1000), None);
    }

    #[test]
    fn a_thread_that_walks_much_finds_stacks_on_their_paths() {
        const LEAF: usize = 0x1_1000;
        const ROOT_FRAME: usize = 0x1_3000;
        const CALLERS: [usize; 2] = [0x1_2000, 0x1_2010];
        let skips_one = Rule::Sp { offset: 16, saved_bp: SavedBp::Kept };
        let test = || {
            let (unwinder, stacks) = (Box::new(Unwinder::new()), Box::new(Stacks::new()));
            let (thread, budget) = (Thread::default(), Budget::new());
            let (channel, last_ring) = (Channel::new(1 << 10), LastRing::default());
            for (ip, rule) in CALLERS
                .map(|ip| (ip, skips_one))
                .into_iter()
                .chain([(LEAF, skips_one), (ROOT_FRAME, Rule::End)])
            {
                unwinder.tables.rules.put(ip - 1, Cached { rule, stable: true });
            }
            let words = [const { Cell::new(0usize) }; 8];
            words[5].set(ROOT_FRAME);
            let leaf = Registers { ip: LEAF, sp: &raw const words[2] as usize, bp: 7, exact: false };
            let stack = |caller| {
                words[3].set(caller);
                unwinder
                    .stack(leaf, &thread, &stacks, &budget, channel.own.writer(&last_ring).unwrap(), || {})
                    .unwrap()
            };
            let first = CALLERS.map(stack);
            let has_paths = || unwinder.places.acquire(&thread.place).unwrap().state().paths.is_some();
            assert!(!has_paths(), "there were two walks");
            assert!((0..10_000).all(|_| CALLERS.map(stack) == first));
            let mut place = unwinder.places.acquire(&thread.place).unwrap();
            let paths = place.state().paths.as_ref().unwrap();
            let found = CALLERS.map(|caller| {
                words[3].set(caller);
                paths.find(&leaf, thread.stack.high(), &unwinder.tables.modules, &mut Visited::default())
            });
            assert_eq!(found, first.map(Some));
        };
        std::thread::scope(|scope| scope.spawn(test).join().unwrap()); // on a stack that ends with its thread
    }

    #[test]
    fn a_forked_child_has_the_places_and_the_stack_that_other_threads_were_on() {
        const MORE_THAN_PLACES: usize = 65;
        let (unwinder, together) = (Box::new(Unwinder::new()), Barrier::new(MORE_THAN_PLACES));
        std::thread::scope(|scope| {
            for number in 1..MORE_THAN_PLACES {
                let (unwinder, together) = (&unwinder, &together);
                scope.spawn(move || {
                    let _place = unwinder.places.acquire(&Preferred::default()).unwrap();
                    let wait = || [(); 2].map(|()| together.wait());
                    match number {
                        1 => drop(unwinder.tables.private_stack.run(wait).unwrap()),
                        _ => drop(wait()),
                    }
                });
            }
            together.wait();
            let can_walk = || {
                let has_place = unwinder.places.acquire(&Preferred::default()).is_some();
                has_place && unwinder.tables.private_stack.run(|| 42) == Some(42)
            };
            let status = in_child(|| {
                unwinder.after_fork();
                assert!(can_walk());
            });
            let can_parent = can_walk();
            together.wait();
            assert_eq!((status, can_parent), (0, false));
        });
    }
}
