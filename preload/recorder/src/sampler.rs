//! The sampler: after how many bytes the next sample is due.
//!
//! Sampling is a Poisson process over the bytes that a thread allocates: the gaps between its
//! points are exponentially distributed with mean `R`, the rate. A block is sampled if a point
//! falls into it. The process has no memory: after a sample the next gap counts from the block's
//! end, and a thread's first gap is drawn like any other, so neither the first allocation nor a
//! short-lived thread is favoured. What a sample stands for: [`heaptrace_channel::weight`].
//!
//! Gaps are whole numbers of bytes, rounded up: a block of `Z` bytes is then sampled exactly if
//! the real gap is at most `Z`.

use core::cell::Cell;

/// Draws the gaps. A plain value: the same seed and rate give the same gaps.
#[derive(Debug, Clone, Copy)]
pub struct Sampler {
    rate: u64,
    seed: u64,
}

impl Sampler {
    /// A sampler with a mean of `rate` bytes between samples; 1 takes every allocation.
    pub const fn new(rate: u64, seed: u64) -> Sampler {
        Sampler { rate, seed }
    }

    /// Start of the random numbers of the `n`-th thread.
    pub fn stream(&self, n: u64) -> u64 {
        // Not 0, which means that a thread has none; the mix keeps the streams of threads apart.
        mix(self.seed ^ mix(n.wrapping_add(1))) | 1
    }

    /// Bytes until the next sample: at least 1, but 0 at a rate of 1, where even a request for no
    /// bytes is a sample.
    #[inline]
    pub fn next_gap(&self, random: &Cell<u64>) -> u64 {
        if self.rate <= 1 { 0 } else { self.draw_gap(random) }
    }

    #[inline(never)]
    fn draw_gap(&self, random: &Cell<u64>) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014): a counter and a mix.
        random.set(random.get().wrapping_add(GOLDEN));
        // Uniform in (0, 1], in steps of 2^-53: the longest gap is 36.7 rates.
        let uniform = ((mix(random.get()) >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64);
        let gap = -libm::log(uniform) * self.rate as f64;
        (libm::ceil(gap) as u64).max(1)
    }
}

/// What SplitMix64's counter counts in: 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heaptrace_channel::weight::probability;

    fn gaps(rate: u64, seed: u64, n: usize) -> Vec<u64> {
        let sampler = Sampler::new(rate, seed);
        let random = Cell::new(sampler.stream(0));
        (0..n).map(|_| sampler.next_gap(&random)).collect()
    }

    #[test]
    fn a_seed_makes_the_gaps_reproducible_and_another_seed_makes_others() {
        assert_eq!(gaps(1000, 7, 100), gaps(1000, 7, 100));
        assert_ne!(gaps(1000, 7, 100), gaps(1000, 8, 100));
    }

    #[test]
    fn at_rate_1_every_request_is_due() {
        assert!(gaps(1, 7, 100).iter().all(|&gap| gap == 0));
    }

    /// Kolmogorov-Smirnov: with n = 100,000 the largest distance between the empirical and the true
    /// distribution stays below 1.95/sqrt(n) with probability 0.999. The seed is fixed.
    #[test]
    fn gaps_are_exponentially_distributed() {
        const N: usize = 100_000;
        for rate in [512 * 1024, 4096, 100] {
            let mut gaps = gaps(rate, 42, N);
            gaps.sort_unstable();
            // A rounded-up gap is at most g exactly if the real one is, so compare at whole bytes.
            let distance = (0..N)
                .filter(|&i| i + 1 == N || gaps[i] != gaps[i + 1])
                .map(|i| ((i + 1) as f64 / N as f64 - probability(gaps[i], rate)).abs())
                .fold(0.0, f64::max);
            assert!(distance < 1.95 / (N as f64).sqrt(), "rate {rate}: {distance}");
        }
    }

    #[test]
    fn streams_of_threads_differ_whatever_the_seed() {
        for seed in [0, 1, u64::MAX] {
            let sampler = Sampler::new(1000, seed);
            let mut firsts: Vec<_> = (0..1000).map(|n| sampler.stream(n)).collect();
            firsts.sort_unstable();
            firsts.dedup();
            assert_eq!(firsts.len(), 1000, "seed {seed}");
        }
    }

    #[test]
    fn a_thread_that_has_begun_never_looks_as_if_it_had_not() {
        const MIXES_TO_1: u64 = 0xC0FF_A9DC_7918_C037;
        assert_eq!(mix(MIXES_TO_1 ^ mix(1)), 1);
        assert_ne!(Sampler::new(1000, MIXES_TO_1).stream(0), 0);
    }

    /// The numbers that SplitMix64 gives for a seed of 1234567, as they are published.
    #[test]
    fn random_numbers_are_those_of_splitmix64() {
        let published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431];
        for (n, number) in (1..).zip(published) {
            assert_eq!(mix(GOLDEN.wrapping_mul(n).wrapping_add(1234567)), number);
        }
    }

    #[test]
    fn the_longest_gap_is_as_long_as_the_smallest_random_number_says() {
        let random = Cell::new(0u64.wrapping_sub(GOLDEN)); // the next number is the mix of 0, which is 0
        let longest = Sampler::new(1 << 40, 1).next_gap(&random) as f64 / (1u64 << 40) as f64;
        assert!((longest - 53.0 * 2f64.ln()).abs() < 1e-9, "{longest} rates");
    }
}
