//! Faults of this crate, or of those that it reads files with: one costs a name, not the session.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CONTAINING: Cell<bool> = const { Cell::new(false) };
}

/// A fault, of which nothing more is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault;

/// Does `work`, unless it panics. What it shares with others is behind locks, and whole at any time.
pub(super) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    let outer = CONTAINING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CONTAINING.set(outer);
    result.map_err(|_| Fault)
}

/// Whether a panic of this thread would cost a name only: for a panic hook, which need not tell of it.
pub fn panics_are_contained() -> bool {
    CONTAINING.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_where_it_is_contained() {
        assert_eq!(contain(|| contain(|| panic!("this is part of a test"))), Ok(Err::<(), _>(Fault)));
        assert!(!panics_are_contained());
        assert_eq!(contain(panics_are_contained), Ok(true));
    }
}
