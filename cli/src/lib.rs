//! What of `heaptrace` works on profiles, and what is said to users. A library, so that it can be fuzzed.

pub mod messages;
pub mod progress;
pub mod report;
pub mod say;
pub mod symbolize;
