use super::*;
use std::cell::Cell;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// An empty one, with room.
fn last(stack_end: usize, is_truncated: bool) -> Last {
    const FRAMES: usize = 8;
    let known = Known {
        registers: Registers::default(),
        links: 0,
        stack: Interned::ROOT,
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
    last.add(&outer, Interned::of(Stack(1)));
    last.add(&inner, Interned::of(Stack(2)));
    last.close();
    let modules = Modules::new();
    let found = |registers| last.again(&registers, at(7), &modules) == Some(Stack(2));
    assert_eq!(last.again(&inner.registers, at(6), &modules), None, "that is another stack");
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
        last.add(&Frame::of(Registers { sp: 0x6000, ..Registers::default() }), Interned::of(Stack(1)));
    }
}

#[test]
fn a_walk_is_whole_that_began_at_the_leaf_and_came_to_the_root() {
    let leaf = Registers { ip: 1000, sp: 0x6000, bp: 7, exact: false };
    let whole = |is_truncated| {
        let mut last = last(0x7000, is_truncated);
        assert!(last.whole(&leaf, Stack(1)).is_none(), "there was none");
        last.add(&Frame::of(leaf), Interned::of(Stack(1)));
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
    last.add(&Frame { module: ModuleId(1), ..Frame::of(registers) }, Interned::of(Stack(1)));
    last.close();
    assert_eq!(last.again(&registers, 0x7000, &Modules::new()), None, "no module is known");
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
        let mut is_known = |frame: &Frame| self.last.find(&frame.registers, &mut verified, &modules, visited);
        let known = frames.iter().enumerate().rev().find_map(|(depth, f)| Some((depth, is_known(f)?)));
        if let Some((depth, stack)) = known {
            assert_eq!(stack.stack, number(&ips[..=depth]), "{ips:?}");
        }
        let count = known.map_or(0, |(depth, _)| depth + 1);
        if count == 0 {
            self.last.begin(self.end(), false);
        }
        for (depth, frame) in frames.iter().enumerate().skip(count) {
            self.last.add(frame, Interned::of(number(&ips[..=depth])));
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
        last.add(
            &Frame { bp_at: at(0), sp_at: at(0), ..Frame::of(registers) },
            Interned::of(Stack(depth as u32)),
        );
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
