//! Forked children.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

use heaptrace_channel::ring::{Event, Progress};
use heaptrace_channel::sample::Sample;

use super::room::{Room, Told, block, drain};
use crate::Unrecorded;
use crate::testing::in_child;
use crate::thread::Thread;

#[test]
fn a_child_that_is_forked_while_threads_record_tells_what_it_inherited() {
    const LIVE: usize = 100;
    /// Rounds of the other thread that the ring has room for while nobody reads, as a child may take its time.
    const AHEAD: usize = 5000;
    let room = Room::with(1, 1 << 16, true);
    let (stop, rounds, read) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let main = Thread::default();
    (0..LIVE).for_each(|n| room.allocate(&main, block(n), 1000));
    let mut told = Told::default();
    const CHILDREN: u16 = 20;
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let thread = Thread::default();
            for n in (0..64).cycle().take_while(|_| !stop.load(Relaxed)) {
                while rounds.load(Relaxed) > read.load(Relaxed) + AHEAD && !stop.load(Relaxed) {
                    std::thread::yield_now();
                }
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
                let done = rounds.load(Relaxed);
                drain(&mut reader, &mut told);
                read.store(done, Relaxed);
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
