//! What a program reads of its own counts: by the header for C, and by the crate.

use std::process::Command;

use crate::support::{HEAPTRACE, Room};

#[test]
fn a_program_in_c_reads_its_own_counts_and_none_if_it_is_bare() {
    let room = Room::new();
    assert_eq!(room.bare("asks.c").go().well().text(), "bare 0\n");
    assert_eq!(room.stat("asks.c").go().well().text(), "20 3000 20 10 1\n");
}

const CHILD: &str = "HEAPTRACE_TEST_OF_CLIENT";

/// Run once more by the next test, under `heaptrace stat`.
#[test]
fn counts_of_a_rust_program() {
    let before = heaptrace_client::thread_counts();
    let blocks = std::hint::black_box(vec![vec![0u8; 100]; 3]);
    let after = heaptrace_client::thread_counts();
    drop(blocks);
    if std::env::var_os(CHILD).is_some() {
        let counts = after.unwrap() - before.unwrap();
        assert!((4..=5).contains(&counts.allocations), "{counts:?}"); // the vector, its three, and the one cloned
        assert!(heaptrace_client::process_counts().unwrap().allocations >= 4);
    } else {
        assert_eq!((before, after), (None, None));
    }
}

#[test]
fn a_program_in_rust_reads_its_own_counts() {
    let room = Room::new();
    let test = std::env::current_exe().unwrap();
    let ran = Command::new(HEAPTRACE)
        .args(["stat", "-o"])
        .arg(room.path("out.txt"))
        .arg("--")
        .arg(test)
        .args(["--exact", "client::counts_of_a_rust_program"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert!(String::from_utf8_lossy(&ran.stdout).contains("1 passed"), "{ran:?}");
}

#[test]
fn a_criterion_benchmark_shows_allocations_and_bytes_for_each_operation() {
    let room = Room::new();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let bench = ["bench", "--offline", "--profile", "dev", "-p", "heaptrace-client", "--bench", "criterion"];
    let ran = |command: &mut Command| {
        let ran = command.args(bench).args(["--", "--quick"]).current_dir(root);
        let ran = ran.env("CRITERION_HOME", room.path("criterion")).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    let bare = ran(&mut Command::new(env!("CARGO")));
    assert!(bare.contains("with_capacity") && !bare.contains("allocs/op"), "{bare}");
    let counted = ran(Command::new(HEAPTRACE).args(["stat", "--"]).arg(env!("CARGO")));
    let counts = |name: &str| {
        let line = counted.lines().find(|line| line.starts_with(name) && line.contains("counts: "));
        line.unwrap_or_else(|| panic!("{counted}")).split_once("counts: ").unwrap().1
    };
    // 4, 8, 16, … 128 numbers of 4 bytes; and 100 at once.
    assert_eq!(counts("push"), "6 allocs/op, 1008 B/op");
    assert_eq!(counts("with_capacity"), "1 allocs/op, 400 B/op");
}

#[test]
fn a_google_benchmark_shows_allocations_and_bytes_for_each_operation() {
    let room = Room::new();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../preload/client/examples/google_benchmark.cpp");
    let built = Command::new("g++")
        .args(["-O1", "-std=c++17", source, "-lbenchmark", "-pthread", "-o"])
        .arg(room.path("strings"))
        .status()
        .unwrap();
    assert!(built.success(), "Debian has libbenchmark-dev");
    let text = room.stat_path(room.path("strings")).args(["--benchmark_min_time=0.001"]).go().well().text();
    let counters = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
        line.split_whitespace().filter(|word| word.contains("/op=")).map(str::to_owned).collect::<Vec<_>>()
    };
    // 1, 2, 4, … 128 numbers of 4 bytes; and 100 at once.
    assert_eq!(counters("push_back "), ["B/op=1020", "allocs/op=8"]);
    assert_eq!(counters("reserved "), ["B/op=400", "allocs/op=1"]);
    let bare = room.bare_path(room.path("strings")).args(["--benchmark_min_time=0.001"]).go().well().text();
    assert!(!bare.contains("/op"), "{bare}");
}
