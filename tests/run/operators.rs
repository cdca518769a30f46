//! Objects that C++ makes by `new` are seen, once, whichever allocator makes them.

use std::path::PathBuf;

use crate::support::{Launch, Room, program};

/// Allocators that define operator new, by the names of their libraries.
const ALLOCATORS: [&str; 3] = ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"];
const FIRST_VALUES: [&str; 4] = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];

fn preloaded(launch: Launch, library: &str) -> Launch {
    if library.is_empty() { launch } else { launch.env("LD_PRELOAD", library) }
}

#[test]
fn all_forms_of_new_are_counted_once_and_fail_as_they_do_bare() {
    for allocator in [""].into_iter().chain(ALLOCATORS) {
        // Debian's mimalloc, compiled as C, cannot throw and aborts.
        let arguments: &[&str] = if allocator.contains("mimalloc") { &[] } else { &["exhaust"] };
        let bare = preloaded(Room::new().bare("news.cpp"), allocator).args(arguments).go().well();
        let room = Room::new();
        let ended = preloaded(room.run("news.cpp"), allocator).args(arguments).go().well();
        assert_eq!(ended.text(), bare.text(), "{allocator}");
        let profile = room.profile("out.prof");
        ended.ledger().assert_equals_in(&profile, &FIRST_VALUES);
        profile.assert_complete();
        let launch = room.run("news.cpp").rate("64KiB").args(arguments);
        let ended = preloaded(launch, allocator).go().well();
        assert_eq!(ended.text(), bare.text(), "{allocator}");
    }
}

#[test]
fn stacks_begin_where_an_allocator_was_asked_for_an_object() {
    for allocator in ALLOCATORS {
        let room = Room::new();
        preloaded(room.run("news.cpp"), allocator).go().well();
        let profile = room.profile("out.prof");
        let of_form = |form: &str| {
            let leaf = move |stack: &Vec<String>| stack.first().is_some_and(|name| name == form);
            profile
                .samples
                .iter()
                .filter(move |sample| leaf(&sample.stack))
                .map(|sample| sample.values[0])
                .sum::<i64>()
        };
        for form in ["plain", "array_nothrow", "by_c"] {
            assert_eq!(of_form(form), 600, "{allocator} {form}");
        }
    }
}

/// 100 MiB each: at 64 KiB 1,600 samples, so that 5 standard deviations are 12.5%.
#[test]
fn sampled_objects_are_counted_once() {
    let nested = program("new_by_malloc.cpp");
    let libraries = ["", &nested.display().to_string()].map(str::to_owned).into_iter();
    for allocator in libraries.chain(ALLOCATORS.map(str::to_owned)) {
        let room = Room::new();
        let launch = room.run("many_news.cpp").rate("64KiB").option("--seed").option("7").option("-q");
        preloaded(launch, &allocator).go().well();
        let profile = room.profile("out.prof");
        for function in ["by_new", "by_c"] {
            let (made, kept) =
                (profile.under(function, "alloc_objects"), profile.under(function, "inuse_objects"));
            assert!((350_000..450_000).contains(&made), "{allocator} {function}: {made}");
            assert!((0..12_000).contains(&kept), "{allocator} {function}: {kept} kept");
        }
    }
}

#[test]
fn an_allocator_that_is_linked_is_seen_too() {
    let room = Room::new();
    let source = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/programs/news.cpp"));
    for allocator in ALLOCATORS {
        let mut compiler = std::process::Command::new("g++");
        compiler.args(["-g", "-O1", "-fno-builtin", "-fno-optimize-sibling-calls"]).arg(&source);
        let program = room.path("news");
        assert!(compiler.arg(format!("-l:{allocator}")).arg("-o").arg(&program).status().unwrap().success());
        let ended = room.manual_path(&program).go().well();
        ended.ledger().assert_equals_in(&room.profile("out.prof"), &FIRST_VALUES);
    }
}

/// A name that nobody else has is not to be found in the library either.
#[test]
fn names_that_have_no_original_are_not_found() {
    let bare = Room::new().bare("finds.c").go().well();
    for launch in [Room::new().run("finds.c"), Room::new().manual("finds.c")] {
        assert_eq!(launch.go().well().text(), bare.text());
    }
    assert!(bare.text().contains("_Znwm: no"), "{bare:?}");
}

/// What it costs a call where libstdc++ is below.
#[test]
fn a_hook_of_an_operator_is_one_jump_once_the_program_runs() {
    for launch in [
        Room::new().run("operators.cpp"),
        Room::new().manual("operators.cpp"),
        Room::new().stat("operators.cpp"),
    ] {
        let ended = launch.go().well();
        assert_eq!(ended.text().matches(" memory\n").count(), 20, "{ended:?}");
    }
}

/// It is one jump more then.
#[test]
fn hooks_of_operators_work_where_a_page_of_code_cannot_be_moved() {
    let (denies, sandboxed) = (program("denies.c"), program("operators.cpp"));
    let arguments = |program: &PathBuf| {
        let call = libc::SYS_mremap.to_string();
        [libc::EPERM.to_string().into(), call.into(), "--".into(), program.clone().into_os_string()]
    };
    let ended = Room::new().run_path(&denies).args(arguments(&sandboxed)).go().well();
    assert_eq!(ended.text().matches(" code\n").count(), 20, "{ended:?}");
    for allocator in [""].into_iter().chain(ALLOCATORS) {
        let room = Room::new();
        let launch = room.run_path(&denies).args(arguments(&program("news.cpp")));
        let ended = preloaded(launch, allocator).go().well();
        ended.ledger().assert_equals_in(&room.profile("out.prof"), &FIRST_VALUES);
    }
}
