//! Allocators inside programs: linked in, or called by names of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use crate::estimates::Runs;
use crate::support::wanted::wanted;
use crate::support::{Launch, Room, library, program};

const EXACT: [&str; 4] = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];

/// Those of tests/programs/global_allocator.
const GLOBAL_ALLOCATORS: [&str; 5] = ["system", "jemalloc", "mimalloc", "rpmalloc", "snmalloc"];

const PROGRAMS: [&str; 3] = ["inside_jemalloc.c", "inside_tcmalloc.c", "inside_mimalloc.c"];

/// Allocators of libraries,
const PRELOADED: [&str; 3] = ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"];

/// and programs that are linked with them.
const DYNAMIC: [&str; 3] = ["dynamic_jemalloc.c", "dynamic_tcmalloc.c", "dynamic_mimalloc.c"];

/// Programs with operators of an allocator that is linked in.
const NEWS: [&str; 2] = ["news_jemalloc.cpp", "news_tcmalloc.cpp"];

/// The program of tests/programs/global_allocator with one of its allocators, built once.
fn global_allocator(name: &str) -> PathBuf {
    static BUILT: [OnceLock<PathBuf>; GLOBAL_ALLOCATORS.len()] =
        [const { OnceLock::new() }; GLOBAL_ALLOCATORS.len()];
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let built = &BUILT[GLOBAL_ALLOCATORS.iter().position(|known| *known == name).unwrap()];
    let build = || {
        let _one = ONE_AT_A_TIME.lock();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs/global_allocator");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("global_allocator").join(name);
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(folder).args(["build", "--quiet", "--locked", "--features", name, "--target-dir"]);
        let output = cargo.arg(&target).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug/global_allocator")
    };
    built.get_or_init(build).clone()
}

/// Output and status are as bare, and the profile is the account that the program keeps.
#[track_caller]
fn assert_exact(path: &Path) {
    assert_exact_with(path, "");
}

/// As [`assert_exact`], with a library preloaded.
#[track_caller]
fn assert_exact_with(path: &Path, preloaded: &str) {
    let bare = with(Room::new().bare_path(path), preloaded).go().well();
    let after_ours = format!("{} {preloaded}", library().display());
    let ways: [&dyn Fn(&Room) -> Launch; 2] =
        [&|room| with(room.run_path(path), preloaded), &|room| with(room.manual_path(path), &after_ours)];
    for way in ways {
        let room = Room::new();
        let ended = way(&room).go().well();
        assert_eq!(ended.text(), bare.text());
        let profile = room.profile("out.prof");
        ended.ledger().assert_equals_in(&profile, &EXACT);
        profile.assert_complete();
        profile.assert_rooted();
    }
}

fn with(launch: Launch, preloaded: &str) -> Launch {
    if preloaded.is_empty() { launch } else { launch.env("LD_PRELOAD", preloaded) }
}

#[test]
fn allocators_of_libraries_are_counted_exactly_preloaded_and_linked_with() {
    PRELOADED.iter().for_each(|library| assert_exact_with(&program("inside_plain.c"), library));
    DYNAMIC.iter().for_each(|source| assert_exact(&program(source)));
}

#[test]
fn allocators_that_are_linked_in_or_called_by_their_names_are_counted_exactly() {
    PROGRAMS.iter().for_each(|source| assert_exact(&program(source)));
}

#[test]
fn global_allocators_of_rust_are_counted_exactly() {
    GLOBAL_ALLOCATORS.iter().for_each(|name| assert_exact(&global_allocator(name)));
}

#[test]
fn objects_from_new_are_counted_exactly_where_an_allocator_is_linked_in() {
    for source in NEWS {
        let bare = Room::new().bare(source).args(["exhaust"]).go().well();
        let room = Room::new();
        let ended = room.run(source).args(["exhaust"]).go().well();
        assert_eq!(ended.text(), bare.text());
        let profile = room.profile("out.prof");
        ended.ledger().assert_equals_in(&profile, &EXACT);
        profile.assert_complete();
    }
}

/// Functions of an allocator call each other: what is counted twice at each would be twice the truth. The
/// bound is that of `the_mean_over_seeds_is_the_truth_for_each_function`.
#[track_caller]
fn assert_means(path: &Path, preloaded: &str) {
    println!("{} {preloaded}", path.display());
    let runs = Runs::of(16 << 10, 24, |room| with(room.run_path(path), preloaded).args(["steady"]));
    runs.assert_means(&["alloc_space", "alloc_objects", "inuse_space"]);
}

#[test]
fn the_mean_over_seeds_is_the_truth_with_every_allocator_of_a_library() {
    [""].iter().chain(&PRELOADED).for_each(|library| assert_means(&program("inside_plain.c"), library));
    DYNAMIC.iter().for_each(|source| assert_means(&program(source), ""));
}

