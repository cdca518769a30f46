//! Allocations and bytes for each operation, beside the time that criterion takes:
//!
//!     heaptrace stat -- cargo bench
//!
//! In a project of one's own: this file in benches/, with `criterion` and `heaptrace-client` among the
//! dev-dependencies, and in Cargo.toml
//!
//!     [[bench]]
//!     name = "criterion"
//!     harness = false

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use heaptrace_client::{Counts, thread_counts};

/// Takes the time of each operation, and shows what it allocated if somebody counts that.
fn bench_counted<T>(criterion: &mut Criterion, name: &str, mut operation: impl FnMut() -> T) {
    let counted = Cell::new(None);
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let (before, start) = (thread_counts(), Instant::now());
            (0..iterations).for_each(|_| _ = black_box(operation()));
            let (took, after) = (start.elapsed(), thread_counts());
            counted.set(after.zip(before).map(|(after, before)| (after - before, iterations)));
            took.max(Duration::from_nanos(1)) // a coarse clock may see none
        });
    });
    if let Some((Counts { allocations, bytes, .. }, iterations)) = counted.get() {
        let each = |count: u64| count as f64 / iterations as f64;
        println!("{name:<23} counts: {} allocs/op, {} B/op\n", each(allocations), each(bytes));
    }
}

fn vectors(criterion: &mut Criterion) {
    bench_counted(criterion, "push", || {
        let mut numbers = Vec::new();
        (0..100u32).for_each(|number| numbers.push(number));
        numbers
    });
    bench_counted(criterion, "with_capacity", || {
        let mut numbers = Vec::with_capacity(100);
        (0..100u32).for_each(|number| numbers.push(number));
        numbers
    });
}

criterion_group!(benches, vectors);
criterion_main!(benches);
