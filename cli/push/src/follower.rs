//! Follows a session: makes what is to be sent of each of its processes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use hashbrown::HashMap;
use heaptrace_collector::news::News;
use heaptrace_collector::question::Asker;
use heaptrace_collector::recording::Since;
use heaptrace_collector::snapshot::{Key, Snapshot};
use heaptrace_collector::symbolize::Symbolizer;

use crate::attributes::attributes;
use crate::fitting::fitting;
use crate::moment::Moment;
use crate::outbox::Outbox;
use crate::settings::Settings;
use crate::target::Protocol;
use crate::{connect, ingest, otlp};

/// What makes it.
#[derive(Debug)]
pub struct Follower {
    pub settings: Settings,
    pub asker: Asker,
    pub symbolizer: Arc<Symbolizer>,
    pub outbox: Arc<Outbox>,
    /// What was recorded of each process up to its last profile here.
    passed: HashMap<Key, Snapshot>,
    /// The end of the last of all profiles.
    last: SystemTime,
}

impl Follower {
    /// Nothing is made yet.
    pub fn new(
        settings: Settings,
        asker: Asker,
        symbolizer: Arc<Symbolizer>,
        outbox: Arc<Outbox>,
    ) -> Follower {
        let (passed, last) = (HashMap::new(), SystemTime::UNIX_EPOCH);
        Follower { settings, asker, symbolizer, outbox, passed, last }
    }

    /// Goes on until the session is over.
    pub fn follow(mut self, news: &Receiver<News>) {
        let mut next = Instant::now() + self.settings.interval;
        loop {
            match news.recv_deadline(next) {
                Ok(News::Ended(snapshot)) => self.pass(*snapshot),
                Ok(News::Gone(process)) => drop(self.passed.remove(&process)),
                Ok(News::Settle(settler)) => self.outbox.settle(settler),
                Err(RecvTimeoutError::Timeout) => {
                    self.look();
                    // What was missed, as this machine slept, is not made up for.
                    next = (next + self.settings.interval).max(Instant::now());
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Makes profiles of the processes that go on; but not while others wait, as the next one will have
    /// all that this one would have had.
    fn look(&mut self) {
        if !self.outbox.is_empty() {
            return;
        }
        for process in self.asker.processes().unwrap_or_default() {
            if let Some(snapshot) = self.asker.snapshot(process.pid) {
                self.pass(snapshot);
            }
        }
    }

    /// Makes the profile of a process since its last one.
    fn pass(&mut self, snapshot: Snapshot) {
        let last = self.passed.get(&snapshot.key);
        if last.is_some_and(|last| last.taken > snapshot.taken) {
            return; // that one was taken while this one was on its way here
        }
        // A fault of ours costs this profile, not the others.
        let made = catch_unwind(AssertUnwindSafe(|| self.moment(&snapshot, last)));
        if let Some(moment) = made.ok().flatten() {
            self.last = moment.until;
            let url = &self.settings.target.url;
            self.outbox.put(match self.settings.target.protocol {
                Protocol::Connect => connect::request(url, &moment),
                Protocol::Ingest => ingest::request(url, &moment),
                Protocol::Otlp => otlp::request(url, &moment),
            });
        }
        self.passed.insert(snapshot.key, snapshot);
    }

    fn moment(&self, snapshot: &Snapshot, last: Option<&Snapshot>) -> Option<Moment> {
        /// A store takes two profiles of one series and millisecond to be the same. Processes forked from
        /// one another may be looked at in the same instant.
        const APART: Duration = Duration::from_millis(1);
        let recording = snapshot.recording(last.map(|last| (last, Since::Allocations)));
        let mut profile = fitting(recording, &self.symbolizer)?;
        let until = snapshot.taken.max(self.last + APART);
        let since_epoch = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        profile.time_nanos = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
        Some(Moment {
            profile,
            since: last.map_or(snapshot.started, |last| last.taken),
            until,
            attributes: attributes(snapshot, &self.settings.labels),
        })
    }
}
