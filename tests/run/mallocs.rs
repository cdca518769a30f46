//! Whose malloc it is: wrappers before and behind ours are seen through, and where the program has
//! another malloc, nothing is recorded and that is said.

use std::path::PathBuf;

use crate::support::{Launch, Room, library, program};

fn preloaded<const N: usize>(launch: Launch, libraries: [PathBuf; N]) -> Launch {
    launch.env("LD_PRELOAD", libraries.map(|path| path.display().to_string()).join(":"))
}

/// Nothing was recorded, and it was said why.
#[track_caller]
fn assert_not_seen(room: &Room, launch: Launch) {
    let ended = launch.go().well();
    assert_eq!(room.profile("out.prof").total("alloc_objects"), 0, "{ended:?}");
    if ended.stderr.contains("next:") {
        assert!(ended.said().iter().any(|line| line.contains("allocator of its own")), "{ended:?}");
    }
}

#[test]
fn a_wrapper_that_looks_its_originals_up_at_their_first_call_is_seen_through() {
    let wrapper = program("wrapper.c");
    let ways: [&dyn Fn(&Room) -> Launch; 3] = [
        &|room| preloaded(room.run("ends.c"), [wrapper.clone()]),
        &|room| preloaded(room.manual("ends.c"), [library(), wrapper.clone()]),
        &|room| preloaded(room.manual("ends.c"), [wrapper.clone(), library()]),
    ];
    for way in ways {
        let room = Room::new();
        let ended = way(&room).go().well();
        ended.ledger().assert_equals(&room.profile("out.prof"));
    }
    for way in [Room::run, Room::manual] {
        let room = Room::new();
        let ended = way(&room, "wraps.c").go().well();
        ended.ledger().assert_equals(&room.profile("out.prof"));
    }
}

#[test]
fn a_free_that_is_handed_on_is_seen_from_its_first_call_on() {
    let room = Room::new();
    let ended = room.run("wraps_free.c").args(["next"]).go().well();
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals(&profile);
    assert_eq!(profile.comment("lost_samples"), "1", "the one in `first`");
}

#[test]
fn a_free_that_is_not_handed_on_is_not_taken_for_leaks() {
    let room = Room::new();
    assert_not_seen(&room, room.run("wraps_free.c").args(["libc"]));
}

#[test]
fn a_malloc_of_the_programs_own_without_all_names_is_not_seen() {
    let room = Room::new();
    assert_not_seen(&room, room.run("own_malloc_only.c"));
}

#[test]
fn an_allocator_that_is_preloaded_before_us_without_all_names_is_not_seen() {
    let room = Room::new();
    let launch = room.manual("aligned.c");
    assert_not_seen(&room, preloaded(launch, [program("own_malloc_library.c"), library()]));
    // Behind us, it is.
    let room = Room::new();
    let launch = room.manual("aligned.c");
    preloaded(launch, [library(), program("own_malloc_library.c")]).go().well();
    assert!(room.profile("out.prof").under("main", "alloc_objects") >= 2000);
}

/// The debugging library has only the versions of the names that programs were linked with once.
#[test]
fn glibcs_checking_malloc_checks() {
    let checked = |launch: Launch| launch.env("MALLOC_CHECK_", "3").go();
    let debugging = PathBuf::from("libc_malloc_debug.so.0");
    let room = Room::new();
    assert_eq!(room.bare("overruns.c").go().status(), 5);
    assert_eq!(checked(preloaded(room.bare("overruns.c"), [debugging.clone()])).status(), 134);
    assert_eq!(checked(preloaded(room.run("overruns.c"), [debugging.clone()])).status(), 134);
    assert_eq!(checked(preloaded(room.manual("overruns.c"), [library(), debugging])).status(), 134);
}
