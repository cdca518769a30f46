//! Recorders of the tests' own, each with its segment, its threads and a reader: what is hard to reach from
//! outside.

use std::arch::naked_asm;
use std::boxed::Box;
use std::collections::HashMap;
use std::mem::forget;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::mpsc;

use heaptrace_channel::Segment;
use heaptrace_channel::marks::MarkPart;
use heaptrace_channel::processes::Process;
use heaptrace_channel::ring::{Event, Message, Progress, Reader};
use heaptrace_channel::sample::{Era, Sample, Sampling};
use heaptrace_channel::stacks::{Entry, Part, Stack};
use heaptrace_channel::weight::OFF;

use crate::c_library::{Auxiliary, Objects};
use crate::memory::Budget;
use crate::record::{Call, Mark, nested};
use crate::recorder::STRETCH;
use crate::testing::segment;
use crate::thread::Thread;
use crate::{Recorder, Unrecorded};

/// A recorder that records into a segment.
struct Room {
    recorder: Box<Recorder>,
    segment: Segment<'static>,
}

/// A block that was born at the beginning.
fn sample(stack: Stack, size: u64) -> Sample {
    Sample { stack, size, era: Era::FIRST }
}

/// A recorder that has not begun, which zeros are. It is too large for the stack of a test.
fn unbegun() -> Box<Recorder> {
    // SAFETY: zeroed memory of its layout, of which the box is the owner; zeros are valid.
    unsafe { Box::from_raw(std::alloc::alloc_zeroed(std::alloc::Layout::new::<Recorder>()).cast()) }
}

/// What was told, in its order.
#[derive(Default)]
struct Told {
    events: Vec<(u16, Event)>,
    leaves: HashMap<Stack, Entry>,
    /// Each after so many events.
    marks: Vec<(usize, MarkPart)>,
}

impl Room {
    fn new(rate: u64) -> Room {
        Room::with(rate, 1 << 14, true)
    }

    fn with(rate: u64, ring_slots: u32, children: bool) -> Room {
        let room = Room::ready(ring_slots, children);
        room.start(rate, &Thread::default());
        room
    }

    fn start(&self, rate: u64, thread: &Thread) {
        self.change_rate(0, rate);
        self.recorder.start(rate, 1, false, thread);
    }

    /// As the collector does it.
    fn change_rate(&self, era: u64, rate: u64) {
        self.segment.header().begin(Sampling::new(Era::new(era), rate), rate);
    }

    /// One that has not begun.
    fn ready(ring_slots: u32, children: bool) -> Room {
        let (recorder, segment) = (unbegun(), segment(ring_slots));
        let vector = Auxiliary::find().unwrap();
        let objects = Objects::of(vector).unwrap();
        recorder.unwinder.start(objects, vector.program_headers(), &Budget::new()).unwrap();
        recorder.watch_forks().unwrap();
        // SAFETY: called once.
        unsafe { recorder.process.start(segment, children) };
        Room { recorder, segment }
    }

    /// As a hook does it, with an original that gives out `block`.
    #[inline(never)]
    fn allocate(&self, thread: &Thread, block: usize, size: usize) {
        called(|call| {
            let mark = Mark::default();
            match self.recorder.enter(thread, call, &mark) {
                Some(mut recording) => self.recorder.allocated(&mut recording, block, size),
                None => nested(thread, block, call),
            }
        });
    }

    fn free(&self, thread: &Thread, block: usize) {
        called(|call| self.recorder.free(block, call.sp, thread));
    }

    fn reader<'p>(&self, progress: &'p mut Progress) -> Reader<'p> {
        Reader::new(*self.segment.rings(), progress)
    }

    fn told(&self) -> Told {
        let mut told = Told::default();
        drain(&mut self.reader(&mut Progress::default()), &mut told);
        told
    }

    /// Lost samples, those of them for which there was no memory, and lost frees.
    fn lost(&self) -> [u64; 3] {
        let slot = self.segment.processes().slot(Process(0));
        [&slot.lost_samples, &slot.unplaced_samples, &slot.lost_frees].map(|count| count.load(Relaxed))
    }
}

