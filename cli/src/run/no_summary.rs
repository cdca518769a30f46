//! What `heaptrace run` may have instead of a summary.

use std::process::ExitStatus;

/// Why there is no summary of a session.
#[derive(Debug)]
pub enum NoSummary {
    /// The user does not want to wait for it.
    Interrupted,
    /// The collector could not do its work, for this reason.
    Failed(String),
    /// The collector is gone.
    Ended(Option<ExitStatus>),
}
