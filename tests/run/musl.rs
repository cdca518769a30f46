//! Programs with musl for a C library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::processes::left;
use crate::support::Room;

const COUNTS: [&str; 4] = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];

/// musl-gcc leaves out the table by which an unwinder finds a function's entry.
fn with_musl(room: &Room, source: &str, more_flags: &[&str]) -> PathBuf {
    let path = room.path(source.strip_suffix(".c").unwrap());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs").join(source);
    let flags =
        ["-g", "-O1", "-fno-builtin", "-fno-optimize-sibling-calls", "-pthread", "-Wl,--eh-frame-hdr"];
    let mut compiler = Command::new("musl-gcc");
    let compiled = compiler.args(flags).args(more_flags).arg(source).arg("-o").arg(&path).status().unwrap();
    assert!(compiled.success());
    path
}

#[test]
fn a_program_with_musl_is_recorded_exactly() {
    let room = Room::new();
    let path = with_musl(&room, "inside_plain.c", &[]);
    let bare = room.bare_path(&path).go().well();
    let child = ["-c".as_ref(), "\"$0\"; exit $?".as_ref(), path.as_os_str()];
    for (launch, name) in [
        (room.run_path(&path), "out.prof"),
        (room.manual_path(&path), "out.prof"),
        (room.run_path("sh").args(child), "out.inside_plain."),
    ] {
        let ended = launch.go().well();
        assert_eq!(ended.text(), bare.text());
        let profiles = room.profiles(name);
        assert_eq!(profiles.len(), 1, "{:?}", room.files());
        let profile = &profiles[0];
        ended.ledger().assert_equals_in(profile, &COUNTS);
        profile.assert_complete();
        assert!(profile.stacks_with("by_calloc").iter().all(|stack| stack.contains(&"main".to_owned())));
        fs::remove_file(&profile.path).unwrap();
    }
}

/// musl does not tell which library an address is in, as glibc does from 2.35 on.
#[test]
fn libraries_that_a_program_with_musl_loads_later_are_known_from_their_first_sample_on() {
    let room = Room::new();
    let path = with_musl(&room, "forked_plugins.c", &[]);
    let plugins = ["plugin_first.c", "plugin_other.c"];
    let plugins = plugins.map(|source| with_musl(&room, source, &["-shared", "-fPIC"]));
    room.run_path(path).args(plugins).args(["in-turn"]).go().well();
    for who in ["parent0", "child0", "child1", "grandchild0", "grandchild1"] {
        let (ledger, name) = left(&room, who, "forked_plugins");
        let profile = room.profile(if who == "parent0" { "out.prof" } else { &name });
        ledger.assert_equals_in(&profile, &COUNTS);
        profile.assert_complete();
        let stacks =
            profile.stacks_with("allocate_first").into_iter().chain(profile.stacks_with("allocate_other"));
        stacks.for_each(|stack| assert!(stack.contains(&"load".to_owned()), "{stack:?}"));
    }
}
