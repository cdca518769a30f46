//! The last walk, of which the next one may find a part again.

use core::{iter, slice};

use heaptrace_channel::modules::ModuleId;
use heaptrace_channel::stacks::Stack;

use super::modules::{Modules, Visited};
use super::registers::Registers;
use super::rules::BpUse;

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
}

impl Frame {
    /// A frame whose registers were not read, and of which nothing else is known yet.
    pub const fn of(registers: Registers) -> Frame {
        Frame { registers, bp_at: 0, sp_at: 0, module: ModuleId::BY_ADDRESS, bp_use: BpUse::Read }
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
    stack: Stack,
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

/// The frames of the last walk in this place, root first, and the links between them.
///
/// A walk is a function of its registers, as far as they are used, the memory it reads and the modules
/// that it leads through. So when it comes to a frame with the registers of one in here, and all memory
/// that led from there to the root is unchanged, as are the modules, the rest of the stack is the same,
/// and the walk ends.
#[derive(Debug)]
pub struct Last {
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
        Last { stack_end: 0, is_truncated: false, count: 0, frames: &mut [], links: &mut [] }
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

    /// The stack of the frame with these registers if it is the innermost, and led to the same root: a loop
    /// that allocates.
    #[inline(always)]
    pub fn again(&self, registers: &Registers, modules: &Modules) -> Option<Stack> {
        let frame = self.frames.get(self.count.wrapping_sub(1))?;
        if !frame.goes_on_as(registers) {
            return None;
        }
        let links = self.links.get(..frame.outer_links())?;
        let is_same = all_hold(links) && (frame.loaded == 0 || self.hold(modules, &mut Visited::default()));
        is_same.then_some(frame.stack)
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
    ) -> Option<Stack> {
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
        let is_whole = innermost.registers == *leaf && innermost.stack == stack && !self.is_truncated;
        is_whole.then(|| (&self.links[..innermost.outer_links()], innermost.needs_bp))
    }

    /// Adds the frame inside of the innermost, if there is room.
    pub fn add(&mut self, frame: &Frame, stack: Stack) {
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
pub fn all_hold(links: &[Link]) -> bool {
    // SAFETY: a stack is readable from its pointer up to its end.
    let holds = |link: &Link| unsafe { link.holds() };
    let (fours, rest) = links.as_chunks::<4>(); // a third faster
    for [first, second, third, fourth] in fours {
        if !(holds(first) && holds(second) && holds(third) && holds(fourth)) {
            return false;
        }
    }
    for link in rest {
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
pub mod tests {
    use super::*;
    use std::cell::Cell;
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    /// An empty one, with room.
    fn last(stack_end: usize, is_truncated: bool) -> Last {
        const FRAMES: usize = 8;
        let known = Known {
            registers: Registers::default(),
            links: 0,
            stack: Stack(0),
            module: ModuleId::BY_ADDRESS,
            loaded: 0,
            needs_bp: false,
            own_links: 0,
        };
        let links = vec![Link { at: 0, word: 0 }; FRAMES * Last::LINKS_A_FRAME].leak();
        let mut last = Last::nothing();
        last.move_to(vec![known; FRAMES].leak(), links);
        last.begin(stack_end, is_truncated);
        last
    }

    /// Of a stack of two frames, of which the outer one's return address and `rbp` are in memory: is it found
    /// again with another `rbp` in the inner one, and with another in memory?
    fn is_found([outer, inner]: [BpUse; 2], is_truncated: bool) -> [bool; 2] {
        let words = [const { Cell::new(0usize) }; 8];
        let at = |index: usize| &raw const words[index] as usize;
        let frame = |ip, sp, bp_use| Frame { bp_use, ..Frame::of(Registers { ip, sp, bp: 7, exact: false }) };
        let outer = Frame { bp_at: at(4), ..frame(1000, at(6), outer) };
        let inner = frame(2000, at(2), inner);
        words[5].set(1000);
        words[4].set(7);
        let mut last = last(at(7), is_truncated);
        last.add(&outer, Stack(1));
        last.add(&inner, Stack(2));
        let modules = Modules::new();
        let found = |registers| last.again(&registers, &modules) == Some(Stack(2));
        assert!(found(inner.registers));
        assert!(!found(Registers { ip: 2001, ..inner.registers }));
        let with_another = found(Registers { bp: 8, ..inner.registers });
        words[4].set(8);
        let after_a_change = found(inner.registers);
        words[4].set(7);
        words[5].set(1001);
        assert!(!found(inner.registers), "the outer one returns elsewhere");
        [with_another, after_a_change]
    }

    #[test]
    fn there_is_room_for_as_many_frames_as_are_not_in_it_and_it_is_of_one_stack() {
        let mut last = last(0x7000, false);
        assert!(last.is_of(0x7000) && !last.is_of(0x8000));
        for count in 0..8 {
            assert!(last.has_room(8 - count) && !last.has_room(9 - count));
            last.add(&Frame::of(Registers { sp: 0x6000, ..Registers::default() }), Stack(1));
        }
    }

    #[test]
    fn a_walk_is_whole_that_began_at_the_leaf_and_came_to_the_root() {
        let leaf = Registers { ip: 1000, sp: 0x6000, bp: 7, exact: false };
        let whole = |is_truncated| {
            let mut last = last(0x7000, is_truncated);
            assert!(last.whole(&leaf, Stack(1)).is_none(), "there was none");
            last.add(&Frame::of(leaf), Stack(1));
            let others =
                [(leaf, 1), (leaf, 2), (Registers { bp: 8, ..leaf }, 1), (Registers { bp: 8, ..leaf }, 2)];
            others.map(|(leaf, stack)| last.whole(&leaf, Stack(stack)).map(|(links, bp)| (links.len(), bp)))
        };
        assert_eq!(whole(false), [Some((0, true)), None, None, None]);
        assert_eq!(whole(true), [None; 4]);
    }

    #[test]
    fn a_stack_through_a_module_that_is_gone_is_another() {
        let (mut last, registers) = (last(0x7000, false), Registers { sp: 0x6000, ..Registers::default() });
        last.add(&Frame { module: ModuleId(1), ..Frame::of(registers) }, Stack(1));
        assert_eq!(last.again(&registers, &Modules::new()), None, "no module is known");
    }

    /// A stack of calls in memory of the test's own, which is walked as [`super::super::walk`] does it.
    pub struct Calls {
        words: Vec<Cell<usize>>,
        pub last: Last,
    }

    impl Calls {
        const MOST: usize = 12;

        pub fn new() -> Calls {
            let words = vec![Cell::new(0); 4 * Calls::MOST];
            let last = last(words.as_ptr_range().end as usize, false);
            Calls { words, last }
        }

        /// The frame at that depth, which is at `ip`. Return addresses lie below the stack pointer.
        pub fn frame(&self, depth: usize, ip: usize) -> Frame {
            let sp = &raw const self.words[4 * (Calls::MOST - depth) - 2] as usize;
            let registers = Registers { ip, sp, bp: 0, exact: false };
            let module = if ip < LOADED { ModuleId::BY_ADDRESS } else { ModuleId((ip / LOADED) as u16) };
            Frame { module, bp_use: BpUse::Dropped, ..Frame::of(registers) }
        }

        /// Where the stack ends.
        pub fn end(&self) -> usize {
            self.words.as_ptr_range().end as usize
        }

        /// Makes it a stack of these addresses, the root first.
        pub fn set(&self, ips: &[usize]) {
            for (depth, &ip) in ips.iter().enumerate() {
                self.words[4 * (Calls::MOST - depth) - 3].set(ip);
            }
        }

        /// Walks a stack of these addresses. Returns how many of the frames were known.
        pub fn walk(&mut self, ips: &[usize], visited: &mut Visited) -> usize {
            self.set(ips);
            let frames: Vec<_> = ips.iter().enumerate().map(|(depth, &ip)| self.frame(depth, ip)).collect();
            let (mut verified, modules) = (false, Modules::new());
            let mut is_known =
                |frame: &Frame| self.last.find(&frame.registers, &mut verified, &modules, visited);
            let known = frames.iter().enumerate().rev().find_map(|(depth, f)| Some((depth, is_known(f)?)));
            if let Some((depth, stack)) = known {
                assert_eq!(stack, number(&ips[..=depth]), "{ips:?}");
            }
            let count = known.map_or(0, |(depth, _)| depth + 1);
            if count == 0 {
                self.last.begin(self.end(), false);
            }
            for (depth, frame) in frames.iter().enumerate().skip(count) {
                self.last.add(frame, number(&ips[..=depth]));
            }
            count
        }
    }

    /// Addresses from here on are of modules that may be unloaded.
    pub const LOADED: usize = 1 << 20;

    /// A number for the stack of these addresses.
    pub fn number(ips: &[usize]) -> Stack {
        Stack(BuildHasherDefault::<DefaultHasher>::default().hash_one(ips) as u32)
    }

    #[test]
    fn of_any_two_stacks_that_follow_each_other_the_common_frames_are_known_and_no_others() {
        const ROOM: usize = 8;
        let (mut calls, random) = (Calls::new(), Cell::new(1));
        let sampler = crate::sampler::Sampler::new(1 << 40, 1);
        let any = |below: usize| sampler.next_gap(&random) as usize % below;
        let mut before = Vec::new();
        for _ in 0..20_000 {
            let mut ips = before.clone();
            ips.truncate(any(before.len() + 1)); // returns from some
            while ips.len() < Calls::MOST && (ips.is_empty() || any(3) > 0) {
                ips.push(1000 + any(2)); // and calls others, or from elsewhere
            }
            let common = before.iter().zip(&ips).take_while(|(one, other)| one == other).count();
            assert_eq!(calls.walk(&ips, &mut Visited::default()), common.min(ROOM), "{before:?} {ips:?}");
            before = ips;
        }
    }

    #[test]
    fn a_stack_is_known_as_long_as_its_modules_are_there() {
        let ips = [1000, LOADED, 1001, LOADED + 1, LOADED + 2, 1002];
        let there = |module| Visited::of(LOADED - 1..2 * LOADED, ModuleId(module));
        for (mut now, known) in [(there(1), ips.len()), (there(2), 0), (Visited::default(), 0)] {
            let mut calls = Calls::new();
            assert_eq!(calls.walk(&ips, &mut there(1)), 0);
            assert_eq!(calls.walk(&ips, &mut now), known);
        }
        let mut calls = Calls::new();
        let two = [1000, 2 * LOADED, 1001, LOADED];
        assert_eq!(calls.walk(&two, &mut there(1)), 0);
        assert_eq!(calls.walk(&two, &mut there(1)), 0, "the outer one is gone");
    }

    #[test]
    fn links_hold_if_each_of_them_does() {
        let words: Vec<_> = (0..9).map(Cell::new).collect();
        let link = |word: &Cell<usize>| Link { at: word.as_ptr() as usize, word: word.get() };
        let links: Vec<_> = words.iter().map(link).collect();
        assert!((0..=9).all(|count| all_hold(&links[..count])));
        for (index, word) in words.iter().enumerate() {
            word.set(100);
            assert!((0..=9).all(|count| all_hold(&links[..count]) == (count <= index)));
            word.set(index);
        }
    }

    /// Frames with more words than there is room for.
    #[test]
    fn what_finds_no_room_is_not_kept() {
        let words = [const { Cell::new(0usize) }; 64];
        let mut last = last(words.as_ptr_range().end as usize, false);
        for depth in 0..8 {
            let at = |index: usize| &raw const words[60 - 6 * depth + index] as usize;
            let registers = Registers { ip: 1000, sp: at(2), bp: 0, exact: false };
            last.add(&Frame { bp_at: at(0), sp_at: at(0), ..Frame::of(registers) }, Stack(depth as u32));
        }
        assert_eq!(last.count, 8 * Last::LINKS_A_FRAME / 3);
    }

    #[test]
    fn a_stack_is_the_same_with_another_bp_where_the_way_to_its_root_does_not_depend_on_it() {
        use BpUse::{Dropped, Kept, Read};
        for (uses, is_truncated, found) in [
            ([Dropped, Dropped], false, [true, true]),
            ([Dropped, Kept], false, [true, true]),
            ([Dropped, Read], false, [false, true]),
            ([Kept, Kept], false, [true, true]),
            ([Kept, Kept], true, [false, false]),
            ([Read, Dropped], false, [true, false]),
            ([Read, Kept], false, [false, false]),
        ] {
            assert_eq!(is_found(uses, is_truncated), found, "{uses:?}, {is_truncated}");
        }
    }
}
