//! At any rate a profile is unbiased, and as precise as theory says.

use crate::estimates::Runs;
use crate::support::Room;

fn runs(rate: u64, seeds: u64) -> Runs {
    Runs::of(rate, seeds, |room| room.run("steady.c"))
}

#[test]
fn the_mean_over_seeds_is_the_truth_for_each_function() {
    for rate in [4096, 64 << 10] {
        runs(rate, 12).assert_means(&["alloc_space", "alloc_objects"]);
    }
}

/// What is in use is estimated from the same samples: what was freed is taken off exactly.
#[test]
fn what_is_in_use_is_estimated_without_bias_too() {
    let runs = runs(4096, 12);
    runs.assert_means(&["inuse_space"]);
    for estimate in runs.estimates("small_freed", "inuse_space") {
        assert_eq!(estimate, 0.0, "what was freed is freed, sampled or not");
    }
}

/// The sum of squared standardized errors over n runs has a chi-square distribution with n degrees
/// of freedom: mean n, variance 2n. With n = 6 functions × 12 seeds = 72, five sigma above is 132.
/// Below: a spread that is too small would mean that seeds do not make runs independent.
#[test]
fn the_spread_is_that_of_theory() {
    let runs = runs(64 << 10, 12);
    let mut sum = 0.0;
    let mut n = 0.0;
    for function in runs.blocks.keys() {
        let (variance, truth) = (runs.variance(function, "alloc_space"), runs.truth(function, "alloc_space"));
        for estimate in runs.estimates(function, "alloc_space") {
            sum += (estimate - truth).powi(2) / variance;
            n += 1.0;
        }
    }
    let bound = 5.0 * f64::sqrt(2.0 * n);
    assert!((sum - n).abs() < bound, "{sum} of {n} ± {bound}");
}

#[test]
fn a_seed_makes_runs_of_a_program_with_one_thread_identical() {
    let values = |seed: &str| {
        let room = Room::new();
        room.run("ends.c").rate("1KiB").option("--seed").option(seed).go().well();
        let profile = room.profile("out.prof");
        profile
            .samples
            .into_iter()
            .map(|sample| (sample.stack, sample.bytes, sample.values))
            .collect::<Vec<_>>()
    };
    assert_eq!(values("42"), values("42"));
    assert_ne!(values("42"), values("43"));
}

#[test]
fn without_a_seed_runs_differ() {
    let values = || {
        let room = Room::new();
        room.run("ends.c").rate("1KiB").go().well();
        room.profile("out.prof").samples.iter().map(|sample| sample.values).collect::<Vec<_>>()
    };
    let first = values();
    assert!((0..5).any(|_| values() != first));
}
