//! Writes profiles, beside the thread that drains: looking names up takes its time.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::draft::Draft;
use crate::form::Form;
use crate::news::Teller;
use crate::profile::finish;
use crate::recording::{Counters, Recording, Since};
use crate::snapshot::{Key, Snapshot};
use heaptrace_pprof::Packer;
use heaptrace_symbolize::{Complaint, Symbolizer, Symbols};

/// A profile to write.
#[derive(Debug)]
pub struct Job {
    /// Where it goes.
    pub path: PathBuf,
    /// What it says.
    pub snapshot: Snapshot,
    /// What it is written for.
    pub occasion: Occasion,
}

/// What a profile is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The process is over, or about to be.
    End {
        /// With its end the collector is over too.
        ends_us: bool,
    },
    /// Some time has passed.
    Interval,
}

/// A profile that was written, or why not.
#[derive(Debug)]
pub struct Done {
    /// The process that it is of.
    pub key: Key,
    /// Where it was to go.
    pub path: PathBuf,
    /// The job's.
    pub occasion: Occasion,
    /// How complete it is.
    pub counters: Counters,
    /// What went wrong.
    pub result: io::Result<()>,
}

/// Threads that write profiles.
#[derive(Debug)]
pub struct Writers {
    jobs: Option<Sender<Job>>,
    done: Receiver<Done>,
    worker: Worker,
    /// How many there may be.
    most: usize,
    threads: Vec<JoinHandle<()>>,
}

/// What each of them needs.
#[derive(Debug, Clone)]
struct Worker {
    waiting: Receiver<Job>,
    finished: Sender<Done>,
    /// Jobs that were given and are not done.
    open: Arc<AtomicUsize>,
    symbolizer: Arc<Symbolizer>,
    news: Option<Teller>,
}

impl Writers {
    /// Starts a thread, beside which there will be others if it has too much to do, `most` in all. Where the collector
    /// ends with a process, they are not done with it before who follows the `news` is.
    ///
    /// # Errors
    /// If there can be none.
    pub fn start(most: usize, symbolizer: Arc<Symbolizer>, news: Option<Teller>) -> io::Result<Writers> {
        let (jobs, waiting) = unbounded();
        let (finished, done) = unbounded();
        let worker = Worker { waiting, finished, open: Arc::default(), symbolizer, news };
        let threads = vec![worker.start(Packer::new())?];
        Ok(Writers { jobs: Some(jobs), done, worker, most, threads })
    }

    /// Gives them a profile to write.
    pub fn write(&mut self, job: Job) {
        let open = self.worker.open.fetch_add(1, Relaxed) + 1;
        if open > self.threads.len() && self.threads.len() < self.most {
            self.threads.extend(self.worker.start(Packer::new())); // without it the others do it all
        }
        if let Some(jobs) = &self.jobs {
            jobs.send(job).ok();
        }
    }

    /// What the user should know about names that were not found.
    pub fn complaints(&self) -> Vec<Complaint> {
        self.worker.symbolizer.complaints()
    }

    /// What they have written.
    pub fn done(&self) -> &Receiver<Done> {
        &self.done
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.jobs = None;
        self.threads.drain(..).for_each(|thread| {
            thread.join().ok();
        });
    }
}

impl Worker {
    fn start(&self, packer: Packer) -> io::Result<JoinHandle<()>> {
        let worker = self.clone();
        thread::Builder::new().spawn(move || worker.work(packer))
    }

    fn work(&self, mut packer: Packer) {
        for job in &self.waiting {
            let done = write(job, &self.symbolizer, &mut packer);
            if let (Occasion::End { ends_us: true }, Some(news)) = (done.occasion, &self.news) {
                news.wait();
            }
            self.open.fetch_sub(1, Relaxed);
            if self.finished.send(done).is_err() {
                return;
            }
        }
    }
}

fn write(job: Job, symbolizer: &Symbolizer, packer: &mut Packer) -> Done {
    let Job { path, snapshot, occasion } = job;
    // A fault of ours costs this profile, not those of the session's other processes.
    let written = catch_unwind(AssertUnwindSafe(|| {
        let (message, counters) = message(&snapshot, None, Form::FILE, symbolizer);
        (counters, packer.write(&path, &message))
    }));
    let fault = || io::Error::other("it met a fault of heaptrace's, please report it");
    let (counters, result) = written.unwrap_or_else(|_| (snapshot.counters, Err(fault())));
    Done { key: snapshot.key, path, occasion, counters, result }
}

/// The profile of what was recorded up to a moment, or since another, as the bytes of a file before they are
/// gzipped, and how complete it is.
pub fn message(
    now: &Snapshot,
    since: Option<(&Snapshot, Since)>,
    form: Form,
    symbolizer: &Symbolizer,
) -> (Vec<u8>, Counters) {
    let mut draft = Draft::new(form);
    draft.samples.expect(if since.is_none() { now.sums.count() } else { 0 });
    let recording = now.record(since, &mut draft);
    let (profile, samples) = finish(draft, &recording, &symbols(&recording, symbolizer));
    (samples.message(&profile), recording.counters)
}

/// The names of a recording's frames.
pub fn symbols(recording: &Recording, symbolizer: &Symbolizer) -> Symbols {
    symbolizer.symbolize(&recording.modules, recording.stacks.frames(), recording.pid)
}
