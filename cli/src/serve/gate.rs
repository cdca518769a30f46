//! How many do at once what takes a processor and memory.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Profiles that are made at once.
const MOST: usize = 2;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets few in at a time.
#[derive(Debug, Default)]
pub struct Gate {
    inside: Mutex<usize>,
    left: Condvar,
}

/// Who is inside, until dropped.
#[derive(Debug)]
pub struct Inside<'a>(&'a Gate);

impl Gate {
    /// Waits to be let in; `None` if that takes too long.
    pub fn enter(&self) -> Option<Inside<'_>> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.left.wait_timeout_while(inside, PATIENCE, |inside| *inside >= MOST);
        let (mut inside, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return None;
        }
        *inside += 1;
        Some(Inside(self))
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.0.inside.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_one();
    }
}
