//! What can be asked of a session while it goes on, by any thread: nobody but the session looks into
//! its images.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::image::Image;
use crate::profiled::Profiled;
use crate::snapshot::Snapshot;

/// A question, with where the answer goes.
#[derive(Debug)]
pub enum Question {
    /// Who is recorded?
    Processes(Sender<Vec<Profiled>>),
    /// What was recorded of a process?
    Snapshot(u32, Sender<Option<Snapshot>>),
    /// From now on draw samples of a process, and those that it was forked from or forks, at this rate;
    /// [`OFF`](heaptrace_channel::weight::OFF) for none.
    Rate(u32, u64, Sender<RateSet>),
}

/// What became of a change of the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateSet {
    /// It is what it was to be.
    Done,
    /// The process is not recorded.
    NoProcess,
    /// It was changed too often.
    TooOften,
}

/// Where questions are asked.
#[derive(Debug, Clone)]
pub struct Asker(Sender<Question>);

/// Where a session gets them.
pub type Questions = Receiver<Question>;

/// Questions that may wait for a session that is busy.
const WAITING: usize = 256;

/// How long an answer is waited for. A session looks at questions after each look at the rings.
const PATIENCE: Duration = Duration::from_secs(10);

/// A way to a session, and the session's end of it.
pub fn questions() -> (Asker, Questions) {
    let (sender, receiver) = bounded(WAITING);
    (Asker(sender), receiver)
}

impl Asker {
    /// Who is recorded; `None` if the session is over or has no time.
    pub fn processes(&self) -> Option<Vec<Profiled>> {
        self.ask(Question::Processes)
    }

    /// What was recorded of the process up to now; `None` if it is not there.
    pub fn snapshot(&self, pid: u32) -> Option<Snapshot> {
        self.ask(|answer| Question::Snapshot(pid, answer)).flatten()
    }

    /// Has samples of the process drawn at another rate; `None` if the session is over or has no time.
    pub fn set_rate(&self, pid: u32, rate: u64) -> Option<RateSet> {
        self.ask(|answer| Question::Rate(pid, rate, answer))
    }

    fn ask<T>(&self, question: impl FnOnce(Sender<T>) -> Question) -> Option<T> {
        let (answer, answered) = bounded(1);
        self.0.send_timeout(question(answer), PATIENCE).ok()?;
        answered.recv_timeout(PATIENCE).ok()
    }
}

/// Answers a question about the images of a session, oldest first, whose `program` has that process id.
pub fn answer(question: Question, images: &mut [(u64, Image)], program: Option<u32>) {
    // Nobody may wait any more.
    match question {
        Question::Processes(answer) => {
            let all = images.iter().flat_map(|(id, image)| image.profiled(*id, program));
            answer.send(all.collect()).ok();
        }
        Question::Snapshot(pid, answer) => {
            let mut latest = images.iter_mut().rev();
            let found = latest.find_map(|(id, image)| image.snapshot(*id, image.recorded_process(pid)?));
            answer.send(found).ok();
        }
        Question::Rate(pid, rate, answer) => {
            let mut latest = images.iter_mut().rev().map(|(_, image)| image);
            let found = latest.find(|image| image.recorded_process(pid).is_some());
            let set = match found.map(|image| image.set_rate(rate)) {
                None => RateSet::NoProcess,
                Some(true) => RateSet::Done,
                Some(false) => RateSet::TooOften,
            };
            answer.send(set).ok();
        }
    }
}
