//! Walks over stacks that the tests lay out, by rules of their choice.

use std::cell::Cell;
use std::collections::HashMap;
use std::ptr::NonNull;

use heaptrace_channel::ring::{LastRing, Message, Progress, Reader};
use heaptrace_channel::stacks::{Part, ROOT};

use super::super::super::place::{Places, Preferred};
use super::super::super::rules::SavedBp;
use super::super::*;
use crate::c_library::{Auxiliary, Objects};
use crate::memory::{guard_page, map_private};
use crate::sys::PAGE;
use crate::testing::Channel;

/// Code that is nowhere: returns to it are of these addresses, and the calls a byte before.
const LEAF: usize = 0x1_1000;
const MIDDLE: usize = 0x1_2000;
const ROOT_FRAME: usize = 0x1_3000;

/// Goes to the word above the next one.
const SKIPS_ONE: Rule = Rule::Sp { offset: 16, saved_bp: SavedBp::Kept };
/// Goes to the next word.
const NEXT: Rule = Rule::Sp { offset: 8, saved_bp: SavedBp::Kept };

/// What a walk needs, and what was told of it.
struct Scene {
    tables: Box<Tables>,
    places: Box<Places>,
    preferred: Preferred,
    stacks: Box<Stacks>,
    budget: Budget,
    channel: Channel,
    last_ring: LastRing,
}

impl Scene {
    /// With these rules for what returns to these addresses.
    fn new(rules: &[(usize, Rule)]) -> Scene {
        let scene = Scene {
            tables: Box::new(Tables::new()),
            places: Box::new(Places::new()),
            preferred: Preferred::default(),
            stacks: Box::new(Stacks::new()),
            budget: Budget::new(),
            channel: Channel::new(1 << 17),
            last_ring: LastRing::default(),
        };
        rules.iter().for_each(|&(ip, rule)| scene.put(ip - 1, rule, true));
        scene
    }

    fn put(&self, address: usize, rule: Rule, stable: bool) {
        self.tables.rules.put(address, Cached { rule, stable });
    }

    /// Walks, and returns the stack and how many frames of it were not known.
    fn walk(&self, range: &StackRange, (ip, sp, bp): (usize, usize, usize)) -> (Stack, usize) {
        let to = self.channel.own.writer(&self.last_ring).unwrap();
        let walk = Walk { tables: &self.tables, stacks: &self.stacks, budget: &self.budget, to };
        let mut place = self.places.acquire(&self.preferred).unwrap();
        let stack = walk.run(place.state(), Registers { ip, sp, bp, exact: false }, range).unwrap();
        (stack, place.state().count)
    }

    /// What was told of each stack: its caller, and its entry.
    fn told(&self) -> HashMap<Stack, (Stack, Entry)> {
        let (mut all, mut first) = (HashMap::new(), (ROOT, 0));
        Reader::new(*self.channel.segment.rings(), &mut Progress::default()).drain_messages(|message| {
            match message {
                Message::Told(_, Part::Caller(caller, high)) => first = (caller, high),
                Message::Told(stack, Part::Low(low)) => {
                    all.insert(stack, (first.0, Part::entry(first.1, low)));
                }
                _ => panic!("{message:?}"),
            }
        });
        all
    }

    /// The entries of the stack that a walk on memory of the test's own leads to.
    fn entries(&self, registers: (usize, usize, usize)) -> Vec<Entry> {
        let (stack, _) = self.walk(&StackRange::default(), registers);
        entries(&self.told(), stack)
    }
}

/// The entries of a stack, root first.
fn entries(told: &HashMap<Stack, (Stack, Entry)>, leaf: Stack) -> Vec<Entry> {
    let callers = std::iter::successors(Some(leaf), |stack| told.get(stack).map(|(caller, _)| *caller));
    let mut entries: Vec<_> =
        callers.take_while(|&stack| stack != ROOT).map(|stack| told[&stack].1).collect();
    entries.reverse();
    entries
}

fn frame(address: usize) -> Entry {
    Entry::Frame { address: address as u64, module: ModuleId::BY_ADDRESS }
}

/// Frames of calls that return to these addresses.
fn calls<const N: usize>(ips: [usize; N]) -> Vec<Entry> {
    ips.map(|ip| frame(ip - 1)).to_vec()
}

/// Memory for a stack that is no thread's.
struct Memory(NonNull<usize>);

impl Memory {
    fn new(pages: usize) -> Memory {
        Memory(map_private(pages * PAGE).unwrap().cast())
    }

    fn at(&self, index: usize) -> usize {
        self.0.as_ptr().wrapping_add(index) as usize
    }

    fn set(&self, index: usize, word: usize) {
        // SAFETY: the test's own memory, which has so many words.
        unsafe { self.0.add(index).write(word) }
    }
}

