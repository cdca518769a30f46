//! The ways that a thread's walks took more than once, which are found again by a look at what they read.
//!
//! Programs come back to a few stacks again and again, to one after the other. [`Last`] has the stack before, of
//! which the next one shares a part; here are those before that, each whole. A way is the same if the words that
//! led from its leaf to the root are where they were: one or two for a frame, and no rule is looked at.

use core::mem::replace;
use core::sync::atomic::{Ordering::SeqCst, compiler_fence};

use heaptrace_channel::modules::ModuleId;
use heaptrace_channel::stacks::Stack;

use super::last::{Last, Link, all_hold};
use super::modules::{Modules, Visited};
use super::registers::Registers;

const SETS: usize = 64;
/// Paths that have the leaf and its stack pointer in common, and not their callers.
const WAYS: usize = 4;
/// Links of all paths together, and of the longest that is kept.
const LINKS: usize = 4096;
const MOST_LINKS: usize = LINKS / 16;
/// Places for stacks that were walked once.
const SEEN: usize = 256;

/// The paths of a thread. As zeros, there are none.
#[derive(Debug)]
pub struct Paths {
    /// End of the stack that they are on.
    stack_end: usize,
    sets: [[Path; WAYS]; SETS],
    /// How many links were ever written. A link is at the remainder of its number.
    written: u64,
    links: [Link; LINKS],
    seen: [Stack; SEEN],
}

/// A way from a leaf to the root.
#[derive(Debug, Clone, Copy)]
struct Path {
    /// The leaf's registers; `ip` is 0 if there is no path.
    ip: usize,
    sp: usize,
    bp: usize,
    /// Number of its first link.
    start: u64,
    stack: Stack,
    /// How many words led from the root to the leaf's caller.
    words: u16,
    /// How many modules that may be unloaded are on the way. They follow the words: an address, and the module's
    /// number.
    loaded: u8,
    /// The way depends on the leaf's `bp`.
    needs_bp: bool,
}

impl Path {
    #[inline(always)]
    fn begins_at(&self, leaf: &Registers) -> bool {
        self.ip == leaf.ip && self.sp == leaf.sp && (self.bp == leaf.bp || !self.needs_bp)
    }

    fn links(&self) -> usize {
        usize::from(self.words) + usize::from(self.loaded)
    }
}

impl Paths {
    #[inline(always)]
    fn set(leaf: &Registers) -> usize {
        (leaf.ip ^ leaf.sp << 16).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (usize::BITS - SETS.ilog2())
    }

    /// The stack of a leaf on the stack that ends there, if one of the paths is its.
    #[inline]
    pub fn find(
        &self,
        leaf: &Registers,
        stack_end: usize,
        modules: &Modules,
        visited: &mut Visited,
    ) -> Option<Stack> {
        if self.stack_end != stack_end {
            return None;
        }
        let mut set = self.sets[Paths::set(leaf)].iter();
        set.find(|path| path.begins_at(leaf) && self.holds(path, modules, visited)).map(|path| path.stack)
    }

    /// Is all on the way still the same?
    #[inline]
    fn holds(&self, path: &Path, modules: &Modules, visited: &mut Visited) -> bool {
        if self.written - path.start > LINKS as u64 {
            return false; // others have been written in the place of its links
        }
        let start = path.start as usize % LINKS;
        let Some(links) = self.links.get(start..start + path.links()) else { return false };
        let (words, loaded) = links.split_at(usize::from(path.words));
        // Paths that begin at the same leaf differ in what is next to it.
        let (outer, inner) = words.split_at(words.len().saturating_sub(4));
        all_hold(inner) && all_hold(outer) && (loaded.is_empty() || are_unchanged(loaded, modules, visited))
    }

