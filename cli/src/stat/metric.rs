//! What is measured of a run: one number each.

use std::time::Duration;

use heaptrace_channel::counters::Family;
use heaptrace_collector::counting::Counts;
use heaptrace_report::{grouped, label};

/// A thing that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// What a user calls it.
    pub label: &'static str,
    /// Its name in JSON.
    pub key: &'static str,
    /// Its unit in Go's benchmark format, with `/op` where it is divided by the operations.
    pub unit: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Less of it is better, and it is shown in comparisons even if it is 0.
    pub is_main: bool,
}

/// What the values of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A count of things.
    Count,
    /// Bytes that are added up.
    Bytes,
    /// Bytes at a moment: no more of them with more operations.
    Level,
    /// Resident memory, which the kernel hands out by pages as it likes.
    Resident,
    /// Nanoseconds.
    Time,
}

impl Kind {
    /// Does the program decide it, so that it may be the same in every run?
    pub fn may_be_exact(self) -> bool {
        !matches!(self, Kind::Time | Kind::Resident)
    }

    /// Does it grow with the operations?
    pub fn is_per_operation(self) -> bool {
        !matches!(self, Kind::Level | Kind::Resident)
    }

    /// A value in words.
    pub fn text(self, value: f64) -> String {
        match self {
            Kind::Count if value.fract() == 0.0 && value >= 0.0 => grouped(value as u64),
            Kind::Count => format!("{value:.2}"),
            Kind::Resident if value == 0.0 => "small".to_owned(),
            Kind::Time => label(value.round() as i64, "nanoseconds", "auto"),
            Kind::Bytes | Kind::Level | Kind::Resident => label(value.round() as i64, "bytes", "auto"),
        }
    }
}

const fn metric(
    label: &'static str,
    key: &'static str,
    unit: &'static str,
    kind: Kind,
    is_main: bool,
) -> Metric {
    Metric { label, key, unit, kind, is_main }
}

/// All of them, in the order in which they are shown.
pub const METRICS: [Metric; 12] = [
    metric("allocations", "allocs", "allocs/op", Kind::Count, true),
    metric("bytes requested", "bytes", "B/op", Kind::Bytes, true),
    metric("frees", "frees", "frees/op", Kind::Count, true),
    metric("reallocs", "reallocs", "reallocs/op", Kind::Count, false),
    metric("reallocs that moved", "reallocs_moved", "moved/op", Kind::Count, false),
    metric("requests for 0 bytes", "zero_sizes", "zero-sizes/op", Kind::Count, false),
    metric("failed requests", "failures", "failures/op", Kind::Count, false),
    metric("in use at the end", "inuse_bytes", "inuse-B", Kind::Level, true),
    metric("in use at the peak", "peak_bytes", "peak-B", Kind::Level, true),
    metric("peak RSS", "rss_bytes", "rss-B", Kind::Resident, true),
    metric("CPU time", "cpu_ns", "cpu-ns/op", Kind::Time, true),
    metric("time", "wall_ns", "ns/op", Kind::Time, true),
];

/// The values of all metrics for one run.
pub type Values = [f64; METRICS.len()];

/// What the system measured of a run.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// From start to end.
    pub wall: Duration,
    /// Of the program and of what it has waited for.
    pub cpu: Duration,
    /// The largest resident set of one of them, in bytes; 0 if that is less than heaptrace's own, which is all
    /// that the kernel tells then.
    pub resident: u64,
}

/// The values of a run.
pub fn values(counts: &Counts, usage: &Usage) -> Values {
    let nanos = |time: Duration| time.as_nanos() as f64;
    [
        counts.allocations() as f64,
        counts.bytes() as f64,
        counts.frees as f64,
        counts.family(Family::Realloc).calls() as f64,
        counts.moved as f64,
        counts.zeros() as f64,
        counts.failures() as f64,
        counts.in_use as f64,
        counts.peak as f64,
        usage.resident as f64,
        nanos(usage.cpu),
        nanos(usage.wall),
    ]
}
