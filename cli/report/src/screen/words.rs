//! What the screen says, and what its keys are.

use heaptrace_channel::config::RateText;

use crate::measure;

/// A key, a word for the line at the foot, and what it does.
pub struct Key {
    /// As it is written.
    pub keys: &'static str,
    /// In a word; empty for keys that are only in the help.
    pub short: &'static str,
    /// What it does.
    pub what: &'static str,
}

const fn key(keys: &'static str, short: &'static str, what: &'static str) -> Key {
    Key { keys, short, what }
}

/// Keys of the table.
pub static TABLE: [Key; 10] = [
    key("Enter", "open", "look into the function: callers, source, tree, traces, growth"),
    key("s", "sort", "sort by what is in use, by growth, by what is allocated; also u, g, a"),
    key("o", "own/all", "lines of the program's own code, or all functions"),
    key("/", "search", "only rows with this in their name; Esc shows all again"),
    key("Space", "freeze", "stop looking, and go on"),
    key("?", "help", "explain"),
    key("q", "quit", "leave; also Ctrl-C. The program goes on"),
    key("↑ ↓", "", "choose a row; also k, j, PgUp, PgDn, Home, End"),
    key("Esc", "", "back to the list of programs, if there is one"),
    key("Ctrl-Z", "", "stop, until fg"),
];

/// Keys of a function's views.
pub static FUNCTION: [Key; 10] = [
    key("Esc", "back", "back to where it was opened; also Backspace"),
    key("Tab", "view", "the next view; 1 to 5 choose one"),
    key("Enter", "follow", "among callers: look into the one that is chosen"),
    key("i", "in use/alloc", "of what is in use, of what was allocated, of the peak"),
    key("Space", "freeze", "stop looking, and go on"),
    key("?", "help", "explain"),
    key("q", "quit", "leave; also Ctrl-C. The program goes on"),
    key("↑ ↓", "", "move; also k, j, PgUp, PgDn, Home, End"),
    key("← →", "", "move sideways; also h, l"),
    key("Ctrl-Z", "", "stop, until fg"),
];

/// Keys of the list of programs.
pub static PROGRAMS: [Key; 4] = [
    key("Enter", "watch", "watch the program that is chosen"),
    key("?", "help", "explain"),
    key("q", "quit", "leave; also Ctrl-C"),
    key("↑ ↓", "", "choose a program; also k, j, PgUp, PgDn, Home, End"),
];

/// Keys of the line that is searched for.
pub static SEARCH: [Key; 2] = [key("Enter", "keep", ""), key("Esc", "all rows", "")];

/// What the columns of the table are.
pub static COLUMNS: [(&str, &str); 6] = [
    ("in use", "bytes that were allocated there and not freed, estimated from samples"),
    ("±", "half of the 95% interval of that: few samples are far off"),
    ("growth", "how that changes, over the last minute; faint where it may be chance"),
    ("alloc", "bytes allocated a second, over the last ten"),
    ("trend", "in use over the last minutes, or allocated, if that is sorted by"),
    ("own code", "samples count for the innermost line that is neither in a library nor an allocator's"),
];

/// What to do about too few samples.
pub fn few_samples(samples: u64, pid: &str, rate: u64) -> String {
    let rate = RateText(rate);
    format!("{samples} samples say little; heaptrace rate {pid} {rate} takes more from now on")
}

/// That there are no samples.
pub fn no_samples(pid: &str) -> String {
    format!(
        "no samples yet: hardly anything was allocated; heaptrace rate {pid} 1 records every call from now on"
    )
}

/// That none are taken.
pub fn dormant(pid: &str) -> String {
    format!("it is dormant: nothing is recorded; heaptrace rate {pid} 64KiB wakes it")
}

/// That names are missing.
pub const NO_NAMES: &str =
    "most functions have no names: the program is stripped, and its debug file is not here";
/// Before the first profile.
pub const WAITING: &str = "waiting for the first profile";
/// In a table without rows.
pub const NO_ROWS: &str = "nothing is in use, and nothing was allocated";
/// In one in which nothing is found.
pub const NOT_FOUND: &str = "no row has that in its name";
/// In a list of programs without any.
pub const NO_PROGRAMS: &str = "no program of yours is being profiled any more";
/// Of a row that cannot be looked into.
pub const NO_FUNCTION: &str = "nothing is known of what is there but the file";
/// Of a screen that is too small.
pub const TOO_SMALL: &str = "too small";
/// Of an output that is no terminal.
pub const NO_TERMINAL: &str =
    "heaptrace top draws on a terminal, and this is none; heaptrace top --once prints the table";

/// Bytes.
pub fn bytes(value: f64) -> String {
    measure::label(value as i64, "bytes", "auto")
}

/// That a function has none of what is asked for.
pub fn nothing_of(index: &str) -> String {
    format!("nothing {index} here; i looks at something else")
}

/// How often the program is looked at, in words.
pub fn every(seconds: f64) -> String {
    match seconds {
        ..10.0 => format!("every {seconds:.0}s"),
        _ => format!("every {seconds:.0}s, as a look takes long"),
    }
}

/// After a fault.
pub const OVER: &str = "the screen cannot go on";

/// That the program is not there any more.
pub fn ended(when: &str) -> String {
    format!("ended at {when}; this was seen last")
}

/// Over the list of programs.
pub const PROGRAMS_TITLE: &str = "heaptrace top: programs of yours that are being profiled";
/// Nothing new is looked at.
pub const FROZEN: &str = "frozen";
/// Over the help.
pub const HELP_TITLE: &str = " heaptrace top ";
/// Under it.
pub const HELP_END: &str = " any key closes this ";
/// Under it, if it is longer than the screen.
pub const HELP_GOES_ON: &str = " ↑ ↓ go on; others close this ";
/// Over what is in use of late.
pub const TREND_IN_USE: &str = "in use";
/// Over what was allocated of late.
pub const TREND_ALLOCATED: &str = "allocated";
/// Over lines of own code.
pub const OWN_CODE: &str = "own code, by line";
/// Over all functions.
pub const ALL_FUNCTIONS: &str = "all functions";
/// Too few samples to say how far off.
pub const FEW: &str = "few";
/// Of a caller.
pub const CALLED_BY: &str = "called by";
/// Of a callee.
pub const CALLS: &str = "calls";
/// Over functions.
pub const FUNCTION_COLUMN: &str = "function";
