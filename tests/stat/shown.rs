//! The forms in which numbers are shown.

use std::fs;

use crate::support::Room;

/// 1000 allocations, of 100 operations.
fn shown(options: &[&str]) -> String {
    let room = Room::new();
    let launch = room.stat("allocates.c").args(["1000", "100"]);
    let options = options.iter().chain(&["--per", "100", "-o", "out.txt"]);
    let launch = options.fold(launch, |launch, option| launch.option(option));
    let ended = launch.go().well();
    assert_eq!(ended.stderr, "");
    fs::read_to_string(room.path("out.txt")).unwrap()
}

#[test]
fn text_has_the_families_and_the_sizes() {
    let text = shown(&[]);
    let line = |start: &str| text.lines().find(|line| line.trim_start().starts_with(start)).unwrap();
    assert_eq!(line("malloc ").split_whitespace().collect::<Vec<_>>(), ["malloc", "1,000", "97.66kB", "0"]);
    assert!(line("64B to 127B").contains("1,000  100.0%"), "{text}");
}

#[test]
fn several_runs_show_what_is_exact() {
    let text = shown(&["--runs", "3"]);
    let line = |start: &str| text.lines().find(|line| line.trim_start().starts_with(start)).unwrap();
    assert_eq!(
        line("allocations/op").split_whitespace().collect::<Vec<_>>(),
        ["allocations/op", "10", "exact"]
    );
    assert!(line("time/op").contains("median"), "{text}");
}

#[test]
fn gos_benchmark_format_has_a_line_for_each_run() {
    let text = shown(&["--runs", "3", "--bench"]);
    let runs: Vec<_> = text.lines().filter(|line| line.starts_with("BenchmarkAllocates 100 ")).collect();
    assert_eq!(runs.len(), 3, "{text}");
    assert!(runs.iter().all(|run| run.contains(" 10 allocs/op 1000 B/op ")), "{text}");
    assert!(text.contains("\nUnit allocs/op assume=exact better=lower\n"), "{text}");
}

#[test]
fn markdown_is_a_table() {
    let text = shown(&["--markdown"]);
    assert!(text.contains("\n| allocations/op | 10 |\n"), "{text}");
    assert!(text.lines().all(|line| line.starts_with('|') && line.ends_with('|')), "{text}");
}
