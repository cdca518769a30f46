//! Programs that are compared: what is said of a difference that is known.

use crate::support::{Counts, Room, program};

fn compared(runs: &str, before: [&str; 2], after: [&str; 2]) -> Counts {
    let room = Room::new();
    let path = program("allocates.c");
    let path = path.to_str().unwrap();
    let options = ["--runs", runs, "--no-stacks", "--json", "out.json", "--vs", path, before[0], before[1]];
    room.stat("allocates.c").options(options).args(after).go().well();
    room.counts()
}

const EXACT: [&str; 5] = ["allocs", "bytes", "frees", "inuse_bytes", "peak_bytes"];

#[test]
fn the_same_program_does_not_differ_in_what_is_exact() {
    let counts = compared("5", ["5000", "100"], ["5000", "100"]);
    assert_eq!(EXACT.map(|name| counts.verdict(name)), ["same"; 5]);
}

#[test]
fn one_call_in_a_million_is_a_change() {
    let counts = compared("3", ["1000000", "100"], ["1000001", "100"]);
    assert_eq!(EXACT.map(|name| counts.verdict(name)), ["changed", "changed", "changed", "same", "same"]);
}

#[test]
fn a_twentieth_of_the_bytes_is_a_change() {
    let counts = compared("3", ["1000", "1000"], ["1000", "1050"]);
    let [allocs, bytes, frees, in_use, peak] = EXACT.map(|name| counts.verdict(name));
    assert_eq!([allocs, bytes, frees, in_use, peak], ["same", "changed", "same", "same", "changed"]);
}

#[test]
fn one_run_of_each_tells_nothing_for_sure() {
    let counts = compared("1", ["1000", "100"], ["2000", "100"]);
    assert_eq!(EXACT.map(|name| counts.verdict(name)), ["unknown"; 5]);
}

#[test]
fn a_file_of_before_is_as_good_as_the_program() {
    let room = Room::new();
    let stat = |options: &[&str], calls: &str| {
        room.stat("allocates.c").options(options).args([calls, "100"]).go().well()
    };
    stat(&["--runs", "4", "--json", "base.json"], "1000");
    let ended = stat(&["--runs", "4", "--baseline", "base.json", "--json", "out.json"], "1100");
    assert_eq!(room.counts().verdict("allocs"), "changed");
    let line = ended.said().into_iter().find(|line| line.starts_with("allocations")).unwrap().to_owned();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words, ["allocations", "1,000", "1,100", "+10.00%", "exact"]);
}

/// Two programs that differ in one function.
#[test]
fn the_stacks_that_differ_are_named() {
    let room = Room::new();
    let build = |name: &str, calls: u32| {
        let text = format!(
            "#include <stdlib.h>\nvoid *volatile kept;\n__attribute__((noinline)) void common(void) {{ for (int i = 0; \
             i < 100; i++) free(kept = malloc(10)); }}\n__attribute__((noinline)) void parses(void) {{ for (int i = \
             0; i < {calls}; i++) free(kept = malloc(20)); }}\nint main(void) {{ common(); parses(); return 0; }}\n"
        );
        std::fs::write(room.path("program.c"), text).unwrap();
        let built = std::process::Command::new("gcc")
            .args(["-g", "-O1", "-fno-builtin", "-o"])
            .args([room.path(name), room.path("program.c")])
            .status();
        assert!(built.unwrap().success());
        room.path(name)
    };
    let (before, after) = (build("before", 300), build("after", 712));
    let options = ["--runs", "3", "--vs", before.to_str().unwrap()];
    let ended = room.stat_path(&after).options(options).go().well();
    let said = ended.said();
    let at = said.iter().position(|line| line.starts_with("allocations differ here")).unwrap();
    let named = said[at + 1].trim_start();
    assert!(named.starts_with("+412 parses (") && named.ends_with(":4) < main"), "{ended:?}");
    assert!(!ended.stderr.contains("common"), "{ended:?}");
}
