//! Stacks are complete, whoever allocates wherever, and taking them costs the program no stack.

use std::process::Command;

use crate::support::{HEAPTRACE, Room};

#[test]
fn a_deep_recursion_is_complete() {
    let room = Room::new();
    room.run("deep.c").go().well();
    let profile = room.profile("out.prof");
    let stacks = profile.stacks_with("descend");
    assert_eq!(stacks.len(), 1);
    assert_eq!(stacks[0].iter().filter(|name| *name == "descend").count(), 1000);
    assert_eq!(profile.under("main", "alloc_objects"), 100);
    profile.assert_rooted();
}

#[test]
fn a_recursion_too_deep_for_a_profile_has_its_ends_and_is_counted() {
    let room = Room::new();
    room.run("deep.c").args(["20000"]).go().well();
    let profile = room.profile("out.prof");
    let stacks = profile.stacks_with("descend");
    assert_eq!(stacks.len(), 1);
    assert_eq!((stacks[0].len(), stacks[0][1024].as_str()), (2049, "…"));
    assert_eq!(stacks[0].last().unwrap(), "_start");
    assert_eq!(profile.under("main", "alloc_objects"), 100);
    assert_eq!(profile.count("truncated_stacks"), 100);
}

/// As solvers and Fortran programs have them.
#[test]
fn a_frame_of_many_megabytes_is_unwound() {
    for megabytes in [2, 6, 50] {
        let room = Room::new();
        let unlimited = || {
            let limit = libc::rlimit { rlim_cur: 64 << 20, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: the kernel reads the limit.
            unsafe { libc::setrlimit(libc::RLIMIT_STACK, &limit) };
        };
        room.run("large_frame.c").args([megabytes.to_string()]).before_exec(unlimited).go().well();
        let profile = room.profile("out.prof");
        assert_eq!(profile.under("solve", "alloc_objects"), 200, "{megabytes} MiB");
        assert_eq!(profile.under("main", "alloc_objects") / 100, 1, "{megabytes} MiB");
        profile.assert_rooted();
    }
}

#[test]
fn the_smallest_stacks_of_threads_handlers_and_coroutines_suffice() {
    let room = Room::new();
    let ended = room.run("small_stacks.c").go().well();
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals(&profile);
    profile.assert_complete();
    for stack in profile.stacks_with("in_small_thread") {
        assert!(stack.iter().any(|name| name == "start_thread"), "{stack:?}");
    }
    // Below a handler is what it interrupted.
    for stack in profile.stacks_with("in_handler") {
        assert!(stack.iter().any(|name| name == "main"), "{stack:?}");
    }
}

/// A sampled malloc uses so many bytes of its caller's stack at most, where glibc's own uses some
/// hundreds. The unwinder has a stack of its own.
#[test]
fn a_sampled_call_uses_little_of_its_callers_stack() {
    const LIMIT: i64 = 1024;
    let room = Room::new();
    let bytes = |launch: crate::support::Launch| {
        let text = launch.go().well().text();
        text.split_whitespace().map(|word| word.parse().unwrap()).collect::<Vec<i64>>()
    };
    let (bare, sampled) = (bytes(room.bare("painted.c")), bytes(room.run("painted.c")));
    println!(
        "bytes of stack used by a first malloc, a later one, a free: {bare:?} bare, {sampled:?} sampled"
    );
    for (bare, sampled) in bare.iter().zip(&sampled) {
        assert!(sampled - bare < LIMIT, "{sampled} sampled, {bare} bare");
    }
}

#[test]
fn exceptions_and_longjmp_through_allocating_functions_change_nothing() {
    let room = Room::new();
    room.run("throws.cpp").go().well();
    let profile = room.profile("out.prof");
    assert_eq!(profile.under("after_all", "inuse_objects"), 1000);
    assert_eq!(profile.under("allocate_and_jump", "inuse_objects"), 2100);
    assert_eq!(profile.under("allocate_and_throw", "inuse_objects"), 0);
    profile.assert_rooted();
}

#[test]
fn where_nothing_tells_how_to_unwind_samples_are_truncated_but_counted() {
    let room = Room::new();
    let ended = room.run("no_tables.c").go().well();
    let profile = room.profile("out.prof");
    assert_eq!(profile.total("alloc_objects"), profile.count("samples"));
    let ledger = ended.ledger();
    ledger.assert_equals(&profile);
    assert!(profile.count("truncated_stacks") >= 1000 || profile.under("main", "alloc_objects") >= 1000);
}

#[test]
fn frames_that_are_hard_to_unwind_are_unwound() {
    let room = Room::new();
    room.run("frames.c").go().well();
    let profile = room.profile("out.prof");
    assert_eq!(profile.under("keep", "alloc_objects"), 100);
    for stack in profile.stacks_with("keep") {
        let expected = ["keep", "realigned", "with_alloca", "with_array", "with_frame_pointer", "main"];
        assert_eq!(stack[..6], expected);
        assert_eq!(stack.last().unwrap(), "_start");
    }
}

#[test]
fn rust_and_cpp_programs_have_rooted_stacks_with_their_names() {
    let room = Room::new();
    let ended = room.run("vectors.rs").go().well();
    assert_eq!(ended.text(), "6000\n");
    let profile = room.profile("out.prof");
    profile.assert_rooted();
    for function in ["vectors::words", "vectors::count"] {
        assert!(profile.under(function, "alloc_objects") >= 6000, "{function}");
    }
}

/// What the standard libraries allocate counts for the function that was asked: one that has a name in
/// their documentation, or the program's own.
#[test]
fn standard_libraries_plumbing_has_no_share_of_its_own() {
    let cases = [
        (
            "askers.rs",
            &[
                "Vec<T,A>::push",
                "Vec<T,A>::reserve",
                "HashMap<K,V,S,A>::insert",
                "VecDeque<T,A>::push_back",
                "alloc::boxed::Box<T>::new",
            ][..],
        ),
        (
            "askers.cpp",
            &[
                "std::vector<int, std::allocator<int> >::reserve",
                "std::vector<int, std::allocator<int> >::vector",
            ],
        ),
    ];
    for (source, askers) in cases {
        let room = Room::new();
        room.run(source).rate("1").go().well();
        let mut report = Command::new(HEAPTRACE);
        report.args(["report", "-s", "alloc_space", "-n", "0", "--json"]).arg(room.path("out.prof"));
        let report: serde_json::Value = serde_json::from_slice(&report.output().unwrap().stdout).unwrap();
        let rows =
            report["rows"].as_array().unwrap().iter().filter(|row| row["flat"].as_f64().unwrap() > 0.0);
        let names: Vec<&str> = rows.map(|row| row["name"].as_str().unwrap()).collect();
        for asker in askers {
            assert!(names.iter().any(|name| name.ends_with(asker)), "no {asker} in {names:#?}");
        }
        let plumbing = [
            "raw_vec",
            "hashbrown::raw",
            "btree::node",
            "finish_grow",
            "_M_allocate",
            "_M_get_node",
            "_M_mutate",
            "::allocate",
        ];
        // It makes an element too, which may allocate by itself.
        let plumbing = |name: &&&str| {
            plumbing.iter().any(|part| name.contains(part)) && !name.contains("_M_allocate_node<")
        };
        assert_eq!(names.iter().find(plumbing), None);
    }
}

#[test]
fn stacks_that_makecontext_began_are_whole() {
    let room = Room::new();
    assert_eq!(room.run("contexts.c").go().well().text(), "done\n");
    let profile = room.profile("out.prof");
    assert_eq!(profile.under("work", "alloc_objects"), 100);
    assert_eq!(profile.count("truncated_stacks"), 0);
}

#[test]
fn the_systems_own_programs_have_rooted_stacks() {
    for (path, arguments) in [
        ("/bin/ls", &["-laR", "/etc"][..]),
        ("/usr/bin/env", &[]),
        ("/bin/bash", &["-c", "x=(1 2 3); echo ${x[@]} | cat"]),
    ] {
        let room = Room::new();
        room.run_path(path).args(arguments).go();
        let profile = room.profile("out.prof");
        profile.assert_rooted();
        profile.assert_complete();
    }
}
