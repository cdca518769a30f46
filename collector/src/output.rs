//! The profiles of a session: which file each goes to, and what has become of it.

use std::ffi::OsString;
use std::iter::once;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use hashbrown::HashMap;
use heaptrace_channel::processes::Process;
use heaptrace_channel::weight::OFF;
use heaptrace_pprof::whole_file::Nameless;
use heaptrace_symbolize::Symbolizer;

use crate::names::Names;
use crate::naming::{Pattern, Subject, insert};
use crate::news::Teller;
use crate::profiles::Profiles;
use crate::request::Witness;
use crate::series::{AllSeries, Whose};
use crate::snapshot::{Key, Snapshot};
use crate::summary::{Malloc, Outcome, Summary, Written};
use crate::time_line::memory;
use crate::wake::Waker;
use crate::writer::{Done, Job, Occasion, Writers};

const WRITERS: usize = 2;

/// The profiles of a session.
#[derive(Debug)]
pub struct Output {
    pattern: Pattern,
    /// What the program's profile can be written to.
    file: Option<Nameless>,
    writers: Writers,
    witness: Option<Box<dyn Witness>>,
    pending: HashMap<Key, Pending>,
    profiles: Profiles,
    series: AllSeries,
    names: Names,
}

/// What a profile is of, beside what was recorded.
#[derive(Debug)]
pub struct About {
    /// The program's name.
    pub name: OsString,
    /// It is that of the program that was asked for.
    pub is_program: bool,
    /// How the program came to its memory.
    pub malloc: Malloc,
    /// The process that waits for it, if it lives.
    pub waiting: Option<Process>,
}

/// A profile that is being written.
#[derive(Debug)]
struct Pending {
    written: Written,
    waiting: Option<Process>,
}

impl Output {
    /// No profile yet; of so many processes the profiles are kept in mind. `waker` wakes who is to hear of each.
    pub fn new(
        pattern: Pattern,
        file: Option<Nameless>,
        named: usize,
        symbolizer: Arc<Symbolizer>,
        witness: Option<Box<dyn Witness>>,
        news: Option<Teller>,
        waker: &Waker,
    ) -> Output {
        let writers = Writers::new(WRITERS, symbolizer, news, waker.clone());
        let (profiles, series) = (Profiles::new(named), AllSeries::new(named));
        let (pending, names) = Default::default();
        Output { pattern, file, writers, witness, pending, profiles, series, names }
    }

    /// Is ready to write one soon.
    pub fn rehearse(&mut self) {
        self.writers.rehearse();
    }

    /// Has the profile of a process written.
    pub fn write(&mut self, snapshot: Snapshot, about: About) {
        let About { name, is_program, malloc, waiting } = about;
        let subject = Subject { name: &name, pid: snapshot.pid, started: snapshot.started, is_program };
        let path = self.path(self.pattern.path(&subject), snapshot.key);
        let written = Written {
            path: path.clone(),
            is_program,
            name,
            pid: snapshot.pid,
            counters: snapshot.counters,
            rate: if snapshot.rates.is_some() { OFF } else { snapshot.rate },
            malloc,
            memory: memory(&snapshot.time_line, snapshot.most_resident),
            outcome: Outcome::File,
        };
        // The first process of a pid namespace, a container's: the kernel ends all others there with it.
        let ends_us = waiting.is_some() && snapshot.pid == 1;
        self.pending.insert(snapshot.key, Pending { written, waiting });
        let file = self.file.take_if(|_| is_program);
        self.writers.write(Job { path, file, snapshot, occasion: Occasion::End { ends_us } });
    }

    /// Has a profile written of a process that goes on, beside where that of its end will be.
    pub fn write_meanwhile(&mut self, snapshot: Snapshot, is_program: bool) {
        let name = snapshot.program.name().to_owned();
        let subject = Subject { name: &name, pid: snapshot.pid, started: snapshot.started, is_program };
        let end = self.pattern.path(&subject);
        let whose = Whose { name, pid: snapshot.pid, is_program };
        if let Some(path) = self.series.begin(snapshot.key, whose, &end, &mut self.names) {
            self.writers.write(Job { path, file: None, snapshot, occasion: Occasion::Interval });
        }
    }

    /// Where the profile of a process goes that was to go there: to the same file as before, or to one like it
    /// if an earlier image of this session has that one.
    fn path(&mut self, wanted: PathBuf, key: Key) -> PathBuf {
        if let Some(path) = self.profiles.path(key) {
            self.names.take_again(path.to_owned());
            return path.to_owned();
        }
        let others = (2..).map(|number: u64| insert(&wanted, &number.to_string()));
        self.names.take(once(wanted.clone()).chain(others)).unwrap_or(wanted)
    }

    /// A profile was written, or could not be. Returns the process that waits for it.
    pub fn written(&mut self, done: Done) -> Option<Process> {
        self.names.is_done(&done.path);
        if done.occasion == Occasion::Interval {
            self.series.end(done, self.witness.as_deref());
            return None;
        }
        let Pending { mut written, waiting } = self.pending.remove(&done.key)?;
        written.counters = done.counters;
        written.outcome = match done.result {
            Ok(()) if written.path.is_file() => Outcome::File,
            Ok(()) => Outcome::Stream,
            Err(error) => Outcome::Failed(error.to_string()),
        };
        if let (Outcome::Failed(_), Some(witness)) = (&written.outcome, &self.witness) {
            witness.not_written(&written);
        }
        self.profiles.add(done.key, written, waiting.is_some());
        waiting
    }

    /// What the writers are done with.
    pub fn done(&self) -> &Receiver<Done> {
        self.writers.done()
    }

    /// Is the profile of a process being written?
    pub fn is_writing(&self, key: Key) -> bool {
        self.pending.contains_key(&key)
    }

    /// Is none being written?
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.series.is_idle()
    }

    /// Nothing more will be written of a process.
    pub fn settle(&mut self, key: Key) {
        self.profiles.settle(key);
        self.series.settle(key);
    }

    /// Is the program's profile there?
    pub fn has_program(&self) -> bool {
        self.profiles.have_program()
    }

    /// Tells what has become of all profiles.
    pub fn tell(&self, summary: &mut Summary) {
        (summary.profiles, summary.other_profiles) = self.profiles.told();
        (summary.series, summary.other_series) = self.series.told();
        summary.complaints = self.writers.complaints();
    }
}