#[test]
fn a_walk_goes_from_the_call_to_the_root_by_the_rule_of_each_frame() {
    let [a, b, c, d, trampoline, e, f] =
        [0x2_1000, 0x2_2000, 0x2_3000, 0x2_4000, 0x2_5000, 0x2_6000, 0x2_7000];
    let saved_bp = SavedBp::Below(16);
    let scene = Scene::new(&[
        (LEAF, NEXT),
        (a, Rule::Sp { offset: 16, saved_bp }),
        (b, Rule::Bp { offset: 16, saved_bp }),
        (c, Rule::Realigned { offset: -8 }),
        (d, NEXT),
        (trampoline, Rule::Signal),
        (f, Rule::End),
    ]);
    scene.put(e, NEXT, true); // interrupted there
    let memory = Memory::new(1);
    memory.set(1, a); // LEAF's caller
    memory.set(2, memory.at(6)); // A's rbp, and its caller
    memory.set(3, b);
    memory.set(6, memory.at(10)); // B's rbp, and its caller
    memory.set(7, c);
    memory.set(9, memory.at(16)); // where C has its CFA, below its rbp
    memory.set(10, 0);
    memory.set(15, d);
    memory.set(16, trampoline);
    let context = 17;
    for (register, word) in arch::CONTEXT_REGISTERS.into_iter().zip([e, memory.at(100), 0]) {
        memory.set(context + register / 8, word);
    }
    memory.set(100, f);
    let told = scene.entries((LEAF, memory.at(1), 0x77));
    let outer = calls([trampoline, d, c, b, a, LEAF]);
    assert_eq!(told, [&[frame(f - 1), frame(e)][..], &outer].concat());
}

#[test]
fn a_stack_that_does_not_reach_its_root_says_why() {
    let nowhere = Rule::Bp { offset: 8, saved_bp: SavedBp::Kept };
    for (rule, why) in [
        (Rule::Sp { offset: 1 << 16, saved_bp: SavedBp::Kept }, Truncation::Unreadable),
        (nowhere, Truncation::BadUnwindInfo),
        (Rule::FramePointer, Truncation::NoUnwindInfo),
        (Rule::Signal, Truncation::Unreadable),
    ] {
        let (scene, memory) = (Scene::new(&[(LEAF, rule)]), Memory::new(2));
        // SAFETY: the test's own page.
        unsafe { guard_page(memory.at(PAGE / 8) as *mut u8) };
        let bp = if rule == nowhere { 0 } else { memory.at(PAGE / 8) };
        let entries = scene.entries((LEAF, memory.at(PAGE / 8 - 8), bp));
        assert_eq!(entries, [&[Entry::Truncated(why)][..], &calls([LEAF])].concat(), "{rule:?}");
    }
}

#[test]
fn who_interrupts_the_reading_of_rules_goes_without_them() {
    let (scene, memory) = (Scene::new(&[]), Memory::new(1));
    let range = StackRange::default();
    let walked = scene.tables.private_stack.run(|| scene.walk(&range, (LEAF, memory.at(8), 0)));
    let expected = [&[Entry::Truncated(Truncation::Busy)][..], &calls([LEAF])].concat();
    assert_eq!(entries(&scene.told(), walked.unwrap().0), expected);
}

/// A stack of three calls on the calling thread's own stack, of which each skips a word.
struct Own {
    words: [Cell<usize>; 16],
    range: StackRange,
}

impl Own {
    fn new() -> Own {
        Own { words: [const { Cell::new(0) }; 16], range: StackRange::default() }
    }

    fn at(&self, index: usize) -> usize {
        &raw const self.words[index] as usize
    }

    fn walk(&self, scene: &Scene, [root, middle, leaf]: [usize; 3]) -> (Stack, usize) {
        self.words[3].set(middle);
        self.words[5].set(root);
        scene.walk(&self.range, (leaf, self.at(2), 7))
    }
}

fn on_a_thread_of_its_own(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| scope.spawn(test).join().unwrap());
}

const OTHER_LEAF: usize = LEAF + 16;
const OTHER_ROOT: usize = ROOT_FRAME + 16;

fn three_calls() -> Scene {
    let (leaves, roots) = ([LEAF, OTHER_LEAF], [ROOT_FRAME, OTHER_ROOT]);
    let inner = leaves.into_iter().chain([MIDDLE]).map(|ip| (ip, SKIPS_ONE));
    Scene::new(&inner.chain(roots.map(|ip| (ip, Rule::End))).collect::<Vec<_>>())
}

