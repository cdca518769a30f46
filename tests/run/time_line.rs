//! A profile says how the heap became what it is.

use std::process::Command;

use heaptrace_pprof::time_line::{MOST_POINTS, Point};
use prost::Message;

use crate::support::{HEAPTRACE, Profile, Room, pprof, print_of};

fn points(profile: &Profile) -> Vec<Point> {
    profile.proto.time_line.as_ref().unwrap().points()
}

/// What is true of every time line.
#[track_caller]
fn assert_sound(profile: &Profile) {
    let points = points(profile);
    assert!((1..=MOST_POINTS).contains(&points.len()));
    assert!(points.is_sorted_by_key(|point| point.at) && points.is_sorted_by_key(|point| point.allocated));
    let last = points.last().unwrap();
    assert_eq!(last.in_use, profile.total("inuse_space"));
    assert_eq!(last.allocated, profile.total("alloc_space"));
    let most = points.iter().map(|point| point.most_in_use).max().unwrap();
    assert_eq!(most, profile.total("peak_space"));
    assert!(points[0].at >= 0 && last.at <= profile.proto.duration_nanos + 100_000_000);
}

#[test]
fn the_heap_over_time_begins_at_nothing_passes_the_peak_and_ends_at_what_lives() {
    let room = Room::new();
    let ended = room.run("breathes.c").go().well();
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals(&profile);
    assert_sound(&profile);
    let points = points(&profile);
    assert!(points.len() >= 3, "{points:?}");
    let resident = points.iter().map(|point| point.resident).max().unwrap();
    assert!(resident > 64 * 100_000 / 2, "{resident} bytes are resident");

    let text = print_of(HEAPTRACE, &["report".as_ref(), profile.path.as_os_str()]);
    let line = text.lines().find_map(|line| line.strip_prefix("over time  ")).unwrap();
    assert!(line.contains('█') && line.contains(" up to 6.10MB, resident up to "), "{line}");
}

#[test]
fn a_process_that_ends_at_once_or_is_killed_has_its_end() {
    for arguments in [&["_exit", "0"][..], &["signal", "9"]] {
        let room = Room::new();
        room.run("ends.c").option("-q").args(arguments).go();
        assert_sound(&room.profile("out.prof"));
    }
}

#[test]
fn each_forked_process_has_a_time_line_of_its_own() {
    let room = Room::new();
    room.run("forks.c").go().well();
    let profiles = room.profiles("out");
    assert!(profiles.len() > 1);
    profiles.iter().for_each(assert_sound);
}

#[test]
fn pprof_shows_the_same_with_a_time_line_as_without() {
    let room = Room::new();
    room.run("breathes.c").go().well();
    let mut profile = room.profile("out.prof");
    let with = pprof::top(&profile, "alloc_space");
    assert!(with.contains("inhale"), "{with}");
    profile.proto.time_line = None;
    profile.path = room.path("without.prof");
    heaptrace_pprof::write_file(&profile.path, &profile.proto).unwrap();
    assert_eq!(pprof::top(&profile, "alloc_space"), with);
}

#[test]
fn a_profile_that_heaptrace_writes_anew_keeps_its_time_line() {
    let room = Room::new();
    room.run("breathes.c").go().well();
    let proto = Command::new(HEAPTRACE)
        .args(["report", "--proto=again.prof", "--focus=inhale", "out.prof"])
        .current_dir(room.path("."))
        .status();
    assert!(proto.unwrap().success());
    let symbolized = Command::new(HEAPTRACE)
        .args(["symbolize", "again.prof", "-o", "named.prof"])
        .current_dir(room.path("."))
        .output();
    assert!(symbolized.unwrap().status.success());
    let before = room.profile("out.prof").proto.time_line;
    assert!(before.as_ref().is_some_and(|line| line.encoded_len() > 0));
    assert_eq!(room.profile("again.prof").proto.time_line, before);
    assert_eq!(room.profile("named.prof").proto.time_line, before);
}