fn drain(reader: &mut Reader, told: &mut Told) -> u64 {
    let mut high = 0;
    reader.drain_messages(|message| match message {
        Message::Happened(process, event) => told.events.push((process.0, event)),
        Message::Told(_, Part::Caller(_, bits)) => high = bits,
        Message::Told(stack, Part::Low(low)) => {
            told.leaves.insert(stack, Part::entry(high, low));
        }
        Message::Marked(_, part) => told.marks.push((told.events.len(), part)),
    })
}

/// Calls `work` with what a hook has of its caller.
#[inline(never)]
fn called<W: FnMut(Call)>(mut work: W) {
    extern "C" fn run<W: FnMut(Call)>(work: &mut W, sp: usize, bp: usize) {
        work(Call { sp, bp });
    }
    #[unsafe(naked)]
    extern "C" fn hook(work: usize, run: usize) {
        naked_asm!("mov rax, rsi", "mov rsi, rsp", "mov rdx, rbp", "jmp rax")
    }
    hook(&raw mut work as usize, run::<W> as *const () as usize);
}

/// Blocks that lie far enough from each other, and anywhere.
fn block(n: usize) -> usize {
    0x5555_0000_0000 + n * 64
}

#[test]
fn what_is_allocated_and_freed_is_told_with_its_stack() {
    let (room, thread) = (Room::new(1), Thread::default());
    for n in 0..3 {
        room.allocate(&thread, block(n), 100 + n);
    }
    room.allocate(&thread, block(3), 0);
    room.free(&thread, block(1));
    room.free(&thread, block(1));
    room.free(&thread, 0);
    let Told { events, leaves, .. } = room.told();
    let [
        (0, Event::Allocated(Sample { stack: in_loop, size: 100, .. })),
        _,
        _,
        (0, Event::Allocated(Sample { stack: behind, size: 0, .. })),
        freed,
    ] = events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(events[1..3], [101, 102].map(|size| (0, Event::Allocated(sample(in_loop, size)))));
    assert_eq!(freed, (0, Event::Freed(sample(in_loop, 101))));
    assert_ne!(in_loop, behind, "each call site is a stack of its own");
    for stack in [in_loop, behind] {
        let Entry::Frame { address, .. } = leaves[&stack] else { panic!("{leaves:?}") };
        let hook_is_called_from = called::<fn(Call)> as *const () as u64;
        assert!(address.abs_diff(hook_is_called_from) < 1 << 24, "{address:#x} is code of this test");
    }
    assert_eq!(room.lost(), [0; 3]);
}

#[test]
fn a_mark_is_told_between_what_was_before_it_in_any_thread_and_what_was_after() {
    let (room, threads) = (Room::new(1), [Thread::default(), Thread::default()]);
    for round in 0..3 {
        room.allocate(&threads[round % 2], block(round), 1);
        assert!(room.recorder.mark(b"round", &threads[(round + 1) % 2]));
    }
    for bad in [&b""[..], b"two\nlines", &[b'x'; 257]] {
        assert!(!room.recorder.mark(bad, &threads[0]));
    }
    let moment = |events| [(events, MarkPart::Name(*b"round\0")), (events, MarkPart::Moment(Process(0)))];
    assert_eq!(room.told().marks, [1, 2, 3].map(moment).concat());
    assert!(!unbegun().mark(b"early", &threads[0]));
}

#[test]
fn threads_that_free_each_others_blocks_leave_nothing_over() {
    const EACH: usize = 5_000;
    let room = Room::new(1);
    let (sender, receiver) = mpsc::sync_channel(100);
    let is_done = AtomicBool::new(false);
    let mut told = Told::default();
    std::thread::scope(|scope| {
        let makers = [0, 1].map(|maker| {
            let (room, sender) = (&room, sender.clone());
            scope.spawn(move || {
                let thread = Thread::default();
                for n in 0..EACH {
                    room.allocate(&thread, block(maker << 20 | n), maker + 1);
                    sender.send(block(maker << 20 | n)).unwrap();
                }
            })
        });
        drop(sender);
        let (room, is_done) = (&room, &is_done);
        let freer = scope.spawn(move || {
            let thread = Thread::default();
            receiver.iter().for_each(|block| room.free(&thread, block));
        });
        let reader = scope.spawn(|| {
            let mut progress = Progress::default();
            let mut reader = room.reader(&mut progress);
            while !is_done.load(Acquire) || drain(&mut reader, &mut told) > 0 {
                if drain(&mut reader, &mut told) == 0 {
                    std::thread::yield_now();
                }
            }
        });
        makers.into_iter().for_each(|maker| maker.join().unwrap());
        freer.join().unwrap();
        is_done.store(true, Release);
        reader.join().unwrap();
    });
    let mut live = HashMap::new();
    for (_, event) in told.events {
        match event {
            Event::Allocated(Sample { stack, size, .. }) => *live.entry((stack, size)).or_insert(0) += 1,
            Event::Freed(Sample { stack, size, .. }) => {
                let count = live.get_mut(&(stack, size)).expect("it was allocated before");
                assert!(*count > 0);
                *count -= 1;
            }
            Event::Inherited(..) => panic!("nobody forked"),
        }
    }
    assert_eq!(live.len(), 2, "two threads, one call site each, and another size");
    assert!(live.values().all(|&count| count == 0));
    assert_eq!(room.lost(), [0; 3]);
}

