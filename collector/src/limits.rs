//! What the kernel lets a process have, which the collector inherits from whoever started its program.

use std::os::fd::{AsFd, AsRawFd};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for what cannot be done without: connections, profiles, debug files.
const RESERVE: u64 = 128;

/// Allows this process as much as it may have at all. Soft limits are meant for the program; and that of
/// descriptors, of which a session needs several for each process and library, is usually low for the
/// sake of select(2), which nothing here calls.
pub fn raise() {
    let resources =
        [Resource::Nofile, Resource::As, Resource::Data, Resource::Fsize, Resource::Cpu, Resource::Nproc];
    for resource in resources {
        let limit = getrlimit(resource);
        // If this fails, what there is has to do.
        let _ = setrlimit(resource, Rlimit { current: limit.maximum, ..limit });
    }
}

/// Is `file` among the last that this process may have? The kernel gives out the lowest that is free.
pub fn is_scarce(file: impl AsFd) -> bool {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let number = u64::try_from(file.as_fd().as_raw_fd()).unwrap_or(0);
    number >= limit - RESERVE.min(limit / 2)
}