#[test]
fn what_is_known_of_a_threads_stack_is_not_walked_again() {
    on_a_thread_of_its_own(|| {
        let (scene, own) = (three_calls(), Own::new());
        let mut walked = Vec::new();
        for (ips, new) in [
            ([ROOT_FRAME, MIDDLE, LEAF], 3),
            ([ROOT_FRAME, MIDDLE, LEAF], 0),
            ([ROOT_FRAME, MIDDLE, OTHER_LEAF], 1),
            ([ROOT_FRAME, MIDDLE, OTHER_LEAF], 0),
            ([OTHER_ROOT, MIDDLE, OTHER_LEAF], 3),
            ([OTHER_ROOT, MIDDLE, OTHER_LEAF], 0),
        ] {
            let (stack, count) = own.walk(&scene, ips);
            assert_eq!(count, new, "{ips:x?}");
            walked.push((stack, ips));
        }
        let room = scene.places.acquire(&scene.preferred).unwrap().state().fresh.len();
        assert!((100..1000).contains(&room), "no more than the first memory was needed: {room}");
        let told = scene.told();
        walked.into_iter().for_each(|(stack, ips)| assert_eq!(entries(&told, stack), calls(ips)));
    });
}

#[test]
fn what_lay_beyond_the_root_before_has_no_say_in_what_is_known() {
    on_a_thread_of_its_own(|| {
        let (scene, own) = (three_calls(), Own::new());
        own.walk(&scene, [ROOT_FRAME, MIDDLE, LEAF]);
        own.words[3].set(OTHER_ROOT);
        let leaf = (LEAF, own.at(2), 7);
        assert_eq!(scene.walk(&own.range, leaf).1, 2);
        own.words[5].set(1); // of nobody by now
        assert_eq!(scene.walk(&own.range, leaf).1, 0);
    });
}

#[test]
fn frames_of_another_stack_are_not_taken_for_this_ones() {
    on_a_thread_of_its_own(|| {
        let (scene, own, memory) = (three_calls(), Own::new(), Memory::new(1));
        let (stack, _) = own.walk(&scene, [ROOT_FRAME, MIDDLE, LEAF]);
        memory.set(9, ROOT_FRAME);
        for _ in 0..2 {
            let elsewhere = scene.walk(&own.range, (LEAF, memory.at(8), 7));
            assert_eq!(elsewhere.1, 2, "nothing is kept of a stack that is no thread's");
        }
        assert_eq!(own.walk(&scene, [ROOT_FRAME, MIDDLE, LEAF]), (stack, 3));
        let mut place = scene.places.acquire(&scene.preferred).unwrap();
        let last = &mut place.state().last;
        last.begin(memory.at(8), false);
        last.add(
            &Frame::of(Registers { ip: LEAF, sp: own.at(2), bp: 7, exact: false }),
            Interned::of(Stack(99)),
        );
        assert_eq!(own.walk(&scene, [ROOT_FRAME, MIDDLE, LEAF]), (stack, 3));
    });
}

#[test]
fn a_stack_that_ended_early_is_known_by_its_frame_pointer_too() {
    on_a_thread_of_its_own(|| {
        let nowhere = Rule::Bp { offset: 8, saved_bp: SavedBp::Kept };
        let (scene, own) = (Scene::new(&[(LEAF, SKIPS_ONE), (MIDDLE, nowhere)]), Own::new());
        own.words[3].set(MIDDLE);
        let walk = |bp| scene.walk(&own.range, (LEAF, own.at(2), bp));
        let (stack, _) = walk(7);
        assert_eq!([walk(7), walk(9), walk(9)], [(stack, 0), (stack, 2), (stack, 0)]);
    });
}

#[test]
fn the_main_threads_stack_ends_where_it_was_told_to() {
    let (scene, memory) = (three_calls(), Memory::new(1));
    memory.set(9, ROOT_FRAME);
    let range = StackRange::default();
    let walk = || scene.walk(&range, (LEAF, memory.at(8), 7)).1;
    assert_eq!([walk(), walk()], [2, 2], "it is no thread's");
    scene.tables.main_stack_top.store(memory.at(PAGE / 8), Relaxed);
    assert_eq!([walk(), walk()], [2, 0]);
}

#[test]
fn as_deep_a_stack_is_kept_as_there_is_room_for_and_the_rest_is_missing() {
    const DEPTH: usize = 40_000;
    let (scene, range) = (Scene::new(&[(LEAF, NEXT)]), StackRange::default());
    let memory = Memory::new(DEPTH.div_ceil(PAGE / 8) + 1);
    (0..DEPTH).for_each(|index| memory.set(index, LEAF));
    scene.tables.main_stack_top.store(memory.at(DEPTH), Relaxed);
    let walk = || scene.walk(&range, (LEAF, memory.at(1), 7));
    let (stack, depth) = walk();
    assert!((10_000..DEPTH).contains(&depth), "{depth}");
    assert_eq!(walk(), (stack, 0));
    let entries = entries(&scene.told(), stack);
    assert_eq!(entries.len(), 1 + depth);
    assert_eq!(entries[0], Entry::Truncated(Truncation::TooDeep));
    assert!(entries[1..].iter().all(|entry| *entry == frame(LEAF - 1)));
}

