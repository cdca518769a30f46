//! Starting to send, and the end of it.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, bounded};
use heaptrace_collector::news::{News, PATIENCE};
use heaptrace_collector::question::Asker;
use heaptrace_collector::symbolize::Symbolizer;

use crate::client::Client;
use crate::follower::Follower;
use crate::outbox::Outbox;
use crate::pushed::Pushed;
use crate::settings::Settings;

/// Profiles are sent until the session is over; and when this is dropped, which it is to be after that, the
/// last ones, for a short time.
#[derive(Debug)]
pub struct Pushing {
    outbox: Arc<Outbox>,
    follower: Option<JoinHandle<()>>,
}

impl Pushing {
    /// Sends what is recorded in the session that `asker` leads to and `news` come from. `complain` hears
    /// of the first failure.
    ///
    /// # Errors
    /// If there can be no threads.
    pub fn start(
        settings: Settings,
        asker: Asker,
        news: Receiver<News>,
        symbolizer: Arc<Symbolizer>,
        complain: impl FnMut(&Pushed) + Send + 'static,
    ) -> io::Result<Pushing> {
        let outbox = Arc::new(Outbox::new(settings.target.to_string()));
        let client = Client::new(&settings);
        let sending = Arc::clone(&outbox);
        // Nobody waits for it: it may be waiting for the server.
        thread::Builder::new().spawn(move || sending.send_all(&client, complain))?;
        let follower = Follower::new(settings, asker, symbolizer, Arc::clone(&outbox));
        let follower = thread::Builder::new().spawn(move || follower.follow(&news))?;
        Ok(Pushing { outbox, follower: Some(follower) })
    }

    /// What has been sent by now.
    pub fn pushed(&self) -> Pushed {
        self.outbox.pushed()
    }

    /// The same, for others.
    pub fn account(&self) -> Account {
        Account(Arc::clone(&self.outbox))
    }
}

/// Tells what has become of the profiles that are to be sent.
#[derive(Debug, Clone)]
pub struct Account(Arc<Outbox>);

impl Account {
    /// What has been sent by now.
    pub fn pushed(&self) -> Pushed {
        self.0.pushed()
    }
}

impl Drop for Pushing {
    fn drop(&mut self) {
        self.follower.take().into_iter().for_each(|follower| drop(follower.join()));
        let (settler, settled) = bounded(1);
        self.outbox.settle(settler);
        let _ = settled.recv_timeout(PATIENCE); // what is not sent by then will not be
        self.outbox.close();
    }
}
