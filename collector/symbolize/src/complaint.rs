//! What the user should know about names that were not found.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Why names are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Complaint {
    /// There are no more debug files from this server, which was given up.
    Server {
        /// The server.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// There are no more debug files from servers, which together take too long.
    TooSlow,
    /// Reading this file met a fault of this crate.
    Fault(PathBuf),
}
