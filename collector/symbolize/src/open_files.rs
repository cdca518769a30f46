//! How many files may be kept open to be read later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many files of the process are kept open. What else it has open grows with the programs that
/// it records, and there may be few that it is allowed.
const LIMIT: usize = 64;

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Permission to keep one file open.
#[derive(Debug)]
pub(super) struct Permit {
    open: &'static AtomicUsize,
}

impl Permit {
    /// None if too many files are open.
    pub(super) fn new() -> Option<Arc<Permit>> {
        Permit::counted_in(&OPEN)
    }

    fn counted_in(open: &'static AtomicUsize) -> Option<Arc<Permit>> {
        let more = |open: usize| (open < LIMIT).then_some(open + 1);
        let permitted = open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        permitted.then(|| Arc::new(Permit { open }))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_closed_makes_room_for_another() {
        static OPEN: AtomicUsize = AtomicUsize::new(0);
        let mut permits: Vec<_> = (0..LIMIT).map_while(|_| Permit::counted_in(&OPEN)).collect();
        assert_eq!(permits.len(), LIMIT);
        assert!(Permit::counted_in(&OPEN).is_none());
        permits.pop();
        assert!(Permit::counted_in(&OPEN).is_some());
    }
}
