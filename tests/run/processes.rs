//! Everything that the program starts is profiled too: one file for each process.

use std::fs;

use crate::support::{Ledger, Profile, Room, program, wait_until};

/// The ledger that a process left, and its profile's name for a pattern of out.prof.
pub fn left(room: &Room, who: &str, name: &str) -> (Ledger, String) {
    let text = fs::read_to_string(room.path(&format!("{who}.ledger"))).unwrap();
    let pid = text.lines().find_map(|line| line.strip_prefix("pid ")).unwrap();
    (Ledger::parse(&text), format!("out.{name}.{pid}.prof"))
}

/// The only profile whose name begins so.
#[track_caller]
fn only(room: &Room, prefix: &str) -> Profile {
    let mut profiles = room.profiles(prefix);
    assert_eq!(profiles.len(), 1, "{prefix}… in {:?}", room.files());
    profiles.remove(0)
}

#[test]
fn a_forked_child_begins_with_its_parents_blocks() {
    let room = Room::new();
    let ended = room.run("forks.c").go().well();
    assert!(ended.said().iter().any(|line| line.contains("3 processes")), "{ended:?}");
    let (parent, _) = left(&room, "parent", "forks");
    parent.assert_equals(&room.profile("out.prof"));
    for who in ["child", "grandchild"] {
        let (ledger, name) = left(&room, who, "forks");
        let profile = room.profile(&name);
        ledger.assert_equals(&profile);
        profile.assert_complete();
        room.assert_private(&name);
    }
    assert_eq!(room.files().iter().filter(|name| name.ends_with(".prof")).count(), 3);
}

#[test]
fn only_the_program_is_profiled_if_no_children_are_wanted() {
    let room = Room::new();
    room.run("forks.c").option("--children").option("none").go().well();
    let (parent, _) = left(&room, "parent", "forks");
    parent.assert_equals(&room.profile("out.prof"));
    assert_eq!(room.files().iter().filter(|name| name.ends_with(".prof")).count(), 1, "{:?}", room.files());
}

#[test]
fn a_started_program_has_a_profile_of_its_own() {
    for way in ["vfork", "fork", "spawn", "system"] {
        let room = Room::new();
        let ended = room.run("starts.c").args([program("ends.c").as_os_str(), way.as_ref()]).go();
        assert_eq!(ended.status(), 7, "{way}: {ended:?}");
        let profile = room.profile("out.prof");
        assert_eq!(profile.under("allocate_first", "inuse_space"), 5000, "{way}");
        assert_eq!(profile.under("allocate", "alloc_objects"), 0, "{way}");
        let started = only(&room, "out.ends.");
        ended.ledger().assert_equals(&started);
        assert_eq!(
            started.under("allocate_first", "inuse_objects"),
            0,
            "{way}: nothing is inherited by exec"
        );
    }
}

#[test]
fn no_child_is_profiled_if_none_is_wanted_however_it_is_started() {
    for way in ["vfork", "fork", "spawn", "system"] {
        let room = Room::new();
        let launch = room.run("starts.c").option("--children").option("none");
        launch.args([program("ends.c").as_os_str(), way.as_ref()]).go();
        assert_eq!(room.files(), ["out.prof"], "{way}");
    }
}

#[test]
fn the_last_image_of_the_program_gets_the_plain_name() {
    for (way, earlier) in [("exec", 1), ("exec-twice", 2)] {
        let room = Room::new();
        let ended = room.run("starts.c").args([program("ends.c").as_os_str(), way.as_ref()]).go();
        assert_eq!(ended.status(), 7, "{ended:?}");
        ended.ledger().assert_equals(&room.profile("out.prof"));
        let before = room.profiles("out.starts.");
        assert_eq!(before.len(), earlier, "{way}: {:?}", room.files());
        for profile in before {
            assert_eq!(profile.under("allocate_first", "inuse_space"), 5000);
        }
    }
}

#[test]
fn a_daemon_gets_its_profile_when_it_ends_and_nobody_waits_for_it() {
    let room = Room::new();
    let ended = room.run("daemon.c").go().well();
    assert!(ended.stderr.contains("still runs"), "{ended:?}");
    assert!(room.profiles("out.daemon.").is_empty(), "{:?}", room.files());
    fs::write(room.path("stop"), "").unwrap();
    wait_until("the daemon has its profile", || !room.profiles("out.daemon.").is_empty());
    let profile = only(&room, "out.daemon.");
    assert_eq!(profile.under("in_daemon", "inuse_objects"), 600);
}

#[test]
fn of_two_hundred_children_of_a_program_with_threads_all_that_allocate_are_profiled() {
    let room = Room::new();
    room.run("many_forks.c").go().well();
    let mut counts: Vec<_> = room
        .profiles("out.many_forks.")
        .iter()
        .map(|profile| profile.under("in_child", "inuse_objects"))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, (10..=200).step_by(10).collect::<Vec<i64>>());
    assert_eq!(room.profile("out.prof").under("in_child", "alloc_objects"), 0);
}

