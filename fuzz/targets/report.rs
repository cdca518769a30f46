//! Any bytes as a profile to report on: they are refused, or every view can be shown of them.
#![no_main]

use std::fs;

use clap::Parser;
use heaptrace::report::{Args, Output, show};
use libfuzzer_sys::fuzz_target;

#[derive(Parser)]
struct Report {
    #[command(flatten)]
    args: Args,
}

/// Arguments that lead through all views and filters.
const ARGUMENTS: [&[&str]; 15] = [
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
];

fuzz_target!(|bytes: &[u8]| {
    let file = format!("/dev/shm/heaptrace-fuzz-{}", std::process::id());
    fs::write(&file, bytes).unwrap();
    for arguments in ARGUMENTS {
        let all = [&["report"], arguments, &[&file]].concat();
        let report = Report::try_parse_from(all).unwrap();
        let _ = show(&report.args, &mut Output::nothing());
    }
    let base = ["report", "--diff-base", &file, "--normalize", "-n", "0", &file, &file];
    let _ = show(&Report::try_parse_from(base).unwrap().args, &mut Output::nothing());
});