#[test]
fn a_deep_stack_is_known_again_with_the_two_words_of_each_frame() {
    const DEPTH: usize = 20_000;
    let by_bp = Rule::Bp { offset: 16, saved_bp: SavedBp::Below(16) };
    let rules = [(LEAF, by_bp), (OTHER_LEAF, by_bp), (ROOT_FRAME, Rule::End)];
    let (scene, range) = (Scene::new(&rules), StackRange::default());
    let memory = Memory::new((2 * DEPTH).div_ceil(PAGE / 8) + 1);
    for frame in (0..2 * DEPTH).step_by(2) {
        memory.set(frame, memory.at(frame + 2));
        memory.set(frame + 1, if frame == 2 * (DEPTH - 1) { ROOT_FRAME } else { LEAF });
    }
    scene.tables.main_stack_top.store(memory.at(2 * DEPTH), Relaxed);
    let walk = || scene.walk(&range, (LEAF, memory.at(2), memory.at(2)));
    let (stack, depth) = walk();
    assert_eq!((depth, walk()), (DEPTH, (stack, 0)));
    const CHANGED: usize = DEPTH - 2000;
    memory.set(2 * CHANGED + 1, OTHER_LEAF);
    assert_eq!(walk().1, CHANGED + 1, "those outside are known");
}

#[test]
fn a_rule_is_read_anew_unless_its_module_stays_or_is_the_same() {
    let scene = Scene::new(&[]);
    let vector = Auxiliary::find().unwrap();
    assert!(scene.tables.modules.start(Objects::of(vector).unwrap(), vector.program_headers()));
    let rule_is_kept = |address: usize, stable| {
        scene.put(address, Rule::Signal, stable);
        let to = scene.channel.own.writer(&scene.last_ring).unwrap();
        let walk = Walk { tables: &scene.tables, stacks: &scene.stacks, budget: &scene.budget, to };
        walk.rule(address, &mut Visited::default()).unwrap().0 == Rule::Signal
    };
    let own = a_rule_is_read_anew_unless_its_module_stays_or_is_the_same as *const () as usize;
    assert!(rule_is_kept(own, true), "a module of the start");
    assert!(!rule_is_kept(own, false), "of a module that no stack led through before");
    assert!(rule_is_kept(LEAF, false), "code that a JIT made");
}

#[test]
fn a_frame_is_where_its_rule_and_memory_say_and_knows_where_it_was_read() {
    let memory = [0usize, 7, 8, 9, 0x1234];
    let base = memory.as_ptr() as usize;
    let at = Registers { ip: 1, sp: base, bp: base + 8, exact: false };
    let read = |address: usize| memory.get((address - base) / 8).copied();
    let next = |rule| {
        let registers = |frame: Frame| (frame.registers.ip, frame.registers.sp, frame.registers.bp);
        follow(rule, &at, read).map(|frame| frame.map(|frame| (registers(frame), frame.bp_at, frame.sp_at)))
    };
    let saved_bp = SavedBp::Below(16);
    assert_eq!(next(Rule::Sp { offset: 24, saved_bp }), Ok(Some(((8, base + 24, 7), base + 8, 0))));
    assert_eq!(next(Rule::FramePointer), Ok(Some(((8, base + 24, 7), base + 8, 0))));
    let kept = Rule::Sp { offset: 32, saved_bp: SavedBp::Kept };
    assert_eq!(next(kept), Ok(Some(((9, base + 32, base + 8), 0, 0))));
    assert_eq!(next(Rule::Sp { offset: 8, saved_bp: SavedBp::Kept }), Ok(None), "the outermost returns to 0");
    assert_eq!(next(Rule::Bp { offset: -8, saved_bp }), Err(Truncation::BadUnwindInfo));
    assert_eq!(next(Rule::Sp { offset: 800, saved_bp }), Err(Truncation::Unreadable));
    assert_eq!(next(Rule::Realigned { offset: 800 }), Err(Truncation::Unreadable));
    assert_eq!([next(Rule::End), next(Rule::Signal)], [Ok(None), Err(Truncation::BadUnwindInfo)]);
    let outermost = Registers { bp: 0, ..at };
    assert!(matches!(follow(Rule::FramePointer, &outermost, read), Ok(None)));
    let words = [base + 32, base];
    let realigned =
        follow(Rule::Realigned { offset: 0 }, &Registers { bp: 8, sp: 0, ..at }, |address| match address {
            8 => Some(words[0]),
            other => read(other),
        });
    let frame = realigned.unwrap().unwrap();
    assert_eq!((frame.registers.ip, frame.registers.sp, frame.sp_at, frame.bp_at), (9, base + 32, 8, 8));
}
