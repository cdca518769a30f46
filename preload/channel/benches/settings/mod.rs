//! How long the benchmarks take: two seconds each, which is enough for medians within a few percent.

use std::time::Duration;

use criterion::Criterion;

/// The settings of all benchmarks.
pub fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(40)
        .nresamples(10_000)
        .without_plots()
}
