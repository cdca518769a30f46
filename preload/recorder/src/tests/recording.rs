//! Blocks and marks, and what is told of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::mpsc;

use heaptrace_channel::marks::MarkPart;
use heaptrace_channel::processes::Process;
use heaptrace_channel::ring::{Event, Progress};
use heaptrace_channel::sample::Sample;
use heaptrace_channel::stacks::Entry;

use super::room::{Room, Told, block, called, drain, sample, unbegun};
use crate::record::Call;
use crate::thread::Thread;

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

/// More than there is room for where a free looks first.
#[test]
fn blocks_that_lie_close_together_are_all_freed() {
    let (room, thread) = (Room::new(1), Thread::default());
    let blocks = || (0..8).map(|n| block(0) + 16 * n);
    blocks().for_each(|block| room.allocate(&thread, block, 16));
    blocks().for_each(|block| room.free(&thread, block));
    let freed = room.told().events.into_iter().filter(|(_, event)| matches!(event, Event::Freed(..)));
    assert_eq!((freed.count(), room.lost()), (8, [0; 3]));
}
