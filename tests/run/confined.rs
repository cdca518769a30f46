//! A program that gives up its privileges, or leaves for a namespace of its own, is recorded on.

use crate::support::wanted::is_root;
use crate::support::{Ended, Launch, Profile, Room, program, wait_until};

/// Runs it under `heaptrace run` and in manual mode. Where the bare program may not do what it is
/// for, there is nothing to see.
fn in_both_modes(path: &str, arguments: &[&str], check: impl Fn(&Room, &Ended)) {
    const NOT_ALLOWED: i32 = 77;
    const UNSHARE_FAILED: i32 = 1;
    let bare = Room::new().bare_path(path).args(arguments).go();
    if [NOT_ALLOWED, UNSHARE_FAILED].contains(&bare.status()) {
        return eprintln!("{path} {arguments:?} is not allowed here: {bare:?}");
    }
    type Mode = fn(&Room, &str) -> Launch;
    let modes: [Mode; 2] = [|room, path| room.run_path(path), |room, path| room.manual_path(path)];
    for mode in modes {
        let room = Room::new();
        let ended = mode(&room, path).args(arguments).go();
        assert_eq!((ended.status(), &ended.stdout), (bare.status(), &bare.stdout), "{ended:?}");
        check(&room, &ended);
    }
}

fn source(name: &str) -> String {
    program(name).into_os_string().into_string().unwrap()
}

fn assert_recorded(room: &Room, ended: &Ended) {
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals(&profile);
    profile.assert_complete();
}

#[test]
fn a_program_that_is_root_no_more_is_recorded_on() {
    if !is_root() {
        return;
    }
    in_both_modes(&source("drops_root.c"), &[], |room, ended| {
        assert_eq!(ended.ledger().0["as_nobody"][0], 30_000);
        assert_recorded(room, ended);
    });
}

#[test]
fn a_program_that_goes_into_a_user_namespace_is_recorded_on() {
    in_both_modes(&source("namespaces.c"), &["user"], assert_recorded);
}

/// The ids of its children in there are those of others outside, such as 1.
#[test]
fn what_a_program_forks_into_a_process_namespace_has_its_profile() {
    in_both_modes(&source("namespaces.c"), &["pid"], |room, ended| {
        assert_recorded(room, ended);
        for (name, function, objects) in
            [("out.namespaces.1.prof", "in_child", 300), ("out.namespaces.2.prof", "in_grandchild", 400)]
        {
            let profile = room.profile(name);
            assert_eq!(profile.under(function, "inuse_objects"), objects, "{name}");
            assert_eq!(profile.under("before", "inuse_objects"), 1000, "{name}");
            profile.assert_complete();
        }
        assert!(!ended.stderr.contains("still runs"), "{ended:?}");
    });
}

#[test]
fn a_program_that_is_started_in_a_user_namespace_is_recorded() {
    for option in ["--user", "--map-root-user"] {
        in_both_modes("/usr/bin/unshare", &[option, &source("ends.c")], assert_recorded);
    }
}

#[test]
fn a_program_that_is_started_in_a_process_namespace_is_recorded() {
    let path = source("ends.c");
    for mount in [&[][..], &["--mount-proc"]] {
        let arguments = [&["--map-root-user", "--pid", "--fork"], mount, &[&path]].concat();
        in_both_modes("/usr/bin/unshare", &arguments, |room, ended| {
            let started = room.profiles("out.ends.");
            assert_eq!(started.len(), 1, "{:?}", room.files());
            ended.ledger().assert_equals(&started[0]);
            started[0].assert_complete();
        });
    }
}

/// An abstract socket's name is not seen in there.
#[test]
fn a_program_that_is_started_in_a_network_namespace_is_recorded() {
    in_both_modes("/usr/bin/unshare", &["--map-root-user", "--net", &source("ends.c")], assert_recorded);
}

#[test]
fn what_a_program_starts_in_a_network_namespace_is_recorded() {
    let line = format!("unshare --map-root-user --net '{}'; exit $?", source("ends.c"));
    in_both_modes("/bin/sh", &["-c", &line], |room, ended| {
        let started = room.profiles("out.ends.");
        assert_eq!(started.len(), 1, "{:?}", room.files());
        ended.ledger().assert_equals(&started[0]);
        room.awaited_profile("out.prof");
    });
}

/// Neither the name nor the file of the socket is seen in there, so it has a session of its own.
#[test]
fn what_cannot_reach_the_programs_session_does_not_take_the_place_of_its_profile() {
    let inside = format!("mount -t tmpfs none /tmp && '{}'; exit $?", source("ends.c"));
    let line = "unshare --map-root-user --net --mount sh -c \"$0\"; exit $?";
    let bare = Room::new().bare_path("/bin/sh").args(["-c", line, &inside]).go();
    if bare.status() == 1 {
        return eprintln!("that is not allowed here: {bare:?}");
    }
    // Elsewhere than the file of the socket, which is hidden.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let out = folder.path().join("out.prof");
    let room = Room::new();
    let launch = room.manual_path("/bin/sh").env("HEAPTRACE_OUT", &out);
    let ended = launch.args(["-c", line, &inside]).go();
    assert_eq!((ended.status(), &ended.stdout), (bare.status(), &bare.stdout), "{ended:?}");
    wait_until("the program has its profile", || out.exists());
    assert!(Profile::read(&out).comment("command").starts_with("/bin/sh -c"));
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let started: Vec<_> = names.filter(|path| path.to_string_lossy().contains("/out.ends.")).collect();
    assert_eq!(started.len(), 1, "{started:?}");
    ended.ledger().assert_equals(&Profile::read(&started[0]));
}
