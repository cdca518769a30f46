//! At rate 1 a profile is exact: equal to the account that the program itself keeps.

use crate::support::wanted::has;
use crate::support::{Room, pprof};

const EXACT_AT_ANY_ORDER: [&str; 4] = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];

#[test]
fn every_way_to_allocate_is_counted_exactly() {
    let room = Room::new();
    let ended = room.run("ledger.c").go().well();
    let (ledger, profile) = (ended.ledger(), room.profile("out.prof"));
    ledger.assert_equals(&profile);
    profile.assert_complete();
    profile.assert_rooted();
}

#[test]
fn pprof_reads_the_same_numbers() {
    if !has("go") {
        return;
    }
    let room = Room::new();
    let ended = room.run("ledger.c").go().well();
    pprof::assert_agrees(&ended.ledger(), &room.profile("out.prof"));
}

#[test]
fn blocks_that_other_threads_free_are_counted_exactly() {
    let room = Room::new();
    let ended = room.run("ledger_threads.c").go().well();
    let profile = room.profile("out.prof");
    // Which moment is the peak depends on the order of the threads.
    ended.ledger().assert_equals_in(&profile, &EXACT_AT_ANY_ORDER);
    profile.assert_complete();
    profile.assert_rooted();
}

#[test]
fn thousands_of_short_threads_are_counted_exactly() {
    let room = Room::new();
    let ended = room.run("ledger_short_threads.c").go().well();
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals_in(&profile, &EXACT_AT_ANY_ORDER);
    profile.assert_complete();
    profile.assert_rooted();
}

#[test]
fn the_sums_of_the_size_classes_are_those_of_the_blocks() {
    let room = Room::new();
    room.run("ledger.c").go().well();
    let profile = room.profile("out.prof");
    for sample in &profile.samples {
        let [objects, space, ..] = sample.values;
        assert!(space <= objects * sample.bytes, "{sample:?}");
    }
}

#[test]
fn a_block_whose_free_was_not_seen_is_over_when_its_address_comes_again_and_that_is_counted() {
    let room = Room::new();
    let ended = room.run("frees_past.c").go().well();
    assert_eq!(ended.text(), "999 came again\n");
    let profile = room.profile("out.prof");
    assert_eq!(profile.under("allocates", "alloc_objects"), 1000);
    assert_eq!(profile.under("allocates", "inuse_objects"), 1);
    assert_eq!(profile.under("allocates", "peak_objects"), 1);
    assert_eq!(profile.count("lost_frees"), 999);
}
