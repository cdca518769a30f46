//! Any bytes as a profile to report on: they are refused, or every view can be shown of them.

use std::fs;
use std::sync::LazyLock;

use clap::Parser;
use heaptrace_report::{Args, Output, show};

#[derive(Parser)]
struct Report {
    #[command(flatten)]
    args: Args,
}

/// Arguments that lead through all views and filters.
const ARGUMENTS: &[&[&str]] = &[
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
/// Stands for the file's path.
const FILE: &str = "FILE";

/// In memory, and this process's own.
static PATH: LazyLock<String> =
    LazyLock::new(|| format!("/dev/shm/heaptrace-fuzz-report-{}", std::process::id()));

static REPORTS: LazyLock<Vec<Args>> = LazyLock::new(|| {
    let path = |argument| if argument == FILE { &**PATH } else { argument };
    let all = ARGUMENTS.iter().map(|arguments| [&["report"], *arguments, &[FILE]].concat());
    all.map(|arguments| Report::try_parse_from(arguments.into_iter().map(path)).unwrap().args).collect()
});

/// The bytes are the file.
pub fn run(bytes: &[u8]) {
    fs::write(&*PATH, bytes).unwrap();
    for args in &*REPORTS {
        let _ = show(args, &mut Output::nothing());
    }
    fs::remove_file(&*PATH).unwrap();
}
