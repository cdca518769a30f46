//! What `go tool pprof`, which shares no code with heaptrace, makes of a profile.

use std::ffi::OsStr;

use super::profile::INDEXES;
use super::{Ledger, Profile, print_of};

/// The cum column of `go tool pprof -top` for a function; 0 where it has no row.
#[track_caller]
pub fn cum(profile: &Profile, function: &str, index: &str) -> i64 {
    let text = top(profile, index);
    let row = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = row.into_iter().find(|words| words.len() >= 6 && words[5] == function);
    row.map_or(0, |words| words[3].trim_end_matches('B').parse().unwrap())
}

/// All of `go tool pprof -top`, in base units.
#[track_caller]
pub fn top(profile: &Profile, index: &str) -> String {
    let index = format!("-sample_index={index}");
    let options = ["tool", "pprof", "-top", &index, "-nodecount=0", "-nodefraction=0", "-unit=B"];
    let path = profile.path.as_os_str();
    print_of("go", &options.iter().map(OsStr::new).chain([path]).collect::<Vec<_>>())
}

/// pprof agrees with the ledger, for each function and each index.
#[track_caller]
pub fn assert_agrees(ledger: &Ledger, profile: &Profile) {
    for (at, index) in INDEXES.iter().enumerate() {
        for (function, values) in &ledger.0 {
            assert_eq!(cum(profile, function, index), values[at], "{function} {index}");
        }
    }
}
