//! What wakes the session: somebody connects, a process ends, a program asks for a look, another thread has something
//! for it.
//!
//! Who profiles a program that idles should idle too, so the session sleeps until there is something to do. Whatever has
//! a descriptor it waits for by itself; a futex, by which a program asks, cannot be waited for together with others, so
//! each segment has a thread for its own.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use heaptrace_channel::sys::{self, Waited};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::time::Timespec;

use crate::mapping::FirstPage;

/// Enough for a thread that waits and sends.
const STACK_SIZE: usize = 64 * 1024;

/// How long the session rests that was woken, as a rule. To wake a sleeper costs a program some 20 µs,
/// and who starts processes or meets new modules does so many times in a row.
pub const REST: Duration = Duration::from_millis(2);

/// How long it rests where there is something each time: then processes start one after the other.
pub const LONG_REST: Duration = Duration::from_millis(8);

/// Wakes the session.
#[derive(Debug, Clone)]
pub struct Waker(Arc<Descriptors>);

#[derive(Debug)]
struct Descriptors {
    /// An eventfd: it is among what is watched at once.
    bell: OwnedFd,
    /// Of what may be left waiting for a while.
    usual: OwnedFd,
    /// Of what somebody waits for.
    at_once: OwnedFd,
}

/// Where the session sleeps.
#[derive(Debug)]
pub struct Bed {
    waker: Waker,
    /// How long it rests, as a rule.
    rest: Duration,
    /// How long it rested last.
    last: Duration,
    /// Until when it rests: what may be left waiting wakes nobody before.
    rests_until: Instant,
}

impl Bed {
    /// One in which nothing wakes yet.
    ///
    /// # Errors
    /// If there can be no more descriptors.
    pub fn new() -> io::Result<Bed> {
        Bed::with_rest(REST)
    }

    /// As [`Bed::new`], with another rest.
    fn with_rest(rest: Duration) -> io::Result<Bed> {
        let epoll = || epoll::create(CreateFlags::CLOEXEC);
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let waker = Waker(Arc::new(Descriptors { bell, usual: epoll()?, at_once: epoll()? }));
        waker.watch_at_once(&waker.0.bell)?;
        Ok(Bed { waker, rest, last: rest, rests_until: Instant::now() })
    }

    /// What wakes who sleeps here.
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Sleeps until something wakes it, or that time has passed.
    pub fn sleep(&mut self, longest: Duration) {
        let until = Instant::now() + longest;
        loop {
            let now = Instant::now();
            let rest = self.rests_until.saturating_duration_since(now);
            let left = until.saturating_duration_since(now);
            let Descriptors { usual, at_once, .. } = &*self.waker.0;
            let mut all = [PollFd::new(at_once, PollFlags::IN), PollFd::new(usual, PollFlags::IN)];
            let (awaited, timeout) = match rest.is_zero() {
                true => (&mut all[..], left),
                false => (&mut all[..1], left.min(rest)),
            };
            poll(awaited, Some(&time(timeout))).ok(); // a signal is no harm: it looks
            let is_urgent = take(at_once);
            let is_woken = rest.is_zero() && take(usual);
            if is_woken {
                self.rest();
            }
            if is_urgent || is_woken || left.is_zero() {
                return;
            }
        }
    }

    /// Begins to rest, for longer where that was necessary just now.
    fn rest(&mut self) {
        let now = Instant::now();
        let is_often = now.saturating_duration_since(self.rests_until) < self.rest;
        self.last = if is_often { (2 * self.last).min(LONG_REST.max(self.rest)) } else { self.rest };
        self.rests_until = now + self.last;
    }
}

/// Can something be read from one of them?
pub fn is_any_readable<'a>(files: impl IntoIterator<Item = &'a OwnedFd>) -> bool {
    let mut files: Vec<_> = files.into_iter().map(|file| PollFd::new(file, PollFlags::IN)).collect();
    poll(&mut files, Some(&time(Duration::ZERO))).is_ok_and(|ready| ready > 0)
}

fn time(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: duration.subsec_nanos().into() }
}

/// Takes what an epoll tells of. True if there was something.
fn take(epoll: &OwnedFd) -> bool {
    // As many as there are at once, as a rule: the session looks at all of them.
    let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 64];
    epoll::wait(epoll, &mut events, Some(&time(Duration::ZERO))).is_ok_and(|count| count > 0)
}

