//! What is sent of one process at one moment.

use std::time::SystemTime;

use heaptrace_pprof::proto::Profile;

use crate::attributes::Attribute;

/// A profile, and what it is of.
#[derive(Debug)]
pub struct Moment {
    /// What was allocated since the last one, and what is in use.
    pub profile: Profile,
    /// Since when.
    pub since: SystemTime,
    /// Until when; no two of a session have the same, to the millisecond.
    pub until: SystemTime,
    /// Whose it is.
    pub attributes: Vec<Attribute>,
}
