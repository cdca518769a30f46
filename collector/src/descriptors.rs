//! Descriptors: a session needs several for each process and library, and must not run out of them.

use std::os::fd::{AsFd, AsRawFd};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for what cannot be done without: connections, profiles, debug files.
const RESERVE: u64 = 128;

/// Allows this process as many as it may have at all. The usual soft limit of 1,024 is low for the sake of
/// select(2), which nothing here calls.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If this fails, what there is has to do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Is `file` among the last that this process may have? The kernel gives out the lowest that is free.
pub fn is_scarce(file: impl AsFd) -> bool {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let number = u64::try_from(file.as_fd().as_raw_fd()).unwrap_or(0);
    number >= limit - RESERVE.min(limit / 2)
}
