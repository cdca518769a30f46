//! The last walk, of which the next one may find a part again.

use heaptrace_channel::modules::ModuleId;
use heaptrace_channel::stacks::Stack;

use super::modules::Modules;
use super::registers::Registers;

/// A frame, and where in memory its registers were found: all that a walk from it on depends on.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub registers: Registers,
    /// Where `bp` was read, 0 if it was the callee's.
    pub bp_at: usize,
    /// Where `sp` was read, 0 if it was computed.
    pub sp_at: usize,
    /// The module of its code.
    pub module: ModuleId,
}

impl Frame {
    /// A frame whose registers were not read.
    pub const fn of(registers: Registers) -> Frame {
        Frame { registers, bp_at: 0, sp_at: 0, module: ModuleId::BY_ADDRESS }
    }

    /// What memory held.
    fn links(&self) -> [Link; 3] {
        let Registers { ip, sp, bp, .. } = self.registers;
        [Link { at: sp - 8, word: ip }, Link { at: self.bp_at, word: bp }, Link { at: self.sp_at, word: sp }]
    }
}

/// A word that a walk has read.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    at: usize,
    word: usize,
}

impl Link {
    /// Is it still there?
    ///
    /// # Safety
    /// `at` is readable.
    #[inline]
    unsafe fn holds(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { *(self.at as *const usize) == self.word }
    }
}

/// A frame of an earlier walk.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    registers: Registers,
    /// How many links led from the root to this frame.
    links: u32,
    /// The stack from the root to this frame.
    stack: Stack,
    module: ModuleId,
    /// How many frames there are from the root to the innermost that is in a module which may be
    /// unloaded; 0 if none of those up to this one is.
    loaded: u16,
}

/// The frames of the last walk in this place, root first, and the links between them.
///
/// A walk is a function of its registers, the memory it reads and the modules that it leads through.
/// So when it comes to a frame with the registers of one in here, and all memory that led from there
/// to the root is unchanged, as are the modules, the rest of the stack is the same, and the walk ends.
#[derive(Debug)]
pub struct Last {
    /// End of the stack that they are of.
    stack_end: usize,
    count: usize,
    frames: &'static mut [Known],
    links: &'static mut [Link],
}

impl Last {
    /// Before the first walk.
    pub const fn nothing() -> Last {
        Last { stack_end: 0, count: 0, frames: &mut [], links: &mut [] }
    }

    /// Words that are remembered of a frame, on average: its return address, and a saved frame pointer.
    pub const LINKS_A_FRAME: usize = 2;

    /// Goes on in other memory, which is larger.
    pub fn move_to(&mut self, frames: &'static mut [Known], links: &'static mut [Link]) {
        frames[..self.frames.len()].copy_from_slice(self.frames);
        links[..self.links.len()].copy_from_slice(self.links);
        (self.frames, self.links) = (frames, links);
    }

    /// Is there room for so many frames more?
    pub fn has_room(&self, frames: usize) -> bool {
        self.count + frames <= self.frames.len()
    }

    /// Was the walk on the stack that ends there?
    pub fn is_of(&self, stack_end: usize) -> bool {
        self.stack_end == stack_end
    }

    /// Forgets all frames, and keeps those of the stack that ends there from now on.
    pub fn begin(&mut self, stack_end: usize) {
        (self.stack_end, self.count) = (stack_end, 0);
    }

    /// The stack of the frame with these registers, if it is in here and led to the same root.
    /// Drops the frames below it, which have returned.
    #[inline]
    pub fn find(&mut self, registers: &Registers, verified: &mut bool, modules: &Modules) -> Option<Stack> {
        loop {
            let frame = self.frames[..self.count].last()?;
            if frame.registers.sp > registers.sp {
                return None;
            }
            if frame.registers != *registers {
                self.count -= 1;
                continue;
            }
            let stack = frame.stack;
            if *verified || self.keep_unchanged() {
                if self.hold(modules) {
                    return Some(stack);
                }
                self.count = 0;
            }
            *verified = true;
        }
    }

    /// Keeps the frames from which everything up to the root is unchanged. Is the innermost among
    /// them?
    ///
    /// Its own links are not looked at: its registers are compared instead.
    fn keep_unchanged(&mut self) -> bool {
        let Some((_, outer)) = self.frames[..self.count].split_last() else { return true };
        let links = &self.links[..outer.last().map_or(0, |frame| frame.links as usize)];
        // SAFETY: the words were read as parts of this stack, above the return address of the frame
        // that called next, so above the present stack pointer; it is readable up to its end.
        let holds = |link: &Link| unsafe { link.holds() };
        let (fours, rest) = links.as_chunks::<4>(); // a third faster
        let mut holding = 4 * fours.iter().take_while(|four| four.iter().all(holds)).count();
        if holding + rest.len() == links.len() {
            holding += rest.iter().take_while(|link| holds(link)).count();
        }
        if holding == links.len() {
            return true;
        }
        // The first frame with a broken link may itself be current again; those inside are not.
        self.count = 1 + outer.partition_point(|frame| frame.links as usize <= holding);
        false
    }

    /// Are the modules that may be unloaded still those of the frames?
    fn hold(&self, modules: &Modules) -> bool {
        let frame = |number: u16| usize::from(number).checked_sub(1).map(|index| &self.frames[index]);
        let mut at = frame(self.count as u16);
        while let Some(inner) = at.and_then(|at| frame(at.loaded)) {
            if modules.unchanged(inner.registers.address()) != Some(inner.module) {
                return false;
            }
            at = frame(inner.loaded - 1);
        }
        true
    }

    /// Adds the frame inside of the innermost, if there is room.
    pub fn add(&mut self, frame: &Frame, stack: Stack) {
        let outer = self.frames[..self.count].last();
        let (mut links, mut loaded) = outer.map_or((0, 0), |outer| (outer.links as usize, outer.loaded));
        let read = frame.links();
        if self.count == self.frames.len() || links + read.len() > self.links.len() {
            return;
        }
        for link in read.into_iter().filter(|link| link.at != 0) {
            self.links[links] = link;
            links += 1;
        }
        let Frame { registers, module, .. } = *frame;
        if module != ModuleId::BY_ADDRESS {
            loaded = self.count as u16 + 1;
        }
        self.frames[self.count] = Known { registers, links: links as u32, stack, module, loaded };
        self.count += 1;
    }
}
