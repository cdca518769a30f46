//! What can be asked of a session while it goes on, by any thread: nobody but the session looks into
//! its images.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use heaptrace_channel::processes::Process;

use crate::image::Image;
use crate::profiled::Profiled;
use crate::snapshot::Snapshot;
use crate::wake::Waker;

/// A question, with where the answer goes.
#[derive(Debug)]
pub enum Question {
    /// Who is recorded?
    Processes(Sender<Vec<Profiled>>),
    /// What was recorded of a process?
    Snapshot(u32, Sender<Option<Snapshot>>),
    /// Give this moment of a process a name. False if the process is not recorded.
    Mark(u32, String, Sender<bool>),
    /// What was recorded of a process up to the mark of that name?
    Marked(u32, String, Sender<Marked>),
    /// The names of a process's marks.
    Marks(u32, Sender<Vec<Arc<str>>>),
    /// From now on draw samples of a process, and those that it was forked from or forks, at this rate;
    /// [`OFF`](heaptrace_channel::weight::OFF) for none.
    Rate(u32, u64, Sender<RateSet>),
}

/// What there is of a mark.
#[derive(Debug)]
pub enum Marked {
    /// What was recorded up to it.
    Found(Box<Snapshot>),
    /// There is none of that name. These are the names of others, oldest first.
    None(Vec<Arc<str>>),
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
pub struct Asker {
    questions: Sender<Question>,
    waker: Waker,
}

/// Where a session gets them.
pub type Questions = Receiver<Question>;

/// Questions that may wait for a session that is busy.
const WAITING: usize = 256;

/// How long an answer is waited for. A session looks at questions after each look at the rings.
const PATIENCE: Duration = Duration::from_secs(10);

/// A way to the session that is woken by `waker`, and its end of it.
pub fn questions(waker: Waker) -> (Asker, Questions) {
    let (questions, receiver) = bounded(WAITING);
    (Asker { questions, waker }, receiver)
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

    /// Gives this moment of the process a name; `None` if the session is over or has no time, and false if the
    /// process is not there.
    pub fn mark(&self, pid: u32, name: &str) -> Option<bool> {
        self.ask(|answer| Question::Mark(pid, name.to_owned(), answer))
    }

    /// What was recorded of the process up to a mark; `None` if the session is over or has no time.
    pub fn marked(&self, pid: u32, name: &str) -> Option<Marked> {
        self.ask(|answer| Question::Marked(pid, name.to_owned(), answer))
    }

    /// The names of the process's marks, oldest first; `None` if the session is over or has no time.
    pub fn marks(&self, pid: u32) -> Option<Vec<Arc<str>>> {
        self.ask(|answer| Question::Marks(pid, answer))
    }

    /// Has samples of the process drawn at another rate; `None` if the session is over or has no time.
    pub fn set_rate(&self, pid: u32, rate: u64) -> Option<RateSet> {
        self.ask(|answer| Question::Rate(pid, rate, answer))
    }

    fn ask<T>(&self, question: impl FnOnce(Sender<T>) -> Question) -> Option<T> {
        let (answer, answered) = bounded(1);
        self.questions.send_timeout(question(answer), PATIENCE).ok()?;
        self.waker.wake();
        answered.recv_timeout(PATIENCE).ok()
    }
}

/// The process with that id that is recorded and goes on: its image, with the id of that, and its slot. Of two
/// images of one process the later one counts.
fn find(images: &mut [(u64, Image)], pid: u32) -> Option<(u64, &mut Image, Process)> {
    images.iter_mut().rev().find_map(|(id, image)| {
        let process = image.recorded_process(pid)?;
        Some((*id, image, process))
    })
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
            let found = find(images, pid).and_then(|(id, image, process)| image.snapshot(id, process));
            answer.send(found).ok();
        }
        Question::Mark(pid, name, answer) => {
            let found = find(images, pid).map(|(_, image, process)| image.mark(process, &name));
            answer.send(found.is_some()).ok();
        }
        Question::Marked(pid, name, answer) => {
            let found = find(images, pid).map_or(Marked::None(Vec::new()), |(id, image, process)| {
                let marked = image.marked(id, process, &name);
                marked
                    .map_or_else(|| Marked::None(image.marks(process)), |marked| Marked::Found(marked.into()))
            });
            answer.send(found).ok();
        }
        Question::Marks(pid, answer) => {
            let found = find(images, pid).map_or(Vec::new(), |(_, image, process)| image.marks(process));
            answer.send(found).ok();
        }
        Question::Rate(pid, rate, answer) => {
            let set = match find(images, pid).map(|(_, image, _)| image.set_rate(rate)) {
                None => RateSet::NoProcess,
                Some(true) => RateSet::Done,
                Some(false) => RateSet::TooOften,
            };
            answer.send(set).ok();
        }
    }
}
