//! What wakes the session: somebody connects, a process ends, a program asks for a look.
//!
//! Who profiles a program that idles should idle too, so the session sleeps on a channel until
//! there is something to do. A thread with an epoll waits for the descriptors; a futex, by which a
//! program asks, cannot be waited for together with others, so each segment has a thread for its own.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use heaptrace_channel::sys::{self, Waited};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use crate::mapping::FirstPage;

/// Enough for a thread that waits and sends.
const STACK_SIZE: usize = 64 * 1024;

/// How long a thread rests that has woken the session, as a rule. To wake a sleeper costs a program some 20 µs,
/// and who starts processes or meets new modules does so many times in a row.
pub const REST: Duration = Duration::from_millis(2);

/// How long it rests where there is something each time: then processes start one after the other.
pub const LONG_REST: Duration = Duration::from_millis(8);

/// Wakes the session.
#[derive(Debug, Clone)]
pub struct Waker {
    wakes: Sender<()>,
    epoll: Arc<OwnedFd>,
    /// Of what somebody waits for.
    at_once: Arc<OwnedFd>,
}

impl Waker {
    /// A waker, and what the session sleeps on.
    ///
    /// # Errors
    /// If there can be no more descriptors or threads.
    pub fn new() -> io::Result<(Waker, Receiver<()>)> {
        Waker::resting(REST)
    }

    /// As [`Waker::new`], with another rest.
    fn resting(rest: Duration) -> io::Result<(Waker, Receiver<()>)> {
        let (wakes, receiver) = bounded(1);
        let epoll = || Ok::<_, io::Error>(Arc::new(epoll::create(CreateFlags::CLOEXEC)?));
        let waker = Waker { wakes, epoll: epoll()?, at_once: epoll()? };
        waker.wake_by(&waker.epoll, rest)?;
        waker.wake_by(&waker.at_once, Duration::ZERO)?;
        Ok((waker, receiver))
    }

    /// Starts the thread that waits for what an epoll watches.
    fn wake_by(&self, epoll: &Arc<OwnedFd>, rest: Duration) -> io::Result<()> {
        let (waker, epoll) = (self.clone(), Arc::clone(epoll));
        spawn(move || {
            // As many as there are at once, as a rule: the session looks at all of them.
            let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 64];
            let (mut since, mut next) = (Instant::now(), rest);
            while epoll::wait(&*epoll, &mut events, None).is_ok_and(|count| count > 0) && waker.wake() {
                next = if since.elapsed() < rest { (2 * next).min(LONG_REST.max(rest)) } else { rest };
                if !next.is_zero() {
                    thread::sleep(next);
                }
                since = Instant::now();
            }
        })
    }

    /// Wakes when something new can be read from `file`, until it is closed; not more often than there
    /// is a [`REST`] between, or a [`LONG_REST`] where that is often.
    ///
    /// # Errors
    /// If it cannot be watched.
    pub fn watch(&self, file: impl AsFd) -> io::Result<()> {
        watch_by(&self.epoll, file)
    }

    /// Wakes each time that something new can be read from `file`, until it is closed: of a program that
    /// waits for the answer.
    ///
    /// # Errors
    /// If it cannot be watched.
    pub fn watch_at_once(&self, file: impl AsFd) -> io::Result<()> {
        watch_by(&self.at_once, file)
    }

    /// Wakes each time that the program of the segment in `file` asks for it, until the value is dropped.
    ///
    /// # Errors
    /// If the segment cannot be mapped, or there can be no more threads.
    pub fn watch_nudges(&self, file: &OwnedFd) -> io::Result<Nudges> {
        let (page, rest) = (FirstPage::map(file)?, AtomicU32::new(REST.as_micros() as u32));
        let nudges = Nudges(Arc::new(Watched { page, rest, dropped: AtomicBool::new(false) }));
        let (waker, watched) = (self.clone(), Arc::clone(&nudges.0));
        spawn(move || watched.watch(&waker))?;
        Ok(nudges)
    }

    /// False if the session is over.
    fn wake(&self) -> bool {
        !matches!(self.wakes.try_send(()), Err(TrySendError::Disconnected(())))
    }
}

