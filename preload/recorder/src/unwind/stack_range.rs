//! Which part of memory is the stack: what may be read.
//!
//! No system call tells that at once and in every sandbox, so readability is asked page by page
//! ([`is_readable`]), upward from the stack pointer. The answer is kept for a thread's own
//! stack only, which stays as it is while the thread lives: it ends at the thread's control block
//! (glibc puts that at the top of every thread's stack) or, for the main thread, at the arguments.
//! Other stacks (coroutines, signal stacks) are asked about anew in each walk.

use core::cell::Cell;

use crate::arch::control_block;
use crate::memory::is_readable;
use crate::sys::PAGE;

/// Most pages that are asked about to find out whether a stack is the thread's own: 4 MiB deep.
const OWN_PAGES: usize = 1024;
/// As many for a stack with large frames, 4 GiB deep, as long as few were asked about in vain: each of
/// them costs a tenth of a microsecond.
const MOST_OWN_PAGES: usize = 1 << 20;
const MOST_IN_VAIN: u32 = 1 << 18;
/// Most pages that a walk asks about on another stack.
const OTHER_PAGES: usize = 256;

/// The part of a thread's own stack that is known to be readable: `low..high`, empty at first.
#[derive(Debug, Default)]
#[repr(C)]
pub struct StackRange {
    low: Cell<usize>,
    high: Cell<usize>,
    /// Pages that were asked about for stacks with large frames that were none.
    in_vain: Cell<u32>,
}

/// What a walk may read.
#[derive(Debug)]
pub struct Readable {
    low: usize,
    high: usize,
    /// Pages that may still be asked about.
    budget: usize,
    /// The thread's own stack, so that what was read can be compared in a later walk.
    pub own: bool,
}

const fn page_of(address: usize) -> usize {
    address & !(PAGE - 1)
}

impl StackRange {
    /// What may be read from `sp` on. The main thread's stack ends at `main_stack_top`.
    pub fn from(&self, sp: usize, main_stack_top: usize) -> Readable {
        let known = self.is_known(sp) || self.grow_down(sp) || self.find(sp, main_stack_top);
        if known {
            Readable { low: sp, high: self.high.get(), budget: 0, own: true }
        } else {
            Readable { low: sp, high: page_of(sp), budget: OTHER_PAGES, own: false }
        }
    }

    /// Is it known that all is readable from there to the end?
    #[inline]
    pub fn is_known(&self, sp: usize) -> bool {
        let low = self.low.get();
        sp.wrapping_sub(low) < self.high.get().wrapping_sub(low) // not less than nothing
    }

    /// Are both addresses on this stack? Each is that of a frame at some time, so it counts if it is
    /// in the known part or close below: the frames of a hook may reach into the next page.
    pub fn contains(&self, one: usize, other: usize) -> bool {
        let near = self.low.get().saturating_sub(PAGE)..self.high.get();
        near.contains(&one) && near.contains(&other)
    }

    /// Where the stack ends: the same for two walks if they are on the same stack.
    #[inline]
    pub fn high(&self) -> usize {
        self.high.get()
    }

    fn grow_down(&self, sp: usize) -> bool {
        let grows = self.reaches(sp, self.low.get());
        if grows {
            self.low.set(page_of(sp));
        }
        grows
    }

    /// Is all readable from `sp` to `end`, and is it not too much to ask?
    fn reaches(&self, sp: usize, end: usize) -> bool {
        let Some(pages) = end.checked_sub(page_of(sp)).map(|bytes| bytes.div_ceil(PAGE)) else {
            return false;
        };
        let is_large = pages > OWN_PAGES;
        if sp >= end || pages > MOST_OWN_PAGES || (is_large && self.in_vain.get() >= MOST_IN_VAIN) {
            return false;
        }
        let readable = (page_of(sp)..end).step_by(PAGE).take_while(|&page| is_readable(page)).count();
        if is_large && readable < pages {
            self.in_vain.set(self.in_vain.get() + readable as u32 + 1);
        }
        readable == pages
    }

    #[cold]
    fn find(&self, sp: usize, main_stack_top: usize) -> bool {
        let ends = [control_block(), main_stack_top];
        let end = ends.into_iter().find(|&end| self.reaches(sp, end));
        if let Some(end) = end {
            self.low.set(page_of(sp));
            self.high.set(end);
        }
        end.is_some()
    }
}

impl Readable {
    /// The word at `address`, if it is one of this stack, not below the stack pointer.
    #[inline]
    pub fn read(&mut self, address: usize) -> Option<usize> {
        let end = address.checked_add(8)?;
        if address < self.low || !address.is_multiple_of(8) || (end > self.high && !self.reach(end)) {
            return None;
        }
        // SAFETY: every page from `low`'s to `high` is readable stack of the calling thread.
        Some(unsafe { *(address as *const usize) })
    }

    #[cold]
    fn reach(&mut self, end: usize) -> bool {
        while self.high < end {
            if self.budget == 0 || !is_readable(self.high) {
                return false;
            }
            self.budget -= 1;
            self.high += PAGE;
        }
        true
    }

