//! What of `heaptrace` works on profiles. A library, so that it can be fuzzed.

pub mod progress;
pub mod report;
pub mod say;
pub mod symbolize;