#[test]
fn a_hook_that_is_called_from_inside_of_another_counts_once_and_tells_of_its_block() {
    let (room, thread) = (Room::new(1), Thread::default());
    room.allocate(&thread, block(0), 1); // finds out where this thread's stack is
    called(|call| {
        let mark = Mark::default();
        let mut recording = room.recorder.enter(&thread, call, &mark).unwrap();
        assert_eq!(thread.countdown.get(), 0, "so that the hook inside takes the slow path");
        room.allocate(&thread, block(7), 50);
        assert_eq!(mark.nested(), block(7));
        room.recorder.allocated(&mut recording, block(7), 60);
    });
    assert_eq!(room.told().events.len(), 2);
    room.allocate(&thread, block(8), 1);
    assert_eq!(room.told().events.len(), 3, "it is over");
}

/// Leaves a hook as `longjmp` out of a signal handler does: nothing of it runs any more.
#[inline(never)]
fn jump_out(room: &Room, thread: &Thread) {
    called(|call| {
        let mark = Mark::default();
        forget(room.recorder.enter(thread, call, &mark).unwrap());
    });
}

#[test]
fn a_thread_whose_hook_was_left_by_longjmp_records_again() {
    let (room, thread) = (Room::new(1), Thread::default());
    room.allocate(&thread, block(0), 1);
    jump_out(&room, &thread);
    assert_ne!(thread.inside.get(), 0);
    room.allocate(&thread, block(1), 2);
    assert_eq!(room.told().events.len(), 2);
    jump_out(&room, &thread);
    room.free(&thread, block(1));
    assert_eq!(thread.inside.get(), 0, "a free heals too");
}

/// Allocates below what it has filled of the stack. Returns what that was.
#[inline(never)]
fn allocate_deeper(room: &Room, thread: &Thread) -> Range<usize> {
    let mut filled = [0usize; 1024];
    std::hint::black_box(&mut filled).fill(0x5A5A_5A5A);
    room.allocate(thread, block(1), 2);
    let Range { start, end } = std::hint::black_box(&filled).as_ptr_range();
    start as usize..end as usize
}

#[test]
fn a_frame_that_something_else_uses_by_now_is_no_hook_any_more() {
    let (room, thread) = (Room::new(1), Thread::default());
    let filled = allocate_deeper(&room, &thread);
    jump_out(&room, &thread);
    assert!(filled.contains(&thread.inside.get()));
    allocate_deeper(&room, &thread);
    assert_eq!(thread.inside.get(), 0);
    assert_eq!(room.told().events.len(), 3, "with the free of the first block, which was unseen");
}

#[test]
fn what_no_memory_is_there_for_is_counted_and_the_rest_goes_on() {
    let (room, thread) = (Room::with(1, 1 << 16, true), Thread::default());
    room.allocate(&thread, block(0), 1);
    room.recorder.budget.leave(0);
    let blocks = || (1..=20_000).map(block);
    blocks().for_each(|block| room.allocate(&thread, block, 16));
    let [lost, unplaced, _] = room.lost();
    assert!(lost > 0 && lost == unplaced, "{lost} {unplaced}");
    let allocated = room.told().events.len() as u64;
    assert_eq!(allocated, 1 + 20_000 - lost);
    blocks().for_each(|block| room.free(&thread, block));
    let freed = room.told().events.len() as u64 - allocated;
    assert_eq!((freed, room.lost()), (allocated - 1, [lost, unplaced, 0]));
}