    /// Goes over to the stack that a signal interrupted.
    pub fn switch(&mut self, sp: usize, thread: &StackRange, main_stack_top: usize) {
        if !(self.low..self.high).contains(&sp) {
            *self = thread.from(sp, main_stack_top);
        }
        self.own = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{guard_page, map_private};

    #[test]
    fn a_threads_own_stack_is_read_up_to_its_end_and_no_further() {
        std::thread::spawn(|| {
            let local = 77usize;
            let sp = &raw const local as usize;
            let range = StackRange::default();
            let mut readable = range.from(sp, 0);
            assert!(readable.own);
            assert_eq!(readable.read(sp), Some(77));
            assert_eq!(readable.read(sp - 8), None);
            assert_eq!(readable.read(sp + 1), None);
            assert_eq!(readable.read(control_block()), None);
            assert_eq!(readable.read(usize::MAX - 6), None);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn what_is_known_of_a_stack_is_what_lies_on_it() {
        let range = StackRange { low: Cell::new(0x1000), high: Cell::new(0x3000), in_vain: Cell::new(0) };
        assert_eq!(range.high(), 0x3000);
        assert_eq!([0xFFF, 0x1000, 0x2FFF, 0x3000].map(|sp| range.is_known(sp)), [false, true, true, false]);
    }

    #[test]
    fn a_stack_grows_down_as_far_as_it_is_readable() {
        let memory = map_private(4 * PAGE).unwrap().as_ptr();
        // SAFETY: this test's own page.
        unsafe { guard_page(memory) };
        let page = |n: usize| memory as usize + n * PAGE;
        let range = StackRange { low: Cell::new(page(3)), high: Cell::new(page(4)), in_vain: Cell::new(0) };
        assert!(range.grow_down(page(1) + 16) && range.is_known(page(1)));
        assert!(!range.grow_down(page(0) + 16) && !range.is_known(page(0)));
    }

    #[test]
    fn a_stack_that_is_too_deep_is_not_asked_about() {
        let memory = map_private(PAGE).unwrap().as_ptr() as usize;
        let range = StackRange::default();
        assert!(!range.reaches(memory, memory + (MOST_OWN_PAGES + 1) * PAGE) && range.in_vain.get() == 0);
        assert!(!range.reaches(memory, memory + MOST_OWN_PAGES * PAGE) && range.in_vain.get() > 0);
        // SAFETY: this test's own page.
        unsafe { guard_page(memory as *mut u8) };
        let before = range.in_vain.get();
        assert!(!range.reaches(memory, memory + MOST_OWN_PAGES * PAGE));
        assert_eq!(range.in_vain.get(), before + 1, "what cannot be read was asked about too");
    }

    #[test]
    fn another_stack_is_read_as_far_as_a_walk_may_ask() {
        let sp = map_private((OTHER_PAGES + 2) * PAGE).unwrap().as_ptr() as usize;
        let mut readable = StackRange::default().from(sp, 0);
        assert_eq!(readable.read(sp + OTHER_PAGES * PAGE - 8), Some(0));
        assert_eq!(readable.read(sp + OTHER_PAGES * PAGE), None);
    }

    #[test]
    fn a_walk_goes_over_to_the_stack_that_a_signal_interrupted() {
        let other = map_private(PAGE).unwrap().as_ptr() as usize;
        std::thread::spawn(move || {
            let local = 77usize;
            let (sp, range) = (&raw const local as usize, StackRange::default());
            let mut readable = range.from(sp, 0);
            readable.switch(sp + 8, &range, 0);
            assert_eq!((readable.read(sp), readable.own), (Some(77), false), "it is the same");
            readable.switch(other, &range, 0);
            assert_eq!((readable.read(other), readable.read(sp), readable.own), (Some(0), None, false));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_frame_close_below_the_known_part_is_on_the_stack() {
        let range =
            StackRange { low: Cell::new(0x10_0000), high: Cell::new(0x20_0000), in_vain: Cell::new(0) };
        assert!(range.contains(0x10_0000 - 100, 0x10_0100));
        assert!(!range.contains(0x10_0000 - 2 * PAGE, 0x10_0100));
        assert!(!range.contains(0x20_0000, 0x10_0100));
    }

    /// As of a frame with a large array, of which a thread may be asked often.
    #[test]
    fn a_deep_stack_is_the_threads_own_and_what_is_none_is_asked_about_a_few_times_only() {
        let pages = 3 * OWN_PAGES;
        let memory = map_private((pages + 1) * PAGE).unwrap().as_ptr();
        let (sp, end) = (memory as usize + 16, memory as usize + pages * PAGE);
        let range = StackRange::default();
        assert!(range.reaches(sp, end) && range.in_vain.get() == 0);
        // SAFETY: this test's own page.
        unsafe { guard_page(memory.add((pages - 1) * PAGE)) };
        let tries =
            (0..1000).take_while(|_| !range.reaches(sp, end) && range.in_vain.get() < MOST_IN_VAIN).count();
        assert!((10..100).contains(&tries), "{tries}");
        assert!(range.reaches(sp, memory as usize + OWN_PAGES * PAGE), "what is small is always asked about");
        assert!(!range.reaches(sp, sp) && !range.reaches(sp, 8));
    }

    #[test]
    fn another_stack_is_read_up_to_the_first_unreadable_page() {
        let stack = map_private(3 * PAGE).unwrap().as_ptr();
        // SAFETY: this test's own page.
        unsafe { guard_page(stack.add(2 * PAGE)) };
        let (sp, guard) = (stack as usize + 16, stack as usize + 2 * PAGE);
        let mut readable = StackRange::default().from(sp, 0);
        assert!(!readable.own);
        assert_eq!(readable.read(guard - 8), Some(0));
        assert_eq!(readable.read(guard), None);
        assert_eq!(readable.read(stack as usize), None);
    }
}
