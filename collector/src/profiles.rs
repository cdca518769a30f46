//! The profiles of processes that have ended: those that a summary names, and sums of the others.

use std::path::Path;

use hashbrown::HashMap;

use crate::snapshot::Key;
use crate::summary::{OtherProfiles, Written};

/// What has become of the profiles of a session.
#[derive(Debug)]
pub struct Profiles {
    /// How many are named; the program's is in any case.
    most: usize,
    /// Each with its place among all.
    named: HashMap<Key, (u64, Written)>,
    written: u64,
    /// Those of the others whose processes were about to end when they were written, and may be written anew.
    unsettled: HashMap<Key, Written>,
    others: OtherProfiles,
}

impl Profiles {
    /// None yet, of which `most` will be named.
    pub fn new(most: usize) -> Profiles {
        let (named, unsettled, others) = Default::default();
        Profiles { most, named, written: 0, unsettled, others }
    }

    /// A profile was written, or could not be: the last of its process, unless that `goes_on`. It takes the
    /// place of the process's earlier one.
    pub fn add(&mut self, key: Key, written: Written, goes_on: bool) {
        self.written += 1;
        self.unsettled.remove(&key);
        if self.named.len() < self.most || written.is_program || self.named.contains_key(&key) {
            self.named.insert(key, (self.written, written));
        } else if goes_on {
            self.unsettled.insert(key, written);
        } else {
            self.others.add(&written);
        }
    }

    /// Nothing more will be written of a process.
    pub fn settle(&mut self, key: Key) {
        self.unsettled.remove(&key).iter().for_each(|written| self.others.add(written));
    }

    /// Where a process's profile is that was written before.
    pub fn path(&self, key: Key) -> Option<&Path> {
        let named = self.named.get(&key).map(|(_, written)| written);
        named.or_else(|| self.unsettled.get(&key)).map(|written| &*written.path)
    }

    /// Is the program's there?
    pub fn have_program(&self) -> bool {
        self.named.values().any(|(_, written)| written.is_program)
    }

    /// Those that are named, in the order in which they were written, and the others.
    pub fn told(&self) -> (Vec<Written>, OtherProfiles) {
        let mut named: Vec<_> = self.named.values().collect();
        named.sort_by_key(|&&(place, _)| place);
        let mut others = self.others.clone();
        self.unsettled.values().for_each(|written| others.add(written));
        (named.into_iter().map(|(_, written)| written.clone()).collect(), others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Counters;
    use crate::summary::{Malloc, Memory, Outcome};

    fn key(number: u64) -> Key {
        Key { image: 1, number }
    }

    fn written(pid: u32, samples: u64) -> Written {
        Written {
            path: format!("out.{pid}.prof").into(),
            name: "prog".into(),
            pid,
            is_program: false,
            counters: Counters { samples, lost_samples: 1, ..Counters::default() },
            rate: 1,
            malloc: Malloc::Hooked,
            memory: Memory::default(),
            outcome: Outcome::File,
        }
    }

    #[test]
    fn of_thousands_of_processes_a_bounded_number_is_kept_and_the_sums_of_all() {
        let mut profiles = Profiles::new(100);
        for number in 0..50_000 {
            profiles.add(key(number), written(number as u32, 7), true);
            profiles.add(key(number), written(number as u32, 10), false);
            profiles.settle(key(number));
        }
        profiles.add(key(50_000), Written { is_program: true, ..written(1, 10) }, false);
        assert_eq!((profiles.named.len(), profiles.unsettled.len()), (101, 0));
        let (named, others) = profiles.told();
        let named: Vec<_> = named.iter().map(|written| written.pid).collect();
        assert_eq!(named, (0..100).chain([1]).collect::<Vec<_>>());
        let Counters { samples, lost_samples, .. } = others.counters;
        assert_eq!((others.count, samples, lost_samples), (49_900, 499_000, 49_900));
        assert!(profiles.have_program());
    }

    #[test]
    fn what_is_written_anew_counts_once_and_is_the_latest() {
        for most in [0, 9] {
            let mut profiles = Profiles::new(most);
            profiles.add(key(1), written(1, 5), true);
            assert_eq!(profiles.path(key(1)), Some("out.1.prof".as_ref()));
            profiles.add(key(2), written(2, 5), false);
            profiles.add(key(1), written(1, 6), true);
            let (named, others) = profiles.told();
            let samples = named.iter().map(|written| written.counters.samples).sum::<u64>();
            assert_eq!(samples + others.counters.samples, 11, "at most {most} named");
            assert_eq!(named.len() as u64 + others.count, 2);
            assert!(named.last().is_none_or(|last| last.pid == 1));
            profiles.settle(key(1));
            assert_eq!(profiles.told(), (named, others));
        }
    }
}