#[test]
fn thousands_of_forked_children_at_once_or_one_after_another_are_all_profiled() {
    for (count, order) in [(1100, "at-once"), (2000, "in-turn")] {
        let room = Room::new();
        let launch = room.run("prefork.c").option("--symbolize").option("none");
        let ended = launch.args([count.to_string().as_str(), order]).go().well();
        assert_eq!(ended.text(), format!("{count} children, 0 bad\n"));
        let profiles = room.profiles("out.prefork.");
        assert_eq!(profiles.len(), count, "{order}");
        for profile in profiles {
            assert!(profile.total("alloc_objects") >= 10, "{order}: {:?}", profile.path);
            profile.assert_complete();
        }
    }
}

/// The collector rests between two looks at who has come, so that most of them are over then.
#[test]
fn of_a_hundred_processes_at_once_that_end_or_are_killed_each_has_its_profile() {
    for way in ["return", "signal 9"] {
        let room = Room::new();
        let each = format!("'{}' {way} >/dev/null 2>&1", program("ends.c").display());
        let line = format!("for i in $(seq 100); do {each} & done; wait");
        let ended = room.run_path("/bin/sh").rate("1KiB").args(["-c", &line]).go().well();
        assert!(
            ended.said().iter().any(|line| line.contains("102 processes")),
            "with the shell and seq: {ended:?}"
        );
        let profiles = room.profiles("out.ends.");
        assert_eq!(profiles.len(), 100, "{way}");
        for profile in profiles {
            assert!((700..1300).contains(&profile.total("alloc_objects")), "{way}: {:?}", profile.path);
            profile.assert_complete();
        }
    }
}

/// As in qemu's user mode: then a child would write as its parent.
#[test]
fn where_forked_children_cannot_be_told_apart_the_program_is_named_and_unharmed() {
    let room = Room::new();
    let prefork = program("prefork.c");
    let arguments = [prefork.as_os_str(), "10".as_ref(), "in-turn".as_ref()];
    let ended = room.run("no_advice.c").args(arguments).go().well();
    assert_eq!(ended.text(), "10 children, 0 bad\n");
    let said = ended.said();
    assert!(said.iter().any(|line| line.starts_with("prefork") && line.contains("emulator")), "{said:?}");
    assert_eq!(room.profiles("out.").iter().map(|p| p.under("in_child", "alloc_objects")).sum::<i64>(), 0);
}

#[test]
fn a_program_that_closes_every_descriptor_is_profiled_on() {
    let room = Room::new();
    let ended = room.run("closes_all.c").go().well();
    ended.ledger().assert_equals(&room.profile("out.prof"));
    assert_eq!(fs::read(room.path("content")).unwrap(), b"content");
}

#[test]
fn a_shell_and_what_it_starts_are_profiled() {
    let room = Room::new();
    let line = format!("'{0}' return 3; '{0}' exit 4 | cat; exit 5", program("ends.c").display());
    let ended = room.run_path("/bin/sh").args(["-c", &line]).go();
    assert_eq!(ended.status(), 5);
    assert_eq!(room.profiles("out.ends.").len(), 2, "{:?}", room.files());
    assert!(room.path("out.prof").exists());
}

#[test]
fn a_pattern_names_each_file() {
    let room = Room::new();
    let ended = room.run("ends.c").options(["-r", "1", "-o", "%n-%p-%h-%t-%%.x"]).go().well();
    let files = room.files();
    assert_eq!(files.len(), 1, "{files:?}");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let profile = room.profile(&files[0]);
    let start = format!("ends-{}-{}-2", profile.comment("pid"), host.trim());
    assert!(files[0].starts_with(&start) && files[0].ends_with("Z-%.x"), "{files:?} {ended:?}");
}

#[test]
fn a_pattern_with_the_pid_is_used_for_every_process() {
    let room = Room::new();
    let launch = room.run("starts.c").options(["-r", "1", "-o", "p.%p.prof"]);
    launch.args([program("ends.c").as_os_str(), "fork".as_ref()]).go();
    assert_eq!(room.profiles("p.").len(), 2, "{:?}", room.files());
}

#[test]
fn without_a_pattern_the_name_has_program_and_pid() {
    let room = Room::new();
    room.run("ends.c").options(["-q"]).go().well();
    let profile = only(&room, "heaptrace.ends.");
    let name = format!("heaptrace.ends.{}.prof", profile.comment("pid"));
    assert_eq!(room.files(), [name]);
}

/// What such a child says of itself is the id of a thread, that is gone when the collector looks.
#[test]
fn a_forked_child_whose_threads_end_at_once_is_recorded_to_its_end() {
    for round in 0..8 {
        let room = Room::new();
        let launch =
            if round % 2 == 0 { room.run("brief_threads.c") } else { room.manual("brief_threads.c") };
        let ended = launch.go().well();
        wait_until("the child has its profile", || room.profiles("out.brief_threads.").len() == 1);
        let profile = only(&room, "out.brief_threads.");
        ended.ledger().assert_equals_in(&profile, &["alloc_objects", "inuse_objects"]);
        assert!(!ended.stderr.contains("wrote over"), "{ended:?}");
    }
}