    /// Keeps the last walk, from that leaf on the stack that ends there, if the same one was made before.
    ///
    /// A signal's handler may leave it by `longjmp` at any instruction: what is half written is no path.
    pub fn keep(&mut self, last: &Last, leaf: &Registers, stack: Stack, stack_end: usize) {
        let Some((words, needs_bp)) = last.whole(leaf, stack) else { return };
        let is_second = replace(&mut self.seen[stack.0 as usize % SEEN], stack) == stack;
        let loaded = last.loaded().count();
        if !is_second || words.len() + loaded > MOST_LINKS {
            return;
        }
        self.come_to(stack_end);
        let start = self.room(words.len() + loaded);
        let free = &mut self.links[start as usize % LINKS..];
        free[..words.len()].copy_from_slice(words);
        let modules = last.loaded().map(|(at, module)| Link { at, word: usize::from(module.0) });
        free[words.len()..].iter_mut().zip(modules).for_each(|(free, module)| *free = module);
        let oldest = self.sets[Paths::set(leaf)].iter_mut().min_by_key(|path| (path.ip != 0, path.start));
        let (words, loaded, Registers { ip, sp, bp, .. }) = (words.len() as u16, loaded as u8, *leaf);
        if let Some(path) = oldest {
            path.ip = 0;
            compiler_fence(SeqCst);
            *path = Path { ip: 0, sp, bp, start, stack, words, loaded, needs_bp };
            compiler_fence(SeqCst);
            path.ip = ip;
        }
    }

    /// Forgets the paths of another stack.
    fn come_to(&mut self, stack_end: usize) {
        if self.stack_end != stack_end {
            self.sets.as_flattened_mut().iter_mut().for_each(|path| path.ip = 0);
            compiler_fence(SeqCst);
            self.stack_end = stack_end;
        }
    }

    /// The number of the first of so many links that are next to each other, and are to be written from now on.
    fn room(&mut self, links: usize) -> u64 {
        let before_end = LINKS - self.written as usize % LINKS;
        let start = self.written + if links > before_end { before_end as u64 } else { 0 };
        self.written = start + links as u64;
        compiler_fence(SeqCst);
        start
    }
}

