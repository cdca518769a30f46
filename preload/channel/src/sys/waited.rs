//! The outcome of a wait.

/// Why [`futex_wait`](super::futex_wait) returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The time is over.
    TimedOut,
    /// Somebody woke us, the word has another value, or a signal was handled.
    Early,
    /// The kernel knows of no reason to wake up: there is no waiting here.
    Impossible,
}
