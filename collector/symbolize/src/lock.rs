//! Locks that outlive a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is behind the locks here is whole at any time, even if a thread ended while it had one.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
