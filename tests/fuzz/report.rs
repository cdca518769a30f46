//! Any bytes as a profile to report on: they are refused, or every view can be shown of them.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use clap::Parser;
use heaptrace_report::{Args, Output, show};
use libfuzzer_sys::fuzz_target;

#[derive(Parser)]
struct Report {
    #[command(flatten)]
    args: Args,
}

/// Arguments that lead through all views and filters.
const ARGUMENTS: [&[&str]; 16] = [
    &["--cum", "-n", "0", "--divide-by", "3"],
    &["--tree", "--granularity", "lines", "--no-inlines"],
    &["--peek", ".", "--granularity", "addresses"],
    &["--list", "."],
    &["--traces", "--tag-hide", "b"],
    &["--tags", "--tag-focus", "1kb:"],
    &["--folded", "--granularity", "files"],
    &["--json", "--focus", "a", "--ignore", "b", "--relative-percentages"],
    &["--json", "--hide", "a", "--show", "[a-z]", "--drop-negative"],
    &["--json", "--show-from", "a", "--prune-from", "b"],
    &["--dot", "-s", "0"],
    &["--raw"],
    &["--proto", "--hide", "a"],
    &["--callgrind"],
    &["--flamegraph", "/dev/null"],
    &["--html", "/dev/null"],
    &["--normalize", "--diff-base", FILE, FILE],
];
/// In memory. Only one process at a time can use it.
const FILE: &str = "/dev/shm/heaptrace-fuzz-report";

static REPORTS: LazyLock<Vec<Args>> = LazyLock::new(|| {
    let all = ARGUMENTS.iter().map(|arguments| [&["report"], *arguments, &[FILE]].concat());
    all.map(|arguments| Report::try_parse_from(arguments).unwrap().args).collect()
});

fuzz_target!(|bytes: &[u8]| {
    fs::write(FILE, bytes).unwrap();
    for args in &*REPORTS {
        let _ = show(args, &mut Output::nothing());
    }
});
