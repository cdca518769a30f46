//! What there is to tell of a process that is recorded, without a profile of it.

use std::ffi::OsString;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::recording::Counters;
use crate::snapshot::Key;

/// A process that is recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Profiled {
    /// Its process id, as the collector sees it.
    pub pid: u32,
    /// The program's name.
    pub name: OsString,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// It is the program that the session is about.
    pub is_program: bool,
    /// When recording began.
    pub started: SystemTime,
    /// Mean bytes between samples.
    pub rate: u64,
    /// Bytes in use, and when most were.
    pub in_use: (f64, f64),
    /// What was counted by the process.
    pub counters: Counters,
    /// Which one.
    #[serde(skip)]
    pub key: Key,
}