impl Waker {
    /// Wakes when something new can be read from `file`, until it is closed; not more often than there
    /// are 2 ms between, or 8 where that is often.
    ///
    /// # Errors
    /// If it cannot be watched.
    pub fn watch(&self, file: impl AsFd) -> io::Result<()> {
        watch_by(&self.0.usual, file)
    }

    /// Wakes each time that something new can be read from `file`, until it is closed: of a program that
    /// waits for the answer.
    ///
    /// # Errors
    /// If it cannot be watched.
    pub fn watch_at_once(&self, file: impl AsFd) -> io::Result<()> {
        watch_by(&self.0.at_once, file)
    }

    /// Wakes no more when something can be read from `file`, which was watched at once.
    pub fn forget(&self, file: impl AsFd) {
        epoll::delete(&self.0.at_once, file).ok(); // it may be closed
    }

    /// Wakes each time that the program of the segment in `file` asks for it, until the value is dropped.
    ///
    /// # Errors
    /// If the segment cannot be mapped, or there can be no more threads.
    pub fn watch_nudges(&self, file: &OwnedFd) -> io::Result<Nudges> {
        let page = FirstPage::map(file)?;
        let nudges = Nudges(Arc::new(Watched { page, dropped: AtomicBool::new(false) }));
        let (waker, watched) = (self.clone(), Arc::clone(&nudges.0));
        spawn(move || watched.watch(&waker))?;
        Ok(nudges)
    }

    /// Wakes the session: there is something for it.
    pub fn wake(&self) {
        rustix::io::write(&self.0.bell, &1_u64.to_ne_bytes()).ok(); // it cannot be rung more often than that
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

#[derive(Debug)]
struct Watched {
    page: FirstPage,
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
                waker.wake();
                thread::sleep(REST);
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

    /// Does something wake who sleeps there?
    fn is_woken(bed: &mut Bed) -> bool {
        let since = Instant::now();
        bed.sleep(LONG);
        since.elapsed() < LONG
    }

    fn segment_file() -> OwnedFd {
        let file = memfd_create("segment", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, Segment::size(Geometry::for_rate(1 << 20, 1)) as u64).unwrap();
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).unwrap();
        file
    }

    #[test]
    fn a_nudge_wakes_and_does_not_keep_a_segment_from_being_abandoned() {
        let file = segment_file();
        let mut bed = Bed::new().unwrap();
        let nudges = bed.waker().watch_nudges(&file).unwrap();
        let mapping = SharedMemory::new(file.try_clone().unwrap()).unwrap();
        // SAFETY: mapped, and of that size.
        let segment = unsafe { Segment::create(mapping.base.as_ptr(), Geometry::for_rate(1 << 20, 1)) };
        for _ in 0..3 {
            segment.header().nudge();
            assert!(is_woken(&mut bed));
        }
        assert!(mapping.is_abandoned().unwrap());
        drop(nudges);
    }

    #[test]
    fn who_is_watched_at_once_wakes_while_the_session_rests_from_others() {
        let mut bed = Bed::with_rest(100 * LONG).unwrap();
        let waker = bed.waker().clone();
        let [(usual, mut usual_writer), (urgent, mut urgent_writer)] = [(); 2].map(|()| io::pipe().unwrap());
        waker.watch(&usual).unwrap();
        waker.watch_at_once(&urgent).unwrap();
        usual_writer.write_all(b"x").unwrap();
        assert!(is_woken(&mut bed));
        for _ in 0..3 {
            usual_writer.write_all(b"x").unwrap();
            urgent_writer.write_all(b"x").unwrap();
            assert!(is_woken(&mut bed));
            bed.sleep(Duration::ZERO);
            assert!(take(&waker.0.usual), "it is left waiting");
        }
    }

    #[test]
    fn a_descriptor_wakes_each_time_that_something_comes() {
        let mut bed = Bed::new().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        for watch in [Waker::watch, Waker::watch_at_once] {
            watch(bed.waker(), &reader).unwrap();
            for _ in 0..3 {
                writer.write_all(b"x").unwrap();
                assert!(is_woken(&mut bed));
            }
        }
    }

    #[test]
    fn another_thread_wakes_each_time() {
        let mut bed = Bed::new().unwrap();
        for _ in 0..3 {
            let waker = bed.waker().clone();
            let other = thread::spawn(move || waker.wake());
            assert!(is_woken(&mut bed));
            other.join().unwrap();
        }
    }
}
