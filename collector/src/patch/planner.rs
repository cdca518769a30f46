//! Who tells starting processes of their patches: beside the thread that drains, as a file may be large.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use heaptrace_channel::patch::VERSION;

use super::file::LeftAlone;
use super::plain::PlainPrograms;
use super::plans::Plans;
use crate::listener::Connection;

/// What was found in a process that could not be patched, once it has been looked at.
pub type Left = Arc<OnceLock<Vec<LeftAlone>>>;

/// A process that waits for its patches.
struct Job {
    pid: u32,
    connection: Connection,
    left: Left,
}

/// Works patches out.
#[derive(Debug)]
pub struct Planner {
    /// What its thread begins with when somebody asks, as hardly any program does.
    plans: Option<Plans>,
    /// The way to the thread.
    jobs: Option<Sender<Job>>,
    /// The programs in which there is nothing to patch.
    pub plain: PlainPrograms,
}

impl Planner {
    /// One that knows these plans already.
    pub fn new(plans: Plans) -> Planner {
        let plain = plans.programs.clone();
        Planner { plans: Some(plans), jobs: None, plain }
    }

    /// Has a process told of its patches. Where there can be no thread for that, its connection is closed, and it goes
    /// on without.
    pub fn tell(&mut self, pid: u32, connection: Connection) -> Left {
        if let Some(plans) = self.plans.take() {
            let (jobs, waiting) = unbounded();
            thread::Builder::new().spawn(move || work(&waiting, plans)).ok();
            self.jobs = Some(jobs);
        }
        let left = Left::default();
        let job = Job { pid, connection, left: Arc::clone(&left) };
        if let Some(jobs) = &self.jobs {
            jobs.send(job).ok();
        }
        left
    }
}

fn work(jobs: &Receiver<Job>, mut plans: Plans) {
    for Job { pid, connection, left } in jobs {
        // A fault of ours costs these patches only. The process waits for an answer in any case.
        let told = catch_unwind(AssertUnwindSafe(|| plans.of_process(pid)));
        let (message, left_alone) = told.unwrap_or_else(|_| (vec![VERSION], Vec::new()));
        let _ = left.set(left_alone); // nobody else does
        connection.send(&message);
    }
}
