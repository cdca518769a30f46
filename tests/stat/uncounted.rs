//! Who cannot be counted is named, with the reason.

use crate::support::Room;

#[test]
fn a_static_program_is_named() {
    let room = Room::new();
    std::fs::write(room.path("one.c"), "int main(void) { return 3; }").unwrap();
    let built = std::process::Command::new("gcc")
        .args(["-static", "-o"])
        .args([room.path("one"), room.path("one.c")])
        .status();
    assert!(built.unwrap().success());
    let ended = room.stat_path(room.path("one")).go();
    assert_eq!(ended.status(), 3);
    let named = |line: &&str| line.contains("one could not be counted: it is statically linked");
    assert_eq!(ended.said().iter().copied().filter(named).count(), 1, "{ended:?}");
}

#[test]
fn a_program_with_an_allocator_of_its_own_is_named() {
    let room = Room::new();
    let ended = room.stat("own_malloc.c").go();
    let said = ended.said().join("\n");
    assert!(said.contains("could not be counted: it has an allocator of its own"), "{said}");
}

#[test]
fn what_the_program_starts_is_left_out_if_that_is_wanted() {
    let room = Room::new();
    let count = |option: &[&str]| {
        let mut launch = room.stat("counted.c").args(["1", "fork"]);
        for option in option {
            launch = launch.option(option);
        }
        launch.go().well();
        room.counts().all().count()
    };
    assert_eq!((count(&[]), count(&["--children", "none"])), (4, 1));
}

#[test]
fn a_program_that_calls_an_allocator_by_its_own_names_is_named_and_the_rest_of_it_counted() {
    let room = Room::new();
    let said = |source: &str, library: &str| {
        let ended = room.stat(source).args(["1"]).env("LD_PRELOAD", library).go();
        assert_eq!(room.counts().all().count(), 1);
        ended.said().join("\n")
    };
    let named = "could not be counted in full: the numbers leave out what the allocator inside it hands out";
    // Which libraries a program has, can be seen as long as it is there: this one is over in milliseconds.
    let all = (0..50).map(|_| said("inside_mimalloc.c", "")).find(|all| all.contains(named)).expect(named);
    assert!(all.contains("heaptrace run records that"), "{all}");
    // It calls malloc, which is counted, whosever that is.
    for library in ["", "libmimalloc.so.2", "libjemalloc.so.2"] {
        assert!(!said("counted.c", library).contains("in full"), "{library}");
    }
}
