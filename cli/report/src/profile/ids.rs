//! From the ids in a file to indices.

use std::collections::HashMap;

use heaptrace_pprof::Error;

/// From the ids of one kind in a file to indices of the merged profile. Writers number things from
/// 1, so most ids are found in a vector; the file decides only how many, not how large.
pub struct Ids {
    kind: &'static str,
    dense: Vec<u32>,
    sparse: HashMap<u64, u32>,
}

const NO_INDEX: u32 = u32::MAX;

impl Ids {
    /// For about `count` ids of things of this kind.
    pub fn new(kind: &'static str, count: usize) -> Ids {
        Ids { kind, dense: vec![NO_INDEX; count + 1], sparse: HashMap::new() }
    }

    /// Adds an id, which must be new.
    pub fn insert(&mut self, id: u64, index: u32) -> Result<(), Error> {
        let kind = self.kind;
        if id == 0 {
            return Err(Error::Invalid(format!("a {kind} has the id 0")));
        }
        let previous = match usize::try_from(id).ok().and_then(|i| self.dense.get_mut(i)) {
            Some(slot) => std::mem::replace(slot, index),
            None => self.sparse.insert(id, index).unwrap_or(NO_INDEX),
        };
        match previous {
            NO_INDEX => Ok(()),
            _ => Err(Error::Invalid(format!("two {kind}s have the id {id}"))),
        }
    }

    /// The index of an id, which must be known.
    pub fn get(&self, id: u64) -> Result<u32, Error> {
        let dense = usize::try_from(id).ok().and_then(|i| self.dense.get(i));
        match dense.or_else(|| self.sparse.get(&id)) {
            Some(&index) if index != NO_INDEX => Ok(index),
            _ => Err(Error::Invalid(format!("{} {id} does not exist", self.kind))),
        }
    }
}
