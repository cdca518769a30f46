//! What a session tells whoever follows it: what was recorded of each process by its end.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::snapshot::{Key, Snapshot};

/// How long anybody waits at most until what was told is passed on.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What there is to tell.
#[derive(Debug)]
pub enum News {
    /// A process has ended, or is about to: this is what was recorded of it.
    Ended(Box<Snapshot>),
    /// Nothing more will be recorded of a process.
    Gone(Key),
    /// Somebody waits until all that was told before is passed on.
    Settle(Sender<()>),
}

/// A session's end of the way to its follower.
#[derive(Debug, Clone)]
pub struct Teller(Sender<News>);

/// A way to a follower, and the follower's end of it.
pub fn news() -> (Teller, Receiver<News>) {
    let (sender, receiver) = unbounded();
    (Teller(sender), receiver)
}

impl Teller {
    /// Tells it; nobody waits for what becomes of it.
    pub fn tell(&self, news: News) {
        self.0.send(news).ok(); // who follows no more need not know
    }

    /// Asks to be told when all that was told before is passed on.
    pub fn settle(&self) -> Receiver<()> {
        let (answer, settled) = bounded(1);
        self.tell(News::Settle(answer));
        settled
    }

    /// Waits until all that was told before is passed on, for [`PATIENCE`] at most.
    pub fn wait(&self) {
        let _ = self.settle().recv_timeout(PATIENCE); // who is not there any more has nothing to pass on
    }
}
