//! Snapshots that are kept to take differences to, for clients that ask for them. They share what has not
//! changed since with the session, and each other.

use heaptrace_collector::snapshot::{Key, Snapshot};

/// Snapshots by process and name, the latest last.
#[derive(Debug)]
pub struct Kept {
    all: Vec<((Key, String), Snapshot)>,
    most: usize,
}

impl Kept {
    /// None yet; of more than `most` the oldest go.
    pub fn new(most: usize) -> Kept {
        Kept { all: Vec::new(), most }
    }

    /// Keeps a snapshot. Returns what was kept of the same process under the same name.
    pub fn replace(&mut self, name: &str, snapshot: Snapshot) -> Option<Snapshot> {
        let key = (snapshot.key, name.to_owned());
        let same = self.all.iter().position(|(other, _)| *other == key);
        let before = same.map(|index| self.all.remove(index).1);
        self.all.push((key, snapshot));
        if self.all.len() > self.most {
            self.all.remove(0);
        }
        before
    }

    /// What is kept of a process under a name.
    pub fn get(&self, process: Key, name: &str) -> Option<&Snapshot> {
        self.all.iter().find(|((key, other), _)| *key == process && other == name).map(|(_, kept)| kept)
    }

    /// Lets go of what is kept of processes that are gone.
    pub fn retain(&mut self, is_there: impl Fn(Key) -> bool) {
        self.all.retain(|((key, _), _)| is_there(*key));
    }
}
