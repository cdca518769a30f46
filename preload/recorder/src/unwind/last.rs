//! The last walk, of which the next one may find a part again.

use core::sync::atomic::{Ordering::SeqCst, compiler_fence};
use core::{iter, slice};

use heaptrace_channel::modules::ModuleId;
use heaptrace_channel::stacks::{Entry, ROOT, Stack};

use super::modules::{Modules, Visited};
use super::registers::Registers;
use super::rules::BpUse;
use crate::stacks::Interned;

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
    /// What its rule has to do with `bp`.
    pub bp_use: BpUse,
    /// What its stack is looked for by, once that is known.
    pub hash: u32,
}

impl Frame {
    /// A frame whose registers were not read, and of which nothing else is known yet.
    pub const fn of(registers: Registers) -> Frame {
        Frame { registers, bp_at: 0, sp_at: 0, module: ModuleId::BY_ADDRESS, bp_use: BpUse::Read, hash: 0 }
    }

    /// What it is in its stack.
    #[inline]
    pub fn entry(&self) -> Entry {
        Entry::Frame { address: self.registers.address() as u64, module: self.module }
    }

    /// What memory held that the rest of the walk depends on.
    fn links(&self, needs_bp: bool) -> [Link; 3] {
        let Registers { ip, sp, bp, .. } = self.registers;
        let bp_at = if needs_bp { self.bp_at } else { 0 };
        [Link { at: sp - 8, word: ip }, Link { at: bp_at, word: bp }, Link { at: self.sp_at, word: sp }]
    }
}

/// A word that a walk has read.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    pub at: usize,
    pub word: usize,
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
    stack: Interned,
    module: ModuleId,
    /// How many frames there are from the root to the innermost that is in a module which may be unloaded,
    /// and its caller is not; 0 if none of those up to this one is.
    loaded: u16,
    /// The way to the root depends on its `bp`. In code that uses `rbp` for what it likes, it does not.
    needs_bp: bool,
    /// How many of the links are its own.
    own_links: u8,
}

impl Known {
    /// How many links led from the root to its caller.
    #[inline]
    fn outer_links(&self) -> usize {
        (self.links - u32::from(self.own_links)) as usize
    }

    /// Does a walk go on as it did from this frame when it comes to a frame with those registers?
    #[inline]
    fn goes_on_as(&self, registers: &Registers) -> bool {
        let Registers { ip, sp, bp, exact } = self.registers;
        ip == registers.ip
            && sp == registers.sp
            && exact == registers.exact
            && (!self.needs_bp || bp == registers.bp)
    }
}

/// The innermost frame, if a hook was called from it: what a loop that allocates is found again by. All of it beside
/// each other, as every sample looks at it.
#[derive(Debug)]
struct Leaf {
    /// 0 for none.
    ip: usize,
    sp: usize,
    bp: usize,
    needs_bp: bool,
    /// A module that may be unloaded is among the frames.
    is_loaded: bool,
    stack: Stack,
    outer_links: usize,
}

impl Leaf {
    const NONE: Leaf =
        Leaf { ip: 0, sp: 0, bp: 0, needs_bp: false, is_loaded: false, stack: ROOT, outer_links: 0 };

    #[inline(always)]
    fn goes_on_as(&self, registers: &Registers) -> bool {
        let is_there = self.ip == registers.ip && self.sp == registers.sp;
        is_there && (self.bp == registers.bp || !self.needs_bp)
    }
}

/// The frames of the last walk in this place, root first, and the links between them.
///
/// A walk is a function of its registers, as far as they are used, the memory it reads and the modules
/// that it leads through. So when it comes to a frame with the registers of one in here, and all memory
/// that led from there to the root is unchanged, as are the modules, the rest of the stack is the same,
/// and the walk ends.
#[derive(Debug)]
pub struct Last {
    leaf: Leaf,
    /// End of the stack that they are of.
    stack_end: usize,
    /// Beyond the outermost are more, which were not reached: it may have been by its `bp`.
    is_truncated: bool,
    count: usize,
    frames: &'static mut [Known],
    links: &'static mut [Link],
}

