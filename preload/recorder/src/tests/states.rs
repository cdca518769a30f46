//! Before the beginning, in doubt, and after the end.

use std::sync::atomic::Ordering::*;

use heaptrace_channel::processes::Process;
use heaptrace_channel::weight::OFF;

use super::room::{Room, block};
use crate::Unrecorded;
use crate::thread::Thread;

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

#[test]
fn a_child_that_begins_to_record_and_has_lost_nothing_is_still_nobody() {
    let (room, thread) = (Room::ready(1 << 10, true), Thread::default());
    room.recorder.start(1, 1, true, &thread);
    room.recorder.process.after_fork();
    room.recorder.believe(&thread);
    assert!(room.recorder.is_recording() && room.recorder.process.writer(&thread.last_ring).is_none());
}