#[test]
fn the_mean_over_seeds_is_the_truth_with_every_allocator_inside() {
    PROGRAMS.iter().for_each(|source| assert_means(&program(source), ""));
    GLOBAL_ALLOCATORS.iter().for_each(|name| assert_means(&global_allocator(name), ""));
}

#[test]
fn the_mean_over_seeds_is_the_truth_for_objects_from_new() {
    [""].iter().chain(&PRELOADED).for_each(|library| assert_means(&program("news.cpp"), library));
    NEWS.iter().for_each(|source| assert_means(&program(source), ""));
}

#[test]
fn the_mean_over_seeds_is_the_truth_where_names_are_made_of_others() {
    let library = program("names_that_nest.c");
    assert_means(&program("inside_plain.c"), library.to_str().unwrap());
}

#[test]
fn functions_that_begin_in_unusual_ways_are_patched_or_left_alone_and_named() {
    assert_exact(&program("handmade.c"));
    let room = Room::new();
    let ended = room.run("handmade.c").go().well();
    let named = "allocates by hm_pvalloc (something jumps into its first bytes) is not seen";
    assert!(ended.said().iter().any(|line| line.ends_with(named)), "{ended:?}");
}

#[test]
fn children_are_seen_inside_too() {
    let room = Room::new();
    let child = program("inside_jemalloc.c");
    let script = format!("{}; exit 0", child.display());
    let ended = room.run_path("sh").args(["-c", &script]).go().well();
    let profiles = room.profiles("out.inside_jemalloc.");
    assert_eq!(profiles.len(), 1, "{:?}", room.files());
    ended.ledger().assert_equals_in(&profiles[0], &EXACT);
}

#[test]
fn symbols_in_a_separate_debug_file_are_found_by_build_id() {
    let room = Room::new();
    let path = room.path("stripped");
    fs::copy(program("handmade.c"), &path).unwrap();
    let objcopy = |arguments: &[&str]| {
        let status = Command::new("objcopy").current_dir(room.path("")).args(arguments).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    };
    objcopy(&["--only-keep-debug", "stripped", "stripped.debug"]);
    objcopy(&["--strip-all", "stripped"]);
    let ended = room.run_path(&path).go().well();
    assert_eq!(room.profile("out.prof").total("alloc_objects"), 0, "{ended:?}");
    objcopy(&["--add-gnu-debuglink=stripped.debug", "stripped"]);
    let ended = room.run_path(&path).go().well();
    ended.ledger().assert_equals_in(&room.profile("out.prof"), &EXACT);
}

/// Which is shown by what becomes of the program when there is nothing in it any more.
#[test]
fn a_plan_of_an_earlier_session_is_followed() {
    let room = Room::new();
    let run = || {
        let launch = room.run("inside_jemalloc.c").env("XDG_CACHE_HOME", room.path("cache"));
        (launch.go().well().ledger(), room.profile("out.prof"))
    };
    for _ in ["made", "read back"] {
        let (ledger, profile) = run();
        ledger.assert_equals_in(&profile, &EXACT);
    }
    let kept = fs::read_dir(room.path("cache/heaptrace/kept")).unwrap().map(|entry| entry.unwrap().path());
    let plan = kept.into_iter().find(|path| path.extension().is_some_and(|it| it == "program")).unwrap();
    let text = fs::read_to_string(&plan).unwrap();
    let (head, json) = text.split_once('\n').unwrap();
    let mut content: serde_json::Value = serde_json::from_str(json).unwrap();
    content["value"]["patches"].as_array_mut().unwrap().clear();
    let json = content.to_string();
    let mut checksum = flate2::Crc::new();
    checksum.update(json.as_bytes());
    let magic = head.split_once(' ').unwrap().0;
    fs::write(&plan, format!("{magic} {:08x}\n{json}", checksum.sum())).unwrap();
    assert_eq!(run().1.total("alloc_objects"), 0);
}

fn assert_unseen(room: &Room, launch: Launch, reason: Option<&str>) {
    let ended = launch.go().well();
    assert!(ended.text().contains("marked alloc_objects 2000"), "{ended:?}");
    assert_eq!(room.profile("out.prof").total("alloc_objects"), 0);
    let said = |reason: &str| ended.said().iter().any(|line| line.contains(reason));
    assert!(reason.is_none_or(said), "{ended:?}");
}

#[test]
fn nothing_is_patched_where_nobody_wants_it() {
    let room = Room::new();
    assert_unseen(&room, room.run("handmade.c").option("--no-patch"), None);
    let room = Room::new();
    assert_unseen(&room, room.manual("handmade.c").env("HEAPTRACE_PATCH", "none"), None);
}

#[test]
fn where_code_may_not_be_changed_that_is_said() {
    let path = program("handmade.c");
    if wanted("PR_SET_MDWE", Room::new().bare("forbids.c").args([&path]).go().status() == 0) {
        let room = Room::new();
        assert_unseen(&room, room.run("forbids.c").args([&path]), Some("code may not be changed here"));
    }
}
