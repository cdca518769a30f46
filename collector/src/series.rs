//! The profiles that are written of processes while they go on: `out.0001.prof`, `out.0002.prof`, …

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;

use crate::names::Names;
use crate::naming::insert;
use crate::request::Witness;
use crate::snapshot::Key;
use crate::summary::{OtherSeries, Series};
use crate::writer::Done;

/// The series of all processes.
#[derive(Debug)]
pub struct AllSeries {
    /// How many are named; the program's is in any case.
    most: u64,
    begun: u64,
    /// Those of processes that go on.
    open: HashMap<Key, Open>,
    /// The others that are named, with their places among all.
    closed: Vec<(u64, Series)>,
    others: OtherSeries,
}

/// A series to which more may be added.
#[derive(Debug)]
struct Open {
    place: u64,
    is_named: bool,
    series: Series,
    /// How many names were tried for it.
    tried: u64,
    is_being_written: bool,
    /// Its process is over.
    is_over: bool,
}

/// Whose series it is.
#[derive(Debug)]
pub struct Whose {
    /// The program's name.
    pub name: OsString,
    /// Its process id.
    pub pid: u32,
    /// It is the program that was asked for.
    pub is_program: bool,
}

impl AllSeries {
    /// None yet, of which `most` will be named.
    pub fn new(most: usize) -> AllSeries {
        let (open, closed, others) = Default::default();
        AllSeries { most: most as u64, begun: 0, open, closed, others }
    }

    /// The path of a process's next profile beside `end`, that of its end. `None` if it is not time for
    /// another one, as the last is still being written.
    pub fn begin(&mut self, key: Key, whose: Whose, end: &Path, names: &mut Names) -> Option<PathBuf> {
        let open = self.open.entry(key).or_insert_with(|| {
            self.begun += 1;
            let Whose { name, pid, is_program } = whose;
            let (first, last) = Default::default();
            Open {
                place: self.begun,
                is_named: self.begun <= self.most || is_program,
                series: Series { name, pid, first, last, count: 0, failed: None },
                tried: 0,
                is_being_written: false,
                is_over: false,
            }
        });
        if open.is_being_written {
            return None;
        }
        open.is_being_written = true;
        // An earlier process of that id may have left some.
        names.take(std::iter::from_fn(|| {
            open.tried += 1;
            Some(insert(end, &format!("{:04}", open.tried)))
        }))
    }

    /// One of them was written, or not: then `witness` hears of the first of a process.
    pub fn end(&mut self, done: Done, witness: Option<&dyn Witness>) {
        let Some(open) = self.open.get_mut(&done.key) else { return };
        open.is_being_written = false;
        let series = &mut open.series;
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
        if open.is_over {
            self.settle(done.key);
        }
    }

    /// Nothing more will be written of a process but what is being written.
    pub fn settle(&mut self, key: Key) {
        match self.open.get_mut(&key) {
            Some(open) if open.is_being_written => open.is_over = true,
            _ => match self.open.remove(&key) {
                Some(Open { is_named: true, place, series, .. }) => self.closed.push((place, series)),
                Some(open) => self.others.add(&open.series),
                None => {}
            },
        }
    }

    /// Is none being written?
    pub fn is_idle(&self) -> bool {
        !self.open.values().any(|open| open.is_being_written)
    }

    /// Those that are named, in the order in which they were begun, and the others.
    pub fn told(&self) -> (Vec<Series>, OtherSeries) {
        let mut others = self.others.clone();
        let (named, counted): (Vec<_>, Vec<_>) = self.open.values().partition(|open| open.is_named);
        counted.iter().for_each(|open| others.add(&open.series));
        let open = named.into_iter().map(|open| (open.place, &open.series));
        let closed = self.closed.iter().map(|(place, series)| (*place, series));
        let mut named: Vec<_> = closed.chain(open).collect();
        named.sort_by_key(|&(place, _)| place);
        (named.into_iter().map(|(_, series)| series.clone()).collect(), others)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;

    use super::*;
    use crate::recording::Counters;
    use crate::writer::Occasion;

    fn begin(all: &mut AllSeries, number: u64, end: &Path, names: &mut Names) -> Option<PathBuf> {
        let whose = Whose { name: "prog".into(), pid: 5, is_program: number == 999 };
        all.begin(Key { image: 1, number }, whose, end, names)
    }

    fn end(all: &mut AllSeries, number: u64, path: PathBuf, names: &mut Names, result: io::Result<()>) {
        names.is_done(&path);
        let key = Key { image: 1, number };
        let done = Done { key, path, occasion: Occasion::Interval, counters: Counters::default(), result };
        all.end(done, None);
    }

    #[test]
    fn a_process_with_the_id_of_an_earlier_one_goes_on_where_that_left_off() {
        let folder = tempfile::tempdir().unwrap();
        let end_path = folder.path().join("out.prof");
        fs::write(folder.path().join("out.0001.prof"), "of an earlier session").unwrap();
        let (mut all, mut names) = (AllSeries::new(9), Names::default());
        for (number, name) in [(1, "out.0001.prof"), (1, "out.0002.prof"), (2, "out.0003.prof")] {
            let path = begin(&mut all, number, &end_path, &mut names).unwrap();
            assert_eq!(path, folder.path().join(name));
            assert_eq!(begin(&mut all, number, &end_path, &mut names), None, "it is being written");
            fs::write(&path, "").unwrap();
            end(&mut all, number, path, &mut names, Ok(()));
        }
        let told: Vec<_> = all.told().0.into_iter().map(|series| (series.first, series.last)).collect();
        let path = |name| folder.path().join(name);
        let expected = [["out.0001.prof", "out.0002.prof"], ["out.0003.prof", "out.0003.prof"]];
        assert_eq!(told, expected.map(|[first, last]| (path(first), path(last))));
    }

    #[test]
    fn of_thousands_of_processes_a_bounded_number_is_kept_and_the_sums_of_all() {
        let (mut all, mut names) = (AllSeries::new(100), Names::default());
        for number in 0..5000 {
            let path = begin(&mut all, number, Path::new("/nowhere/out.prof"), &mut names).unwrap();
            // The process ends while its profile is being written.
            all.settle(Key { image: 1, number });
            assert!(!all.is_idle());
            let result = if number % 2 == 0 { Ok(()) } else { Err(io::Error::other("full")) };
            end(&mut all, number, path, &mut names, result);
            assert!(all.is_idle());
        }
        assert_eq!((all.open.len(), all.closed.len()), (0, 101));
        let (named, others) = all.told();
        assert_eq!((named.len(), others.processes, others.count), (101, 4899, 2450));
        assert_eq!(others.failed.as_deref(), Some("/nowhere/out.0001.prof: full"));
    }
}
