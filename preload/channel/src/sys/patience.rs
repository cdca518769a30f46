//! Waiting without a clock.

use core::time::Duration;

use super::waited::Waited;
use super::{Word, futex_wait};

/// Waiting step by step, for so long in all as can be told without a clock.
#[derive(Debug)]
pub struct Patience(Duration);

impl Patience {
    /// A step that ends early counts for so many times less: a timer of the program may end each.
    const EARLY: u32 = 20;

    /// Patience for that long.
    pub fn new(most: Duration) -> Patience {
        Patience(most)
    }

    /// Waits for a step at most while `word` is `value`. False if all patience was used up before.
    pub fn wait(&mut self, word: &Word, value: u32, step: Duration) -> bool {
        if self.0.is_zero() {
            return false;
        }
        let cost = match futex_wait(word, value, step) {
            Waited::Early => step / Patience::EARLY,
            Waited::TimedOut | Waited::Impossible => step,
        };
        self.0 = self.0.saturating_sub(cost);
        true
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::atomic::AtomicU32;

    #[test]
    fn patience_ends_however_it_is_interrupted() {
        let (word, step) = (AtomicU32::new(7), Duration::from_millis(2));
        let mut patience = Patience::new(10 * step);
        let early = (0..10_000).take_while(|_| patience.wait(&word, 8, step)).count();
        assert_eq!(early, 10 * Patience::EARLY as usize);
        let mut patience = Patience::new(3 * step);
        assert_eq!((0..10).filter(|_| patience.wait(&word, 7, step)).count(), 3);
    }
}
