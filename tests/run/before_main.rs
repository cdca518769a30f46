//! What happens in a program before its `main` happens under heaptrace too, and what of it could not
//! be recorded is said.

use crate::support::{Launch, Room, program};

/// Its output and status are the bare program's, under `run` and in manual mode.
#[track_caller]
fn assert_same(launch: impl Fn(&Room, How) -> Launch) {
    let bare = launch(&Room::new(), How::Bare).go();
    for how in [How::Run, How::Manual] {
        let ended = launch(&Room::new(), how).go();
        assert_eq!((ended.status(), ended.text()), (bare.status(), bare.text()), "{how:?}: {ended:?}");
    }
}

#[derive(Debug, Clone, Copy)]
enum How {
    Bare,
    Run,
    Manual,
}

impl How {
    fn launch(self, room: &Room, source: &str) -> Launch {
        match self {
            How::Bare => room.bare(source),
            How::Run => room.run(source),
            How::Manual => room.manual(source),
        }
    }
}

#[test]
fn resolvers_of_functions_may_use_memory_before_the_library_is_relocated() {
    program("resolver.c"); // which it is linked with
    assert_same(|room, how| how.launch(room, "resolves.c"));
    assert_same(|room, how| how.launch(room, "resolves.c").env("LD_BIND_NOW", "1"));
    assert_same(|room, how| how.launch(room, "resolves_itself.c"));
    let room = Room::new();
    let ended = room.run("resolves.c").env("LD_BIND_NOW", "1").go().well();
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals_in(&profile, &["alloc_objects", "inuse_objects"]);
    // Five calls, and the one of realloc that glibc's reallocarray makes.
    assert_eq!(profile.comment("lost_samples"), "6");
    assert!(ended.said().iter().any(|line| line.contains("before recording could begin")), "{ended:?}");
}

#[test]
fn resolvers_of_functions_may_make_objects_before_the_library_is_relocated() {
    program("resolver_news.cpp"); // which it is linked with
    assert_same(|room, how| how.launch(room, "resolves_news.cpp"));
    assert_same(|room, how| how.launch(room, "resolves_news.cpp").env("LD_BIND_NOW", "1"));
    let room = Room::new();
    let ended = room.run("resolves_news.cpp").go().well();
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals_in(&profile, &["alloc_objects", "inuse_objects"]);
    assert_eq!(profile.comment("lost_samples"), "8");
}

#[test]
fn what_is_allocated_before_the_library_is_initialized_counts_as_lost() {
    program("initfirst.c"); // which it is linked with
    let room = Room::new();
    let ended = room.run("preinit.c").go().well();
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals(&profile);
    assert_eq!(profile.comment("lost_samples"), "1100");
    assert!(!ended.said().iter().any(|line| line.contains("none lost")), "{ended:?}");
    // At the default rate those would have been two samples.
    let room = Room::new();
    room.run("preinit.c").rate("512KiB").go().well();
    assert_eq!(room.profile("out.prof").comment("lost_samples"), "2");
}

#[test]
fn an_allocator_is_first_called_when_it_would_be_without_us() {
    program("configured.c"); // which it is linked with
    assert_same(|room, how| how.launch(room, "uses_configured.c").env("SETTING", "as set"));
}

#[test]
fn the_auxiliary_vector_follows_the_environment() {
    assert_same(|room, how| how.launch(room, "behind_environ.c"));
}
