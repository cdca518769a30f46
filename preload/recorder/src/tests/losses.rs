//! What is lost, and how it is counted.

use heaptrace_channel::ring::{Event, Progress};
use heaptrace_channel::sample::Sample;

use super::room::{Room, Told, block, drain, sample};
use crate::thread::Thread;

#[test]
fn what_no_memory_is_there_for_is_counted_and_the_rest_goes_on() {
    let (room, thread) = (Room::ready(1 << 16, true), Thread::default());
    room.recorder.budget.leave(1 << 20);
    room.start(1, &thread);
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
