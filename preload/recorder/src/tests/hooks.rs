//! Hooks inside of hooks, and hooks that are left by `longjmp`.

use std::cell::Cell;
use std::mem::forget;
use std::ops::Range;

use super::room::{Room, block, called};
use crate::record::{Call, Mark, nested};
use crate::thread::Thread;

#[test]
fn a_hook_that_is_called_from_inside_of_another_counts_once_and_tells_of_its_block() {
    let (room, thread) = (Room::new(1), Thread::default());
    room.allocate(&thread, block(0), 1); // finds out where this thread's stack is
    called(|call| {
        let mark = Mark::default();
        let mut recording = room.recorder.enter(&thread, call, &mark, || true).unwrap();
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
        forget(room.recorder.enter(thread, call, &mark, || true).unwrap());
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
fn a_word_that_is_no_mark_any_more_is_left_as_it_is() {
    let (room, thread) = (Room::new(1), Thread::default());
    room.allocate(&thread, block(0), 1); // finds out where this thread's stack is
    let used = [const { Cell::new(0x5A5A_5A5A) }; 4];
    thread.inside.set(std::hint::black_box(&used).as_ptr() as usize);
    called(|call| nested(&thread, block(1), call));
    assert_eq!(used.map(|word| word.get()), [0x5A5A_5A5A; 4]);
}

/// As where a program changes its stack in the middle of a hook.
#[test]
fn a_hook_tells_no_mark_that_is_on_another_stack() {
    let (room, thread) = (Room::new(1), Thread::default());
    room.allocate(&thread, block(0), 1); // finds out where this thread's stack is
    called(|call| {
        let mark = Mark::default();
        let _recording = room.recorder.enter(&thread, call, &mark, || true).unwrap();
        nested(&thread, block(1), Call { sp: 8, ..call });
        assert_eq!(mark.nested(), 0);
        nested(&thread, block(1), call);
        assert_eq!(mark.nested(), 0, "it is below the stack pointer");
    });
}

#[test]
fn a_hook_knows_whether_every_call_is_recorded() {
    for (rate, takes_all) in [(1, true), (2, false)] {
        let (room, thread) = (Room::new(rate), Thread::default());
        called(|call| {
            let mark = Mark::default();
            let recording = room.recorder.enter(&thread, call, &mark, || true).unwrap();
            assert_eq!(recording.takes_all(), takes_all);
        });
    }
}
