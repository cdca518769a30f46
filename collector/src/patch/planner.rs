//! Who tells starting processes of their patches: beside the thread that drains, as a file may be large.

use std::io;
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
    jobs: Sender<Job>,
    /// The programs in which there is nothing to patch.
    pub plain: PlainPrograms,
}

impl Planner {
    /// Starts its thread, which ends when nobody can ask any more, and knows these plans already.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(plans: Plans) -> io::Result<Planner> {
        let ((sender, jobs), plain) = (unbounded(), plans.programs.clone());
        thread::Builder::new().spawn(move || work(&jobs, plans))?;
        Ok(Planner { jobs: sender, plain })
    }

    /// Has a process told of its patches.
    pub fn tell(&self, pid: u32, connection: Connection) -> Left {
        let left = Left::default();
        self.jobs.send(Job { pid, connection, left: Arc::clone(&left) }).ok();
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
