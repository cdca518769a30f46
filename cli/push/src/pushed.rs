//! What has become of the profiles that were to be sent: facts, for whoever tells a user of them.

use serde::{Deserialize, Serialize};

/// What has become of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// The URL.
    pub to: String,
    /// How many the server took.
    pub sent: u64,
    /// How many bytes these had, packed.
    pub bytes: u64,
    /// How many times one could not be sent.
    pub failed: u64,
    /// How many times one was sent again.
    pub retried: u64,
    /// How many will not be sent: it did not want them, or had no time for too long.
    pub lost: u64,
    /// How many wait.
    pub waiting: u64,
    /// Why the last one that failed did.
    pub why: Option<String>,
}