#[inline(never)]
fn are_unchanged(loaded: &[Link], modules: &Modules, visited: &mut Visited) -> bool {
    loaded.iter().all(|module| modules.unchanged(module.at, visited) == Some(ModuleId(module.word as u16)))
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::super::last::Frame;
    use super::super::last::tests::{Calls, LOADED, number};
    use super::super::place::{Places, Preferred};
    use super::super::rules::BpUse;
    use super::*;
    use crate::memory::Budget;
    use crate::sampler::Sampler;
    use crate::stacks::Interned;

    /// A thread whose stacks are kept as its walks come by them.
    struct Thread {
        calls: Calls,
        paths: Box<Paths>,
        modules: Modules,
    }

    impl Thread {
        fn new() -> Thread {
            // SAFETY: as zeros, there are none.
            let paths = unsafe { Box::new_zeroed().assume_init() };
            Thread { calls: Calls::new(), paths, modules: Modules::new() }
        }

        /// Calls the functions at these addresses, the root first, and walks from the last one unless a path is
        /// found. Was one?
        fn walk(&mut self, ips: &[usize], visited: &mut Visited) -> bool {
            self.calls.set(ips);
            let (leaf, end) =
                (self.calls.frame(ips.len() - 1, *ips.last().unwrap()).registers, self.calls.end());
            if let Some(stack) = self.paths.find(&leaf, end, &self.modules, visited) {
                assert_eq!(stack, number(ips), "{ips:?}");
                return true;
            }
            self.calls.walk(ips, visited);
            self.paths.keep(&self.calls.last, &leaf, number(ips), end);
            false
        }
    }

    fn nowhere() -> Visited {
        Visited::default()
    }

    #[test]
    fn what_was_walked_twice_is_known_the_third_time() {
        let mut thread = Thread::new();
        let (one, other) = ([1000, 1001, 1002], [1000, 1003, 1002]);
        for known in [false, false, true, true] {
            assert_eq!(thread.walk(&one, &mut nowhere()), known);
            assert_eq!(thread.walk(&other, &mut nowhere()), known, "the leaf is the same, its caller is not");
        }
        assert!(!thread.walk(&[1000, 1002], &mut nowhere()));
        assert!(!thread.walk(&[1000, 1001, 1004], &mut nowhere()));
        thread.paths.stack_end += 8;
        assert!(!thread.walk(&one, &mut nowhere()), "they are on another stack");
    }

    #[test]
    fn of_many_stacks_none_is_taken_for_another() {
        let (mut thread, random) = (Thread::new(), Cell::new(1));
        let sampler = Sampler::new(1 << 40, 1);
        let any = |below: usize| sampler.next_gap(&random) as usize % below;
        let mut known = 0;
        for _ in 0..100_000 {
            let depth = 2 + any(6);
            let ips: Vec<_> = (0..depth).map(|_| 1000 + any(3)).collect();
            known += usize::from(thread.walk(&ips, &mut nowhere()));
        }
        assert!(known > 1000, "of 3,276 stacks, 256 are kept at most: {known}");
        assert!(thread.paths.written > 2 * LINKS as u64, "some were written over others");
    }

    #[test]
    fn a_path_is_gone_when_all_links_were_written_anew() {
        let mut thread = Thread::new();
        thread.paths.written = 2 * LINKS as u64;
        let first = [1000, 1001, 1002];
        (0..2).for_each(|_| assert!(!thread.walk(&first, &mut nowhere())));
        thread.paths.written = 3 * LINKS as u64;
        assert!(thread.walk(&first, &mut nowhere()), "its links are the next ones to go");
        thread.paths.written += 1;
        assert!(!thread.walk(&first, &mut nowhere()));
    }

    #[test]
    fn links_that_find_no_room_at_the_end_begin_anew() {
        let mut thread = Thread::new();
        thread.paths.written = LINKS as u64 - 3;
        let starts = [3, 4, MOST_LINKS].map(|links| (thread.paths.room(links), thread.paths.written));
        let all = LINKS as u64;
        let most = MOST_LINKS as u64;
        assert_eq!(starts, [(all - 3, all), (all, all + 4), (all + 4, all + 4 + most)]);
        thread.paths.written = all - 1;
        assert_eq!(thread.paths.room(2), all);
    }

    #[test]
    fn a_path_holds_as_long_as_its_modules_are_there() {
        let there = |module| Visited::of(LOADED - 1..2 * LOADED, ModuleId(module));
        let mut thread = Thread::new();
        let ips = [1000, LOADED, 1001, LOADED + 1, 1002];
        (0..2).for_each(|_| assert!(!thread.walk(&ips, &mut there(1))));
        assert!(thread.walk(&ips, &mut there(1)));
        for mut gone in [there(2), nowhere()] {
            assert!(!thread.walk(&ips, &mut gone));
        }
    }

    #[test]
    fn a_path_begins_at_its_leaf_with_its_bp_where_that_matters() {
        let leaf = Registers { ip: 1000, sp: 0x7000, bp: 7, exact: false };
        let others = [
            leaf,
            Registers { ip: 1001, ..leaf },
            Registers { sp: 0x7008, ..leaf },
            Registers { ip: 1001, sp: 0x7008, ..leaf },
            Registers { bp: 8, ..leaf },
        ];
        for (needs_bp, expected) in
            [(true, [true, false, false, false, false]), (false, [true, false, false, false, true])]
        {
            let Registers { ip, sp, bp, .. } = leaf;
            let path = Path { ip, sp, bp, start: 0, stack: Stack(1), words: 0, loaded: 0, needs_bp };
            assert_eq!(others.map(|other| path.begins_at(&other)), expected, "{needs_bp}");
        }
    }

    #[test]
    fn many_leaves_are_known_at_the_same_time() {
        let mut thread = Thread::new();
        let leaves = || (0..4 * WAYS).map(|leaf| [1000, 2000 + leaf]);
        let known = [(); 3].map(|()| leaves().filter(|ips| thread.walk(ips, &mut nowhere())).count());
        assert!(known[..2] == [0; 2] && known[2] > 2 * WAYS, "{known:?}");
    }

    #[test]
    fn a_path_of_more_words_than_a_sixteenth_of_all_is_not_kept() {
        let (places, budget) = (Box::new(Places::new()), Budget::new());
        let mut place = places.acquire(&Preferred::default()).unwrap();
        let last = {
            let state = place.state();
            assert!((0..2).all(|_| state.grow(&budget)));
            &mut state.last
        };
        let (initial, later) = (ModuleId::BY_ADDRESS, ModuleId(1)); // which takes a word more
        for (words, module, kept) in
            [(MOST_LINKS, initial, MOST_LINKS), (MOST_LINKS + 1, initial, 0), (MOST_LINKS, later, 0)]
        {
            const END: usize = 0x10_0000;
            let registers = |depth| Registers { ip: 1000, sp: END - 16 * depth, ..Registers::default() };
            last.begin(END, false);
            for depth in 0..=words {
                let frame = Frame { module, bp_use: BpUse::Dropped, ..Frame::of(registers(depth)) };
                last.add(&frame, Interned::of(Stack(1 + depth as u32)));
            }
            let mut thread = Thread::new();
            for _ in 0..2 {
                thread.paths.keep(last, &registers(words), Stack(1 + words as u32), END);
            }
            assert_eq!(thread.paths.written, kept as u64);
        }
    }
}
