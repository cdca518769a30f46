//! Building the test programs, and running them bare, under `heaptrace run`, or in manual mode.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

pub mod counts;
mod launch;
pub mod ledger;
pub mod pprof;
pub mod profile;
mod programs;
mod room;
mod running;
pub mod tls;
pub mod wanted;

use std::thread;
use std::time::{Duration, Instant};

pub use counts::Counts;
pub use launch::Launch;
pub use ledger::Ledger;
pub use profile::Profile;
pub use programs::{library, print_of, program, stat_library};
pub use room::Room;
pub use running::{Ended, Running};

/// The binary under test.
pub const HEAPTRACE: &str = env!("CARGO_BIN_EXE_heaptrace");

/// Nothing here takes a tenth of it: what does has hung.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what is bound to happen.
#[track_caller]
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal to a process.
pub fn signal_process(pid: u32, signal: i32) {
    // SAFETY: takes no memory.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0, "process {pid} is gone");
}
