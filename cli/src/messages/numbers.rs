//! Numbers with their nouns and units.

use heaptrace_report::{grouped, label};

pub fn bytes(count: u64) -> String {
    label(i64::try_from(count).unwrap_or(i64::MAX), "bytes", "auto")
}

pub fn samples(count: u64) -> String {
    plural(count, "sample", "samples")
}

/// A count and the noun for it.
pub fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}
