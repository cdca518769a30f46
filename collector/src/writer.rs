//! Writes profiles, beside the thread that drains: looking names up takes its time.

use std::fs;
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
use crate::program::Program;
use crate::recording::{Counters, Recording, Since};
use crate::snapshot::{Key, Snapshot};
use crate::wake::Waker;
use heaptrace_pprof::Packer;
use heaptrace_pprof::whole_file::Nameless;
use heaptrace_symbolize::{Complaint, Symbolizer, Symbols};

/// A profile to write.
#[derive(Debug)]
pub struct Job {
    /// Where it goes.
    pub path: PathBuf,
    /// The file that is to be there, if it is made already.
    pub file: Option<Nameless>,
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

/// Write profiles: threads, which are started when there is something to write.
#[derive(Debug)]
pub struct Writers {
    jobs: Sender<Job>,
    done: Receiver<Done>,
    worker: Worker,
    /// That of the first thread, or of none.
    packer: Option<Packer>,
    /// How many threads there may be.
    most: usize,
    threads: Vec<JoinHandle<()>>,
}

/// What each of them needs.
#[derive(Debug, Clone)]
struct Worker {
    waiting: Receiver<Job>,
    finished: Sender<Done>,
    /// Wakes who hears of what is finished.
    waker: Waker,
    /// Jobs that were given and are not done.
    open: Arc<AtomicUsize>,
    symbolizer: Arc<Symbolizer>,
    news: Option<Teller>,
}

impl Writers {
    /// No more than so many. Where the collector ends with a process, they are not done with it before who follows the
    /// `news` is; `waker` wakes who hears of what is done.
    pub fn new(most: usize, symbolizer: Arc<Symbolizer>, news: Option<Teller>, waker: Waker) -> Writers {
        let (jobs, waiting) = unbounded();
        let (finished, done) = unbounded();
        let worker = Worker { waiting, finished, waker, open: Arc::default(), symbolizer, news };
        // The packer's tables are made while the program is being loaded.
        Writers { jobs, done, worker, packer: Some(Packer::new()), most, threads: Vec::new() }
    }

    /// Does all that it takes to write a profile but for the file, while nobody waits for it: what runs for the first time
    /// takes several times as long.
    pub fn rehearse(&mut self) {
        let nobody =
            Program { pid: 0, executable: PathBuf::new(), started_as: PathBuf::new(), command: Vec::new() };
        let nothing = Snapshot::of_nothing(Key::default(), nobody, 1);
        let (message, _) = message(&nothing, None, Form::FILE, &self.worker.symbolizer);
        self.packer.iter_mut().for_each(|packer| packer.rehearse(&message));
    }

    /// Gives them a profile to write.
    pub fn write(&mut self, job: Job) {
        let open = self.worker.open.fetch_add(1, Relaxed) + 1;
        if !is_short(&job) && open > self.threads.len() && self.threads.len() < self.most {
            let packer = self.packer.take().unwrap_or_else(Packer::new);
            self.threads.extend(self.worker.start(packer)); // without it the others do it all
        }
        if is_short(&job) || self.threads.is_empty() {
            self.worker.write(job, self.packer.get_or_insert_with(Packer::new));
        } else {
            self.jobs.send(job).ok();
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
        self.jobs = unbounded().0; // there will be none any more
        self.threads.drain(..).for_each(|thread| {
            thread.join().ok();
        });
    }
}

/// Is it as soon written as handed on? No names are to be looked up, and nobody has to read it.
fn is_short(job: &Job) -> bool {
    let is_special = || fs::symlink_metadata(&job.path).is_ok_and(|present| !present.is_file());
    job.snapshot.sums.count() == 0 && !is_special()
}

impl Worker {
    fn start(&self, mut packer: Packer) -> io::Result<JoinHandle<()>> {
        let worker = self.clone();
        thread::Builder::new().spawn(move || {
            for job in &worker.waiting {
                worker.write(job, &mut packer);
            }
        })
    }

    fn write(&self, job: Job, packer: &mut Packer) {
        let done = write(job, &self.symbolizer, packer);
        if let (Occasion::End { ends_us: true }, Some(news)) = (done.occasion, &self.news) {
            news.wait();
        }
        self.open.fetch_sub(1, Relaxed);
        self.finished.send(done).ok(); // else nobody hears of it any more
        self.waker.wake();
    }
}

fn write(job: Job, symbolizer: &Symbolizer, packer: &mut Packer) -> Done {
    let Job { path, file, snapshot, occasion } = job;
    // A fault of ours costs this profile, not those of the session's other processes.
    let written = catch_unwind(AssertUnwindSafe(|| {
        let (message, counters) = message(&snapshot, None, Form::FILE, symbolizer);
        (counters, packer.write(&path, file, &message))
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

#[cfg(test)]
mod tests {
    use heaptrace_symbolize::Options;

    use super::*;
    use crate::wake::Bed;

    #[test]
    fn what_has_no_samples_is_written_at_once_unless_somebody_has_to_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let symbolizer = Arc::new(Symbolizer::new(&Options::default()));
        let mut writers = Writers::new(2, symbolizer, None, Bed::new().unwrap().waker().clone());
        let mut write = |path: PathBuf| {
            let (executable, command) = ("/bin/true".into(), Vec::new());
            let program = Program { pid: 7, started_as: PathBuf::new(), executable, command };
            let snapshot = Snapshot::of_nothing(Key::default(), program, 1);
            writers.write(Job { path, file: None, snapshot, occasion: Occasion::End { ends_us: false } });
            writers.threads.len()
        };
        assert_eq!(write(folder.path().join("out.prof")), 0);
        assert!(folder.path().join("out.prof").is_file());
        assert_eq!(write("/dev/null".into()), 1);
        assert!((0..2).all(|_| writers.done().recv().unwrap().result.is_ok()));
    }
}
