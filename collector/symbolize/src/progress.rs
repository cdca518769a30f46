//! How far looking names up has come, for whoever waits for it.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

/// How far looking names up has come, in all profiles together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Addresses that were looked up.
    pub done: usize,
    /// Addresses that were asked for.
    pub asked: usize,
    /// The debuginfod server that has not answered yet.
    pub server: Option<String>,
}

/// Counts for all threads that look names up.
#[derive(Debug, Default)]
pub(super) struct Count {
    done: AtomicUsize,
    asked: AtomicUsize,
}

impl Count {
    pub(super) fn ask(&self, addresses: usize) {
        self.asked.fetch_add(addresses, Relaxed);
    }

    pub(super) fn finish_one(&self) {
        self.done.fetch_add(1, Relaxed);
    }

    /// The counts, while `server` is waited for.
    pub(super) fn progress(&self, server: Option<String>) -> Progress {
        Progress { done: self.done.load(Relaxed), asked: self.asked.load(Relaxed), server }
    }
}
