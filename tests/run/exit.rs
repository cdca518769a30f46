//! However a program ends, its end is its own and its profile is complete.

use crate::support::{Ended, Room};

/// The program's account equals its profile, out.prof.
#[track_caller]
fn assert_complete(room: &Room, ended: &Ended) {
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals(&profile);
    profile.assert_complete();
    room.assert_private("out.prof");
}

/// Bare and profiled, the program does the same.
#[track_caller]
fn assert_same(arguments: &[&str]) -> (Room, Ended) {
    let room = Room::new();
    let bare = room.bare("ends.c").args(arguments).go();
    let ended = room.run("ends.c").option("-q").args(arguments).go();
    assert_eq!(ended.status(), bare.status(), "{ended:?}");
    assert_eq!((&ended.stdout, &ended.stderr), (&bare.stdout, &bare.stderr));
    (room, ended)
}

#[test]
fn a_return_from_main_keeps_status_and_output() {
    for status in ["0", "1", "42", "125", "255"] {
        let (room, ended) = assert_same(&["return", status]);
        assert_eq!(ended.status().to_string(), status);
        assert_complete(&room, &ended);
    }
}

#[test]
fn exit_and_immediate_exit_keep_status_output_and_profile() {
    for way in ["exit", "_exit"] {
        let (room, ended) = assert_same(&[way, "3"]);
        assert_complete(&room, &ended);
    }
}

#[test]
fn a_program_that_a_signal_ends_has_its_status_and_its_profile() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGPIPE, libc::SIGKILL] {
        let (room, ended) = assert_same(&["signal", &signal.to_string()]);
        assert_eq!(ended.status(), 128 + signal);
        assert_complete(&room, &ended);
    }
}

#[test]
fn a_crash_keeps_status_output_and_profile() {
    for (way, signal) in [("abort", libc::SIGABRT), ("crash", libc::SIGSEGV)] {
        let (room, ended) = assert_same(&[way]);
        assert_eq!(ended.status(), 128 + signal);
        assert_complete(&room, &ended);
    }
}

#[test]
fn a_stack_overflow_ends_the_program_as_it_does_bare() {
    let room = Room::new();
    let bare = room.bare("overflow.c").go();
    let ended = room.run("overflow.c").option("-q").go();
    assert_eq!((ended.status(), &ended.stderr), (bare.status(), &bare.stderr));
    assert_eq!(ended.status(), 128 + libc::SIGSEGV);
    assert!(room.profile("out.prof").under("descend", "alloc_objects") > 1000);
}

#[test]
fn a_program_without_samples_gets_its_file() {
    for _ in 0..20 {
        let room = Room::new();
        let ended = room.run_path("true").go().well();
        assert_eq!(room.files(), ["out.prof"], "{ended:?}");
        room.profile("out.prof");
    }
}

#[test]
fn the_summary_names_the_file_the_counts_and_the_next_step() {
    let room = Room::new();
    let ended = room.run("ends.c").go().well();
    let program = ended.stderr.split_once("an error\n").unwrap().1;
    let lines: Vec<_> = program.lines().map(|line| line.strip_prefix("heaptrace: ").unwrap()).collect();
    assert!(lines[0].starts_with("out.prof: ends (pid "), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("1 process") && line.contains("none lost")), "{lines:?}");
    assert!(lines.last().unwrap().contains("heaptrace report out.prof"), "{lines:?}");
}

#[test]
fn few_samples_suggest_a_smaller_rate() {
    let room = Room::new();
    let ended = room.run("ends.c").rate("512KiB").go().well();
    assert!(ended.stderr.contains("--rate "), "{ended:?}");
}
