//! What of `heaptrace` only reads profiles. A library, so that it can be fuzzed.

pub mod report;
