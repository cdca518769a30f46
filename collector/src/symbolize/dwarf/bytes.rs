//! The bytes of a section, shared by all that reads in it.

use std::ops::Deref;
use std::sync::Arc;

use gimli::{CloneStableDeref, StableDeref};

/// Bytes that stay where they were decompressed to: an `Arc<[u8]>` would be a copy of them.
#[derive(Debug, Clone)]
pub(super) struct Bytes(Arc<Vec<u8>>);

impl Bytes {
    pub(super) fn new(bytes: Vec<u8>) -> Bytes {
        Bytes(Arc::new(bytes))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

// SAFETY: nobody changes the vector, which has its bytes elsewhere in memory than what is moved.
unsafe impl StableDeref for Bytes {}
// SAFETY: a clone shares the vector.
unsafe impl CloneStableDeref for Bytes {}