fn watch_by(epoll: &OwnedFd, file: impl AsFd) -> io::Result<()> {
    let flags = EventFlags::IN | EventFlags::ET;
    Ok(epoll::add(epoll, file, EventData::new_u64(0), flags)?)
}

/// Starts a thread for little work.
pub fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().stack_size(STACK_SIZE).spawn(work).map(drop)
}

/// The thread of [`Waker::watch_nudges`].
#[derive(Debug)]
pub struct Nudges(Arc<Watched>);

impl Nudges {
    /// From now on, there is so much time between two of them that wake.
    pub fn set_rest(&self, rest: Duration) {
        self.0.rest.store(rest.as_micros() as u32, Relaxed);
    }
}

#[derive(Debug)]
struct Watched {
    page: FirstPage,
    /// In microseconds.
    rest: AtomicU32,
    dropped: AtomicBool,
}

impl Watched {
    fn watch(&self, waker: &Waker) {
        /// The wake-up at the end may come just before the wait: then the thread stays that long.
        const LONGEST: Duration = Duration::from_secs(60);
        let word = self.page.nudges();
        let mut seen = 0; // what it is at first: no nudge is too early for us
        while !self.dropped.load(Relaxed) && sys::futex_wait(word, seen, LONGEST) != Waited::Impossible {
            let now = word.load(Relaxed);
            if now != seen {
                if !waker.wake() {
                    return;
                }
                thread::sleep(Duration::from_micros(self.rest.load(Relaxed).into()));
            }
            seen = now;
        }
    }
}

impl Drop for Nudges {
    fn drop(&mut self) {
        self.0.dropped.store(true, Relaxed);
        sys::futex_wake(self.0.page.nudges());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::mapping::SharedMemory;
    use heaptrace_channel::{Geometry, Segment};
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

    const LONG: Duration = Duration::from_secs(30);

    fn segment_file() -> OwnedFd {
        let file = memfd_create("segment", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, Segment::size(Geometry::for_rate(1 << 20, 1)) as u64).unwrap();
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).unwrap();
        file
    }

    #[test]
    fn a_nudge_wakes_and_does_not_keep_a_segment_from_being_abandoned() {
        let file = segment_file();
        let (waker, wakes) = Waker::new().unwrap();
        let nudges = waker.watch_nudges(&file).unwrap();
        let mapping = SharedMemory::new(file.try_clone().unwrap()).unwrap();
        // SAFETY: mapped, and of that size.
        let segment = unsafe { Segment::create(mapping.base.as_ptr(), Geometry::for_rate(1 << 20, 1)) };
        for _ in 0..3 {
            segment.header().nudge();
            wakes.recv_timeout(LONG).unwrap();
        }
        assert!(mapping.is_abandoned().unwrap());
        drop(nudges);
    }

    #[test]
    fn who_is_watched_at_once_wakes_while_the_session_rests_from_others() {
        let (waker, wakes) = Waker::resting(100 * LONG).unwrap();
        let [(usual, mut usual_writer), (urgent, mut urgent_writer)] = [(); 2].map(|()| io::pipe().unwrap());
        waker.watch(&usual).unwrap();
        waker.watch_at_once(&urgent).unwrap();
        usual_writer.write_all(b"x").unwrap();
        wakes.recv_timeout(LONG).unwrap();
        for _ in 0..3 {
            usual_writer.write_all(b"x").unwrap();
            urgent_writer.write_all(b"x").unwrap();
            wakes.recv_timeout(LONG).unwrap();
            assert!(wakes.is_empty());
        }
    }

    #[test]
    fn a_descriptor_wakes_each_time_that_something_comes() {
        let (waker, wakes) = Waker::new().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        for watch in [Waker::watch, Waker::watch_at_once] {
            watch(&waker, &reader).unwrap();
            for _ in 0..3 {
                writer.write_all(b"x").unwrap();
                wakes.recv_timeout(LONG).unwrap();
            }
        }
    }
}
