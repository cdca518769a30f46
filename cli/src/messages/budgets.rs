//! What `heaptrace check` says of what it was given: files of budgets, profiles and programs.

use std::ffi::OsStr;
use std::fmt::Display;
use std::path::Path;

/// What a limit on bytes may be.
pub const LIMIT_OF_BYTES: &str =
    "bytes, such as 4096 or \"64MiB\", or a change against the baseline, such as \"+5%\" or \"+64KiB\"";
/// What a limit on allocations may be.
pub const LIMIT_OF_COUNT: &str =
    "a number of allocations, such as 1200, or a change against the baseline, such as \"+5%\" or \"+10\"";
/// What is wrong with a function that has no limit.
pub const FUNCTION_WITHOUT_LIMIT: &str =
    "a function needs a limit: peak, allocs, bytes, leaked, or must-not-allocate = true";

/// That a value is no limit.
pub fn no_limit(value: impl Display, is_bytes: bool) -> String {
    format!("{value} is no limit: {}", if is_bytes { LIMIT_OF_BYTES } else { LIMIT_OF_COUNT })
}

/// What the reader of TOML says, in our words.
pub fn bad_file(message: &str) -> String {
    let line = message.lines().collect::<Vec<_>>().join(" ");
    line.replace("unknown field", "unknown key").replace("missing field", "missing key")
}

/// That a file cannot be read.
pub fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

/// That a file is no text that a person wrote.
pub fn too_large(path: &Path) -> String {
    format!("{} is too large to be a file of budgets or suppressions", path.display())
}

/// That there are no budgets yet.
pub fn no_file(path: &Path) -> String {
    format!("there is no {}; heaptrace check --update … writes one from what it measures", path.display())
}

/// That a file limits nothing.
pub fn no_budgets(path: &Path) -> String {
    format!("{} has no budget; give [total] a peak, allocs, bytes or leaked", path.display())
}

/// That a relative limit has nothing to be relative to.
pub fn no_baseline(path: &Path, line: usize) -> String {
    let place = format!("{}:{line}", path.display());
    format!("{place}: this limit needs a baseline: baseline = \"FILE\" at the top of it, --baseline or --vs")
}

/// That a line is no suppression.
pub fn no_suppression(line: &str) -> String {
    format!(
        "{line:?} is no suppression; write leak:PATTERN, and expires=YYYY-MM-DD behind it if it is to end"
    )
}

/// That a pattern is too general.
pub fn matches_everything(pattern: &str) -> String {
    format!("{pattern:?} matches everything; name a function, a file or a module")
}

/// That a date is none.
pub fn bad_date(text: &str) -> String {
    format!("{text:?} is no date; write YYYY-MM-DD")
}

/// That there is nothing to judge.
pub const NOTHING_MEASURED: &str =
    "nothing was measured: the profile is empty. The gate would pass whatever the program does";

/// That there is no profile to judge. Why has been said.
pub const NOT_PROFILED: &str = "the program was not profiled, so there is nothing to judge";

/// What is wrong where the baseline is.
pub const BAD_BASELINE: &str = "the baseline";

/// That the program of `--vs` failed.
pub fn baseline_failed(program: &OsStr) -> String {
    format!("{}, the program to compare with, failed", program.display())
}

/// That nothing could be added for a self-test.
pub const NO_WASTE: &str = "cannot add an allocation and a leak";

/// What is wrong with a file that is to be rewritten.
pub fn cannot_rewrite(path: &Path) -> String {
    format!("cannot rewrite {}", path.display())
}

/// That a baseline was written.
pub fn baseline_written(path: &Path) -> String {
    format!("{}: the new baseline", path.display())
}

/// The beginning of a first file.
pub fn first_lines(measured: &str) -> String {
    format!(
        "# What this program may cost: `heaptrace check -- PROGRAM` fails where it costs more.
# The limits below are what was measured, {measured}.
# Give them room where a run differs from the next, or write changes: baseline = \"baseline.prof\"
# up here names a profile, and peak = \"+5%\" allows that much more than it has.
"
    )
}

/// The end of a first file.
pub const LAST_LINES: &str = "
# Functions by name (a regular expression), each with all that it calls:
# [[function]]
# name = \"^parse_record\"
# allocs = 1000
#
# [[function]]
# name = \"^on_audio_frame$\"
# must-not-allocate = true
";

/// That processes do not count, as there is no profile of them, or not yet.
pub fn not_counted(unseen: usize, running: usize) -> Vec<String> {
    let plural = |count: usize| super::numbers::plural(count as u64, "process", "processes");
    let mut lines = Vec::new();
    if unseen > 0 {
        lines.push(format!(
            "not counted: {} that could not be profiled; heaptrace run tells why",
            plural(unseen)
        ));
    }
    if running > 0 {
        lines.push(format!("not counted: {} that the program left running", plural(running)));
    }
    lines
}
