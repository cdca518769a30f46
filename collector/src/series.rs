//! The profiles that are written of processes while they go on: `out.0001.prof`, `out.0002.prof`, …

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;

use crate::naming::insert;
use crate::request::Witness;
use crate::snapshot::Key;
use crate::summary::Series;
use crate::writer::Done;

/// The series of all processes.
#[derive(Debug, Default)]
pub struct AllSeries {
    all: Vec<(Key, Series)>,
    /// How many profiles were begun beside each path, by whichever process.
    begun: HashMap<PathBuf, u64>,
    writing: Vec<Key>,
}

impl AllSeries {
    /// The path of a process's next profile beside `end`, that of its end. `None` if it is not time for
    /// another one, as the last is still being written.
    pub fn begin(&mut self, key: Key, pid: u32, name: OsString, end: &Path) -> Option<PathBuf> {
        if self.writing.contains(&key) {
            return None;
        }
        let number = self.begun.entry(end.to_owned()).or_default();
        *number += 1;
        let path = insert(end, &format!("{number:04}"));
        self.writing.push(key);
        if !self.all.iter().any(|(other, _)| *other == key) {
            let (first, last) = (path.clone(), path.clone());
            self.all.push((key, Series { name, pid, first, last, count: 0, failed: None }));
        }
        Some(path)
    }

    /// One of them was written, or not: then `witness` hears of the first of a process.
    pub fn end(&mut self, done: Done, witness: Option<&dyn Witness>) {
        self.writing.retain(|key| *key != done.key);
        let Some((_, series)) = self.all.iter_mut().find(|(key, _)| *key == done.key) else { return };
        match done.result {
            Ok(()) => {
                if series.count == 0 {
                    series.first.clone_from(&done.path);
                }
                series.count += 1;
                series.last = done.path;
            }
            Err(why) => {
                let is_first = series.failed.is_none();
                series.failed = Some(format!("{}: {why}", done.path.display()));
                witness.filter(|_| is_first).into_iter().for_each(|witness| witness.no_snapshot(series));
            }
        }
    }

    /// Is none being written?
    pub fn is_idle(&self) -> bool {
        self.writing.is_empty()
    }

    /// What there is by now.
    pub fn all(&self) -> Vec<Series> {
        self.all.iter().map(|(_, series)| series.clone()).collect()
    }
}
