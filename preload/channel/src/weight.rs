//! What one sample stands for.
//!
//! Samples are the points of a Poisson process over the bytes allocated, with one point in `R`
//! bytes on average. A block of `Z` bytes is sampled if it has at least one point: with probability
//! `p = 1 − e^(−Z/R)`. Each sampled block therefore counts for `1/p` blocks and `Z/p` bytes: summed
//! over samples, both are unbiased for any mix of sizes (Horvitz and Thompson, 1952). At `R = 1`
//! every block is recorded and `p` is 1 by definition, for a block of no bytes too.
//!
//! For `n` blocks of one size the number sampled is binomial, so the relative standard error of
//! both estimates is `sqrt((1−p)/(n·p))`. For blocks much smaller than `R` that is `sqrt(R/bytes)`:
//!
//! | allocated there | R = 64 KiB | R = 512 KiB | R = 4 MiB |
//! |---|---|---|---|
//! | 1 MiB | 25% | 71% | 200% |
//! | 16 MiB | 6.3% | 18% | 50% |
//! | 256 MiB | 1.6% | 4.4% | 13% |
//! | 4 GiB | 0.39% | 1.1% | 3.1% |

/// The rate of no samples at all.
pub const OFF: u64 = 0;

/// Probability that a block of `size` bytes is sampled at a rate of one in `rate` bytes.
pub fn probability(size: u64, rate: u64) -> f64 {
    if rate <= 1 { 1.0 } else { -libm::expm1(-(size as f64) / rate as f64) }
}

/// The blocks and the bytes that a sampled block of `size` bytes counts for.
#[inline]
pub fn weight(size: u64, rate: u64) -> (f64, f64) {
    if rate <= 1 {
        return (1.0, size as f64); // as below, but this is for every call of malloc and free
    }
    let probability = probability(size, rate);
    if probability > 0.0 { (1.0 / probability, size as f64 / probability) } else { (0.0, 0.0) }
}

/// Fewer samples than this say little about a program.
pub const FEW_SAMPLES: u64 = 100;

/// The rate that would have given about ten times [`FEW_SAMPLES`] where `rate` gave fewer than those: a
/// power of two, and 1 where hardly more than all allocations do. `None` if there were enough, or no
/// rate is finer.
pub fn finer_rate(rate: u64, samples: u64) -> Option<u64> {
    const LEAST: u64 = 256;
    let wanted = rate.saturating_mul(samples) / (10 * FEW_SAMPLES);
    let finer = if wanted < LEAST { 1 } else { 1 << wanted.ilog2() };
    (samples < FEW_SAMPLES && finer < rate).then_some(finer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_rate_1_every_block_counts_as_itself() {
        assert_eq!(weight(0, 1), (1.0, 0.0));
        assert_eq!(weight(100, 1), (1.0, 100.0));
    }

    #[test]
    fn small_blocks_count_for_the_rate_and_large_ones_for_themselves() {
        let (objects, bytes) = weight(16, 1 << 19);
        assert!((bytes - (1 << 19) as f64).abs() < 16.0 && (objects - bytes / 16.0).abs() < 1e-6);
        let (objects, bytes) = weight(1 << 30, 1 << 19);
        assert!((objects - 1.0).abs() < 1e-9 && (bytes - (1 << 30) as f64).abs() < 1.0);
    }

    #[test]
    fn the_finer_rate_gives_a_thousand_samples() {
        assert_eq!(finer_rate(524_288, 50), Some(16_384));
        assert_eq!(finer_rate(524_288, 0), Some(1));
        assert_eq!([5119, 5120].map(|rate| finer_rate(rate, 50)), [Some(1), Some(256)]);
        assert_eq!(finer_rate(u64::MAX, 99), Some(1 << 54));
        assert_eq!(finer_rate(524_288, 100), None);
        assert_eq!(finer_rate(1, 3), None);
    }

    #[test]
    fn a_block_of_no_bytes_is_never_sampled_and_weighs_nothing() {
        assert_eq!(weight(0, 512), (0.0, 0.0));
    }
}
