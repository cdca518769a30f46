//! What a test wants of its machine and not every machine has. Without it the test is left out, and says
//! so; in CI, where nothing may be left out, it fails.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::env;

/// Is there such a command?
#[track_caller]
pub fn has(command: &str) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    wanted(command, env::split_paths(&folders).any(|folder| folder.join(command).is_file()))
}

/// Are we root?
#[track_caller]
pub fn is_root() -> bool {
    // SAFETY: takes nothing.
    wanted("to be root", unsafe { libc::geteuid() } == 0)
}

/// Is it there? Says what is wanted if not.
#[track_caller]
pub fn wanted(what: &str, is_there: bool) -> bool {
    if !is_there {
        println!("skipped: this test wants {what}");
        assert!(env::var_os("CI").is_none(), "this test wants {what}, and CI leaves none out");
    }
    is_there
}