#[test]
fn a_stack_that_no_memory_is_there_for_costs_its_sample() {
    let (room, thread) = (Room::ready(1 << 10, true), Thread::default());
    room.recorder.budget.leave(0);
    room.recorder.start(1, 1, false, &thread);
    room.allocate(&thread, block(0), 1);
    assert_eq!(room.lost(), [1, 1, 0]);
    assert!(room.told().events.is_empty());
    room.free(&thread, block(0));
    assert_eq!(room.lost(), [1, 1, 0]);
}

/// A collector that is gone: the ring fills up, and what is not told is counted.
#[test]
fn without_a_reader_allocations_are_lost_and_frees_are_summed_for_their_stacks() {
    let (room, thread) = (Room::with(1, 64, true), Thread::default());
    let mut allocated = 0;
    while room.lost()[0] == 0 {
        room.allocate(&thread, block(allocated), 100);
        allocated += 1;
    }
    let told = allocated - 1;
    (0..allocated).for_each(|n| room.free(&thread, block(n)));
    assert_eq!(room.lost(), [1, 0, told as u64], "what was not told is not freed either");
    let stack = room.segment.lost_frees().stacks().next().unwrap();
    assert_eq!(room.segment.lost_frees().take(stack), (told as f64, told as f64 * 100.0));
    let mut progress = Progress::default();
    let mut reader = room.reader(&mut progress);
    let mut all = Told::default();
    drain(&mut reader, &mut all);
    assert_eq!(all.events, vec![(0, Event::Allocated(sample(stack, 100))); told]);
    room.allocate(&thread, block(0), 7);
    drain(&mut reader, &mut all);
    assert!(
        matches!(all.events[told..], [(0, Event::Allocated(Sample { size: 7, .. }))]),
        "there is room again"
    );
}

#[test]
fn a_block_that_was_freed_unseen_is_freed_when_its_address_is_used_again() {
    let (room, thread) = (Room::new(1), Thread::default());
    room.allocate(&thread, block(0), 10);
    room.allocate(&thread, block(0), 20);
    let events: Vec<_> = room.told().events.into_iter().map(|(_, event)| event).collect();
    assert!(matches!(
        events[..],
        [
            Event::Allocated(Sample { size: 10, .. }),
            Event::Freed(Sample { size: 10, .. }),
            Event::Allocated(Sample { size: 20, .. })
        ]
    ));
    assert_eq!(room.lost(), [0, 0, 1]);
}

#[test]
fn a_block_is_put_back_that_could_not_be_made_larger() {
    let (room, thread) = (Room::new(1), Thread::default());
    room.allocate(&thread, block(0), 10);
    let taken = room.recorder.take(block(0)).unwrap();
    assert_eq!(room.recorder.take(block(0)), None);
    room.recorder.put_back(block(0), taken, &thread);
    room.free(&thread, block(0));
    assert!(matches!(room.told().events[..], [_, (0, Event::Freed(Sample { size: 10, .. }))]));
}

/// The gap to the next sample dies with its thread, and another's begins: neither favours anything.
#[test]
fn threads_that_end_early_are_sampled_as_one_that_lives_long() {
    const THREADS: u64 = 20_000;
    let (rate, each) = (4096, 600);
    let room = Room::with(rate, 1 << 16, true);
    for n in 0..THREADS {
        let thread = Thread::default();
        // As the fast path does, which leaves the rest to the slow one.
        for part in 0..2 {
            match thread.countdown.get().checked_sub(each / 2).filter(|&left| left > 0) {
                Some(left) => thread.countdown.set(left),
                None => room.allocate(&thread, block((2 * n + part) as usize), each as usize / 2),
            }
        }
    }
    let events = room.told().events;
    let size = each as f64 / 2.0;
    let probability = 1.0 - (-size / rate as f64).exp();
    let (expected, blocks) = (2.0 * THREADS as f64 * probability, 2.0 * THREADS as f64);
    let deviation = (blocks * probability * (1.0 - probability)).sqrt();
    let distance = (events.len() as f64 - expected).abs() / deviation;
    assert!(distance < 4.0, "{} samples of {expected}: {distance} standard deviations", events.len());
}

