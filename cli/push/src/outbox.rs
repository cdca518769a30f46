//! What waits to be sent, and the thread that sends it: oldest first, again after a while if the server
//! has no time, and no more after too long.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use heaptrace_collector::news;

use crate::client::{Answer, Client};
use crate::id;
use crate::pushed::Pushed;
use crate::request::Request;

/// How long a server may take to answer: what OpenTelemetry's clients give it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request waits at most. Pyroscope takes nothing that is older than an hour.
const LONGEST: Duration = Duration::from_secs(600);
/// How much waits at most, in bytes.
const MOST: usize = 32 << 20;
/// How long to wait after the first failure, twice that after the next one and so on, and at most; and the
/// same when somebody waits for us.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
const SHORT_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_millis(500));
/// A server is left alone for no longer than this, whatever it says.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// After so many failures in a row nobody need wait for us.
const HOPELESS: u32 = 3;

/// What waits to be sent.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Request>,
    /// One is on its way.
    is_sending: bool,
    pushed: Pushed,
    /// Failures since the last success.
    failures: u32,
    /// How long the server wants to be left alone after the last failure.
    asked_for: Duration,
    /// Who waits until nothing waits any more.
    settlers: Vec<Sender<()>>,
    is_closed: bool,
}

impl Outbox {
    /// An empty one, for what goes to a URL.
    pub fn new(to: String) -> Outbox {
        let pushed = Pushed { to, ..Pushed::default() };
        Outbox { queue: Mutex::new(Queue { pushed, ..Queue::default() }), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a request sent; of too many the oldest is not.
    pub fn put(&self, request: Request) {
        let mut queue = self.lock();
        queue.waiting.push_back(request);
        while queue.waiting.len() > 1 && queue.waiting.iter().map(|one| one.body.len()).sum::<usize>() > MOST
        {
            queue.waiting.pop_front();
            queue.pushed.lost += 1;
        }
        self.changed.notify_all();
    }

    /// Does nothing wait, nor is on its way?
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Tells `settler` when nothing waits any more, or there is no hope that this is soon so.
    pub fn settle(&self, settler: Sender<()>) {
        self.lock().settlers.push(settler);
        self.changed.notify_all();
    }

    /// Sends nothing more, but for what is on its way.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// What has become of what was put in.
    pub fn pushed(&self) -> Pushed {
        let queue = self.lock();
        let waiting = queue.waiting.len() as u64 + u64::from(queue.is_sending);
        Pushed { waiting, ..queue.pushed.clone() }
    }

    /// Sends what is put in until the box is closed. `complain` hears why the first that fails does.
    pub fn send_all(&self, client: &Client, mut complain: impl FnMut(&Pushed)) {
        while let Some(request) = self.next() {
            let answer = client.send(&request, PATIENCE);
            let is_first_failure = answer != Answer::Taken && self.lock().pushed.why.is_none();
            self.lock().note(request, answer);
            if is_first_failure {
                complain(&self.pushed());
            }
        }
    }

    /// The request to be sent, when it is time for it; `None` when the box is closed.
    fn next(&self) -> Option<Request> {
        let (since, jitter) = (Instant::now(), jitter());
        let mut queue = self.lock();
        loop {
            if queue.is_closed {
                return None;
            }
            queue.drop_old();
            let pause = queue.pause();
            if queue.is_empty() || !queue.settlers.is_empty() && pause > news::PATIENCE {
                queue.release();
            }
            let left = (since + pause.mul_f64(jitter)).saturating_duration_since(Instant::now());
            if queue.waiting.is_empty() {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            } else if left.is_zero() {
                let request = queue.waiting.pop_front()?;
                queue.is_sending = true;
                queue.pushed.retried += u64::from(request.was_tried);
                return Some(request);
            } else {
                let waited = self.changed.wait_timeout(queue, left);
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

/// A factor from 0.75 to 1.25: many who wait for one server are not to come back in the same instant.
fn jitter() -> f64 {
    0.75 + f64::from(id::random()[0]) / 510.0
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && !self.is_sending
    }

    fn note(&mut self, request: Request, answer: Answer) {
        self.is_sending = false;
        self.asked_for = Duration::ZERO;
        self.pushed.failed += u64::from(answer != Answer::Taken);
        match answer {
            Answer::Taken => {
                self.failures = 0;
                self.pushed.sent += 1;
                self.pushed.bytes += request.body.len() as u64;
            }
            Answer::Refused(why) => {
                self.failures = 0; // the server is there
                self.pushed.lost += 1;
                self.pushed.why = Some(why);
            }
            Answer::Later(why, after) => {
                self.failures += 1;
                self.pushed.why = Some(why);
                self.waiting.push_front(Request { was_tried: true, ..request });
                self.asked_for = after.unwrap_or_default().min(LONGEST_PAUSE);
                if self.failures >= HOPELESS {
                    self.release();
                }
            }
        }
    }

    fn drop_old(&mut self) {
        let before = self.waiting.len();
        self.waiting.retain(|request| request.made.elapsed() < LONGEST);
        self.pushed.lost += (before - self.waiting.len()) as u64;
    }

    /// How long to wait after the last failure.
    fn pause(&self) -> Duration {
        let Some(doublings) = self.failures.checked_sub(1) else { return Duration::ZERO };
        let (first, most) = if self.settlers.is_empty() { PAUSE } else { SHORT_PAUSE };
        let pause = (first * 2_u32.saturating_pow(doublings.min(16))).min(most);
        pause.max(self.asked_for)
    }

    /// Nobody need wait.
    fn release(&mut self) {
        self.settlers.drain(..).for_each(|settler| settler.send(()).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(queue: &mut Queue, times: u32, after: Option<Duration>) {
        for _ in 0..times {
            let request = queue.waiting.pop_front().unwrap();
            queue.note(request, Answer::Later("?".into(), after));
        }
    }

    fn request() -> Request {
        Request::new(String::new(), &[], vec![0; MOST / 4])
    }

    #[test]
    fn a_server_that_fails_is_left_alone_longer_and_longer_unless_somebody_waits() {
        let mut queue = Queue { waiting: [request()].into(), ..Queue::default() };
        assert_eq!(queue.pause(), Duration::ZERO);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            later(&mut queue, 1, None);
            assert_eq!(queue.pause(), Duration::from_secs(seconds));
        }
        later(&mut queue, 1, Some(Duration::from_secs(1_000_000)));
        assert_eq!(queue.pause(), LONGEST_PAUSE);
        later(&mut queue, 1, None);
        let (settler, settled) = crossbeam_channel::bounded(1);
        queue.settlers.push(settler);
        assert_eq!(queue.pause(), SHORT_PAUSE.1);
        later(&mut queue, 1, None);
        assert!(settled.try_recv().is_ok(), "there was no hope");
        assert_eq!(queue.waiting.len(), 1, "it still waits");
    }

    #[test]
    fn of_too_much_the_oldest_goes() {
        let outbox = Outbox::new("x".into());
        (0..6).for_each(|_| outbox.put(request()));
        assert_eq!(outbox.pushed(), Pushed { to: "x".into(), lost: 2, waiting: 4, ..Pushed::default() });
    }
}