impl Last {
    /// Before the first walk.
    pub const fn nothing() -> Last {
        Last {
            leaf: Leaf::NONE,
            stack_end: 0,
            is_truncated: false,
            count: 0,
            frames: &mut [],
            links: &mut [],
        }
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

    /// Forgets all frames, and keeps those of the stack that ends there from now on, from its root or from
    /// wherever the walk could not go on.
    pub fn begin(&mut self, stack_end: usize, is_truncated: bool) {
        (self.stack_end, self.is_truncated, self.count) = (stack_end, is_truncated, 0);
    }

    /// The stack of a call with these registers, on the stack that ends there, if it is the innermost frame and
    /// led to the same root: a loop that allocates.
    ///
    /// That the innermost frame is on that stack, as deep, shows that the stack is readable from there on.
    #[inline(always)]
    pub fn again(&self, registers: &Registers, stack_end: usize, modules: &Modules) -> Option<Stack> {
        let leaf = &self.leaf;
        if self.stack_end != stack_end || !leaf.goes_on_as(registers) {
            return None;
        }
        // SAFETY: the innermost frame's links are in here.
        let links = unsafe { self.links.get_unchecked(..leaf.outer_links) };
        let is_same = all_hold(links) && (!leaf.is_loaded || self.hold(modules, &mut Visited::default()));
        is_same.then_some(leaf.stack)
    }

    /// A walk begins, which changes what is in here. A signal handler may leave it in the midst, by `longjmp`: there is
    /// a leaf only when all else is as it says.
    pub fn open(&mut self) {
        self.leaf.ip = 0;
        compiler_fence(SeqCst);
    }

    /// The walk has ended.
    pub fn close(&mut self) {
        let Some(innermost) = self.frames[..self.count].last() else { return };
        let (Registers { ip, sp, bp, exact }, outer_links) = (innermost.registers, innermost.outer_links());
        let Known { needs_bp, loaded, stack: Interned { stack, .. }, .. } = *innermost;
        self.leaf = Leaf { ip: 0, sp, bp, needs_bp, is_loaded: loaded != 0, stack, outer_links };
        compiler_fence(SeqCst);
        self.leaf.ip = if exact { 0 } else { ip };
    }

    /// The stack of the frame with these registers, if it is in here and led to the same root.
    /// Drops the frames below it, which have returned.
    #[inline]
    pub fn find(
        &mut self,
        registers: &Registers,
        verified: &mut bool,
        modules: &Modules,
        visited: &mut Visited,
    ) -> Option<Interned> {
        loop {
            let frame = self.frames[..self.count].last()?;
            if frame.registers.sp > registers.sp {
                return None;
            }
            if !frame.goes_on_as(registers) {
                self.count -= 1;
                continue;
            }
            let stack = frame.stack;
            if *verified || self.keep_unchanged() {
                if self.hold(modules, visited) {
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
        let Some((frame, outer)) = self.frames[..self.count].split_last() else { return true };
        let links = &self.links[..frame.outer_links()];
        let holding = holding(links);
        if holding == links.len() {
            return true;
        }
        // The first frame with a broken link may itself be current again; those inside are not.
        self.count = 1 + outer.partition_point(|frame| frame.links as usize <= holding);
        false
    }

    /// Are the modules that may be unloaded still those of the frames?
    #[inline(never)]
    fn hold(&self, modules: &Modules, visited: &mut Visited) -> bool {
        self.loaded().all(|(address, module)| modules.unchanged(address, visited) == Some(module))
    }

    /// The modules that may be unloaded: an address in each, and its number.
    pub fn loaded(&self) -> impl Iterator<Item = (usize, ModuleId)> {
        let frame = |number: u16| usize::from(number).checked_sub(1).map(|index| &self.frames[index]);
        let innermost = frame(self.count as u16).and_then(|innermost| frame(innermost.loaded));
        let next = move |inner: &&Known| frame(inner.loaded - 1).and_then(|outer| frame(outer.loaded));
        iter::successors(innermost, next).map(|frame| (frame.registers.address(), frame.module))
    }

    /// The links that led from the root to the caller of a leaf, and whether the way depends on the leaf's `bp`:
    /// if the last walk was from there, came to the root, and is all in here.
    pub fn whole(&self, leaf: &Registers, stack: Stack) -> Option<(&[Link], bool)> {
        let innermost = self.frames[..self.count].last()?;
        let is_whole = innermost.registers == *leaf && innermost.stack.stack == stack && !self.is_truncated;
        is_whole.then(|| (&self.links[..innermost.outer_links()], innermost.needs_bp))
    }

    /// Adds the frame inside of the innermost, if there is room.
    pub fn add(&mut self, frame: &Frame, stack: Interned) {
        let outer = self.frames[..self.count].last();
        let root = (0, 0, self.is_truncated);
        let (mut links, mut loaded, caller_needs_bp) =
            outer.map_or(root, |outer| (outer.links as usize, outer.loaded, outer.needs_bp));
        let needs_bp = match frame.bp_use {
            BpUse::Read => true,
            BpUse::Kept => caller_needs_bp,
            BpUse::Dropped => false,
        };
        let read = frame.links(needs_bp);
        if self.count == self.frames.len() || links + read.len() > self.links.len() {
            return;
        }
        let outer_links = links;
        for link in read.into_iter().filter(|link| link.at != 0) {
            self.links[links] = link;
            links += 1;
        }
        let own_links = (links - outer_links) as u8;
        let Frame { registers, module, .. } = *frame;
        let innermost = loaded.checked_sub(1).map(|index| self.frames[usize::from(index)].module);
        if module != ModuleId::BY_ADDRESS && innermost != Some(module) {
            loaded = self.count as u16 + 1;
        }
        self.frames[self.count] =
            Known { registers, links: links as u32, stack, module, loaded, needs_bp, own_links };
        self.count += 1;
    }
}

/// Do all links hold? The words were read as parts of a stack, above the return address of the frame that
/// called next, so above the present stack pointer.
#[inline(always)]
pub fn all_hold(mut links: &[Link]) -> bool {
    // SAFETY: a stack is readable from its pointer up to its end.
    let holds = |link: &Link| unsafe { link.holds() };
    while let Some(([first, second, third, fourth], rest)) = links.split_first_chunk() {
        // a third faster
        if !(holds(first) && holds(second) && holds(third) && holds(fourth)) {
            return false;
        }
        links = rest;
    }
    for link in links {
        if !holds(link) {
            return false;
        }
    }
    true
}

/// How many links hold, from the root on.
#[inline(always)]
fn holding(links: &[Link]) -> usize {
    let (fours, _) = links.as_chunks::<4>();
    let whole = 4 * fours.iter().take_while(|four| all_hold(*four)).count();
    whole + links[whole..].iter().take_while(|link| all_hold(slice::from_ref(link))).count()
}

#[cfg(test)]
pub mod tests;