#[test]
fn another_rate_is_noticed_before_long_and_each_sample_is_of_an_era_of_its_rate() {
    let (room, thread) = (Room::with(OFF, 1 << 16, true), Thread::default());
    let mut block = 1 << 20;
    let mut allocate = |bytes: u64, size: usize| {
        for _ in 0..bytes / size as u64 {
            block += 1 << 12;
            room.allocate(&thread, block, size);
        }
    };
    let mut seen = 0;
    let mut new_eras = || {
        let events = room.told().events;
        let new: Vec<_> = events[seen..].iter().map(|(_, event)| event.sample().era.number()).collect();
        seen = events.len();
        new
    };
    allocate(100 * STRETCH, 100_000);
    assert!(new_eras().is_empty(), "dormant");
    room.change_rate(1, 1);
    allocate(STRETCH + 1024, 512);
    assert!(!new_eras().is_empty(), "at the end of the stretch at the latest");
    allocate(10 * 64, 64);
    assert_eq!(new_eras(), [1; 10], "all of them, from then on");
    room.change_rate(2, OFF);
    allocate(100 * STRETCH, 100_000);
    assert_eq!(new_eras(), [1], "at rate 1 it is noticed after the one that was due");
    room.change_rate(3, 4096);
    allocate(STRETCH, 512);
    new_eras();
    allocate(4096 * 400, 512);
    let sampled = new_eras();
    assert!((300..500).contains(&sampled.len()) && sampled.iter().all(|&era| era == 3), "{}", sampled.len());
    // A countdown that was drawn at the old rate ends as what it was.
    room.change_rate(4, 4096);
    allocate(4096 * 10, 512);
    room.change_rate(5, 64 * 1024);
    allocate(512 * 100, 512);
    let sampled = new_eras();
    let first = sampled.iter().position(|&era| era == 5).unwrap_or(sampled.len());
    assert!(sampled[..first].iter().all(|&era| era == 4) && sampled[first..].iter().all(|&era| era == 5));
}

#[test]
fn what_came_before_the_start_is_counted_as_the_samples_that_it_would_have_been() {
    for (rate, lost) in [(1, 3), (100, 2), (1 << 20, 0), (OFF, 0)] {
        let (room, thread) = (Room::ready(1 << 10, true), Thread::default());
        (0..3).for_each(|_| assert_eq!(room.recorder.unrecorded(80, &thread), Unrecorded::Starting));
        room.start(rate, &thread);
        assert_eq!(room.lost(), [lost, 0, 0], "rate {rate}");
        let slot = room.segment.processes().slot(Process(0));
        assert_eq!(slot.early_samples.load(Relaxed), lost);
    }
}

#[test]
fn where_it_is_doubted_whose_blocks_they_are_nothing_is_recorded_until_that_is_known() {
    let (room, thread) = (Room::ready(1 << 10, true), Thread::default());
    room.recorder.start(1, 1, true, &thread);
    assert!(room.recorder.is_doubted() && !room.recorder.is_recording());
    assert_eq!(room.recorder.unrecorded(80, &thread), Unrecorded::Doubted);
    room.allocate(&thread, block(0), 1);
    room.recorder.believe(&thread);
    assert!(!room.recorder.is_doubted() && room.recorder.is_recording());
    room.allocate(&thread, block(1), 1);
    assert_eq!((room.told().events.len(), room.lost()), (1, [1, 0, 0]));
}

#[test]
fn after_the_end_a_thread_takes_the_slow_path_no_more() {
    let (room, thread) = (Room::new(512 * 1024), Thread::default());
    room.recorder.stop();
    room.allocate(&thread, block(0), 1 << 30);
    assert_eq!(room.recorder.unrecorded(1 << 30, &thread), Unrecorded::Off);
    assert_eq!(thread.countdown.get(), u64::MAX);
    assert!(!room.recorder.filter.is_marked(block(0)));
    assert!(room.told().events.is_empty());
    room.recorder.believe(&thread);
    assert!(!room.recorder.is_recording());
}

