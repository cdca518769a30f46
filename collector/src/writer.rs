//! Writes profiles, beside the thread that drains: looking names up takes its time.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::profile::profile;
use crate::recording::Recording;
use crate::symbolize::Symbolizer;

/// A profile to write.
#[derive(Debug)]
pub struct Job<K> {
    /// For whoever asked.
    pub key: K,
    /// Where it goes.
    pub path: PathBuf,
    /// What it says.
    pub recording: Recording,
}

/// A profile that was written, or why not.
#[derive(Debug)]
pub struct Done<K> {
    /// The job's.
    pub key: K,
    /// What went wrong.
    pub result: io::Result<()>,
}

/// Threads that write profiles.
#[derive(Debug)]
pub struct Writers<K> {
    jobs: Option<Sender<Job<K>>>,
    done: Receiver<Done<K>>,
    symbolizer: Arc<Symbolizer>,
    threads: Vec<JoinHandle<()>>,
}

impl<K: Send + 'static> Writers<K> {
    /// Starts `count` threads.
    pub fn start(count: usize, symbolizer: Arc<Symbolizer>) -> Writers<K> {
        let (jobs, waiting) = unbounded::<Job<K>>();
        let (finished, done) = unbounded();
        let threads = (0..count)
            .map(|_| {
                let (waiting, finished) = (waiting.clone(), finished.clone());
                let symbolizer = Arc::clone(&symbolizer);
                std::thread::spawn(move || {
                    waiting
                        .iter()
                        .map(|job| write(job, &symbolizer))
                        .try_for_each(|done| finished.send(done))
                        .ok();
                })
            })
            .collect();
        Writers { jobs: Some(jobs), done, symbolizer, threads }
    }

    /// Gives them a profile to write.
    pub fn write(&self, job: Job<K>) {
        if let Some(jobs) = &self.jobs {
            jobs.send(job).ok();
        }
    }

    /// What the user should know about names that were not found, line by line.
    pub fn complaints(&self) -> Vec<String> {
        self.symbolizer.complaints()
    }

    /// What they have written.
    pub fn done(&self) -> &Receiver<Done<K>> {
        &self.done
    }
}

impl<K> Drop for Writers<K> {
    fn drop(&mut self) {
        self.jobs = None;
        self.threads.drain(..).for_each(|thread| {
            thread.join().ok();
        });
    }
}

fn write<K>(job: Job<K>, symbolizer: &Symbolizer) -> Done<K> {
    let Job { key, path, recording } = job;
    let mut frames: Vec<_> = recording.stacks.leaves().collect();
    frames.sort_unstable();
    frames.dedup();
    let symbols = symbolizer.symbolize(&recording.modules, &frames, recording.pid);
    let profile = profile(&recording, &symbols);
    Done { key, result: heaptrace_pprof::write_file(&path, &profile) }
}
