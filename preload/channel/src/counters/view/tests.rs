use super::super::size_class;
use super::super::slot::{Family, STEP};
use super::*;
use std::vec::Vec;

fn counters(slots: u32) -> Counters<'static> {
    let layout = std::alloc::Layout::from_size_align(Counters::size(slots), 4096).unwrap();
    // SAFETY: the layout has a size; the memory is zeroed, aligned and never freed.
    let counters = unsafe { Counters::create(std::alloc::alloc_zeroed(layout), slots) };
    counters.publish(&Who { pid: 7, ..Who::default() });
    counters
}

const NEVER: fn(u32) -> bool = |_| false;

#[test]
fn foreign_memory_and_impossible_sizes_are_refused() {
    let made = counters(8);
    let size = Counters::size(8);
    // SAFETY: `made` has that many bytes and is never freed.
    let open = |size| unsafe { Counters::open(made.base(), size) }.map(|counters| counters.slots.len());
    assert_eq!(open(size), Ok(8));
    assert_eq!(open(size - 4096), Err(InvalidCounters));
    assert_eq!(open(16), Err(InvalidCounters));
    made.header.publish(u32::MAX, &Who::default());
    assert_eq!(open(size), Err(InvalidCounters));
}

#[test]
fn threads_that_have_ended_leave_their_slots_to_others_of_their_process() {
    let (counters, cursor) = (counters(16), AtomicU32::new(0));
    let process = counters.claim_process(7);
    for thread in 1..=10_000 {
        let slot = counters.claim_slot(process, thread, None, &cursor, |_| true).unwrap();
        slot.allocated(Family::New, 10);
    }
    assert_eq!(counters.slots(process).count(), 1);
    let sums = counters.sums(process);
    assert_eq!((sums.allocations, sums.bytes), (10_000, 100_000));
    assert!(!counters.is_merged(process));
}

#[test]
fn sums_have_the_calls_of_each_kind() {
    let (counters, cursor) = (counters(4), AtomicU32::new(0));
    let process = counters.claim_process(7);
    let slot = counters.claim_slot(process, 1, None, &cursor, NEVER).unwrap();
    let families = [Family::Malloc, Family::Realloc, Family::Realloc];
    families.into_iter().for_each(|family| slot.allocated(family, 10));
    slot.failed(Family::Calloc);
    slot.freed();
    let sums =
        Sums { allocations: 3, bytes: 30, frees: 1, reallocations: 2, failures: 1, in_use: 0, peak: 0 };
    assert_eq!(counters.sums(process), sums);
}

#[test]
fn where_all_slots_are_taken_processes_that_have_ended_are_merged() {
    let (counters, cursor) = (counters(4), AtomicU32::new(0));
    let mut all = Vec::new();
    for pid in 1..=9 {
        let process = counters.claim_process(pid);
        let slot = counters.claim_slot(process, pid, None, &cursor, |thread| thread < pid).unwrap();
        slot.allocated(Family::Malloc, 1);
        slot.change_in_use(counters.process(process), 100);
        all.push(process);
    }
    let sum: u64 = all.iter().chain([&OTHERS]).map(|&process| counters.sums(process).allocations).sum();
    let in_use: i64 = all.iter().chain([&OTHERS]).map(|&process| counters.sums(process).in_use).sum();
    assert_eq!((sum, in_use), (9, 900));
    assert!(counters.is_merged(all[0]) && counters.is_merged(all[8]));
}

#[test]
fn more_threads_at_once_than_slots_find_none() {
    let (counters, cursor) = (counters(3), AtomicU32::new(0));
    let process = counters.claim_process(7);
    let claim = |thread| counters.claim_slot(process, thread, None, &cursor, NEVER);
    assert!(claim(1).is_some() && claim(2).is_some());
    assert!(claim(3).is_none());
    // The same id again is that of a thread that has ended.
    assert!(claim(2).is_some());
    let shared = counters.shared_slot();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| shared.allocated(Family::Malloc, 3)));
        }
    });
    shared.change_in_use(counters.process(process), 1000);
    shared.change_in_use(counters.process(process), -400);
    assert_eq!(counters.sums(OTHERS).bytes, 120_000);
    assert_eq!(counters.in_use(process), (600, 1000));
}

#[test]
fn processes_beyond_all_places_count_together() {
    let counters = counters(3);
    let claimed = (0..5000).filter(|&pid| counters.claim_process(pid) != OTHERS).count();
    assert_eq!(claimed, ProcessCounters::MAX - 1);
    assert_eq!(counters.processes().count(), claimed);
    assert_eq!(counters.process(OTHERS).pid.load(Relaxed), 0, "that of none of them");
}

#[test]
fn what_was_counted_before_is_counted_on() {
    let (counters, cursor, early) = (counters(8), AtomicU32::new(0), Slot::empty());
    let nobody = ProcessCounters::default();
    early.allocated(Family::Calloc, 100);
    early.freed();
    early.change_in_use(&nobody, 104);
    early.change_in_use(&nobody, -4);
    let process = counters.claim_process(1);
    let slot = counters.claim_slot(process, 1, Some(&early), &cursor, NEVER).unwrap();
    slot.allocated(Family::Calloc, 100);
    let sums = counters.sums(process);
    assert_eq!((sums.allocations, sums.bytes, sums.frees), (2, 200, 1));
    assert_eq!((sums.in_use, sums.peak), (100, 104));
    assert_eq!(slot.calls(Family::Calloc).1[size_class(100)], 2);
}

#[test]
fn with_many_threads_the_peak_is_within_a_step_for_each() {
    const THREADS: usize = 4;
    let (counters, cursor) = (counters(16), AtomicU32::new(0));
    let process = counters.claim_process(1);
    std::thread::scope(|scope| {
        for thread in 1..=THREADS as u32 {
            let cursor = &cursor;
            scope.spawn(move || {
                let slot = counters.claim_slot(process, thread, None, cursor, NEVER).unwrap();
                for change in std::iter::repeat_n(100, 100_000).chain(std::iter::repeat_n(-100, 50_000)) {
                    slot.change_in_use(counters.process(process), change);
                }
            });
        }
    });
    let (in_use, peak) = counters.in_use(process);
    assert_eq!(in_use, THREADS as i64 * 100 * 50_000);
    let bound = THREADS as i64 * STEP;
    assert!((in_use - bound..=THREADS as i64 * 100 * 100_000 + bound).contains(&peak), "{peak}");
}