/// Forks, runs `work` in the child, where other threads are gone with what they held, and returns its exit
/// status: 1 if it panicked.
fn in_child(work: impl FnOnce()) -> i32 {
    // SAFETY: the child calls nothing that takes a lock of another thread's; it does not return.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            work();
            libc::_exit(0);
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 }
    }
}

#[test]
fn a_child_that_is_forked_while_threads_record_tells_what_it_inherited() {
    const LIVE: usize = 100;
    let room = Room::with(1, 1 << 16, true);
    let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let main = Thread::default();
    (0..LIVE).for_each(|n| room.allocate(&main, block(n), 1000));
    let mut told = Told::default();
    const CHILDREN: u16 = 20;
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let thread = Thread::default();
            for n in (0..64).cycle().take_while(|_| !stop.load(Relaxed)) {
                room.allocate(&thread, block(1 << 20 | n), 1);
                room.free(&thread, block(1 << 20 | n));
                rounds.fetch_add(1, Relaxed);
            }
        });
        let mut progress = Progress::default();
        let mut reader = room.reader(&mut progress);
        for _ in 0..CHILDREN {
            let before = rounds.load(Relaxed);
            while rounds.load(Relaxed) < before + 100 {
                drain(&mut reader, &mut told);
            }
            let status = in_child(|| {
                room.free(&main, block(0)); // has recorded nothing yet: that is no event of the child's
                room.allocate(&main, block(1 << 21), 2000);
                room.free(&main, block(1));
            });
            assert_eq!(status, 0);
        }
        stop.store(true, Relaxed);
        busy.join().unwrap();
        while drain(&mut reader, &mut told) > 0 {}
    });
    for child in 1..=CHILDREN {
        let of_child: Vec<_> =
            told.events.iter().filter(|(by, _)| *by == child).map(|(_, event)| event).collect();
        let inherited = of_child
            .iter()
            .filter(|event| matches!(event, Event::Inherited(Sample { size: 1000, .. })))
            .count();
        assert_eq!(inherited, LIVE - 1, "process {child}");
        let [.., Event::Allocated(Sample { size: 2000, .. }), Event::Freed(Sample { size: 1000, .. })] =
            of_child[..]
        else {
            panic!("{of_child:?}")
        };
        // Beside them at most what the other thread had at that moment.
        assert!(of_child.len() <= LIVE - 1 + 1 + 2, "process {child}: {}", of_child.len());
    }
    let of_main = told.events.iter().filter(|(by, event)| *by == 0 && !matches!(event, Event::Allocated(..)));
    assert!(
        of_main.into_iter().all(|(_, event)| matches!(event, Event::Freed(Sample { size: 1, .. }))),
        "it lost no block"
    );
    assert_eq!(room.lost(), [0; 3]);
}

#[test]
fn a_child_that_is_not_wanted_stops_and_its_parent_goes_on() {
    let (room, thread) = (Room::with(1, 1 << 10, false), Thread::default());
    room.allocate(&thread, block(0), 1);
    let status = in_child(|| {
        room.allocate(&thread, block(1), 2);
        room.free(&thread, block(0));
        let is_off = room.recorder.unrecorded(1, &thread) == Unrecorded::Off;
        // SAFETY: ends the child.
        unsafe { libc::_exit(if is_off { 7 } else { 8 }) };
    });
    assert_eq!(status, 7);
    room.allocate(&thread, block(2), 3);
    assert!(matches!(
        room.told().events[..],
        [(0, Event::Allocated(Sample { size: 1, .. })), (0, Event::Allocated(Sample { size: 3, .. }))]
    ));
    assert_eq!(room.segment.processes().turned_away(), 0);
}

#[test]
fn the_filter_knows_of_each_sampled_block_until_it_is_freed() {
    let (room, thread) = (Room::with(4096, 1 << 10, true), Thread::default());
    let is_marked = || room.recorder.filter.is_marked(block(0));
    let allocate = || room.allocate(&thread, block(0), 1 << 20); // is a sample, but for one in e^256
    allocate();
    assert!(is_marked());
    let taken = room.recorder.take(block(0)).unwrap();
    assert!(!is_marked());
    room.recorder.put_back(block(0), taken, &thread);
    assert!(is_marked());
    allocate(); // in the place of one that was freed unseen
    room.free(&thread, block(0));
    assert!(!is_marked() && room.lost() == [0, 0, 1]);
}
