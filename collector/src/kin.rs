//! The programs that the program and its descendants execute, as the kernel tells of them: so it is
//! known which of them never announced themselves.
//!
//! The kernel's connector for process events (`linux/cn_proc.h`) tells of each fork, exec and exit.
//! Root may listen to it, and anybody from Linux 6.6 on, but not in a process or user namespace.
//! Where it is not to be had, nothing is known.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

use hashbrown::HashMap;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::netlink::{CONNECTOR, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::summary::{MOST_NAMED, Missed, WhyMissed};
use crate::wake;

/// A socket on which the kernel tells of all processes.
#[derive(Debug)]
pub struct ProcessEvents {
    socket: OwnedFd,
    /// Whose descendants are of interest.
    root: u32,
}

impl ProcessEvents {
    /// Listens from now on, for what the process `root` will start. `None` if the kernel does not let us.
    pub fn listen(root: u32) -> Option<ProcessEvents> {
        const CN_IDX_PROC: u32 = 1;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(CONNECTOR)).ok()?;
        bind(&socket, &SocketAddrNetlink::new(0, CN_IDX_PROC)).ok()?;
        // More than the usual limit if we are root; what does not fit is lost, which is noticed.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 4 << 20);
        send(&socket, &subscription(), SendFlags::empty()).ok()?;
        Some(ProcessEvents { socket, root })
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// `nlmsghdr`, `cn_msg` and the operation PROC_CN_MCAST_LISTEN.
fn subscription() -> Vec<u8> {
    const NLMSG_DONE: u16 = 3;
    const LISTEN: u32 = 1;
    let length = (HEADERS + 4) as u32;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(NLMSG_DONE.to_ne_bytes());
    message.extend([0; 10]); // flags, sequence, port
    message.extend([1u32, 1, 0, 0].map(u32::to_ne_bytes).concat()); // CN_IDX_PROC, CN_VAL_PROC
    message.extend(4u16.to_ne_bytes());
    message.extend(0u16.to_ne_bytes());
    message.extend(LISTEN.to_ne_bytes());
    message
}

/// Bytes of `nlmsghdr` and `cn_msg`.
const HEADERS: usize = 16 + 20;

/// What the kernel tells of a process: its `proc_event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProcEvent {
    Fork { parent: u32, child: u32 },
    Exec { pid: u32, at: Duration },
    Exit { pid: u32 },
}

impl ProcEvent {
    /// Reads a message; `None` for what is of no interest, such as the threads of a process.
    fn parse(message: &[u8]) -> Option<ProcEvent> {
        let event = message.get(HEADERS..)?;
        let word = |at: usize| Some(u32::from_ne_bytes(event.get(at..at + 4)?.try_into().ok()?));
        let at = Duration::from_nanos(u64::from_ne_bytes(event.get(8..16)?.try_into().ok()?));
        let process = |at: usize| word(at).zip(word(at + 4)).filter(|(thread, group)| thread == group);
        match word(0)? {
            1 => Some(ProcEvent::Fork { parent: word(20)?, child: process(24)?.1 }),
            2 => Some(ProcEvent::Exec { pid: word(20)?, at }),
            0x8000_0000 => Some(ProcEvent::Exit { pid: process(16)?.1 }),
            _ => None,
        }
    }
}

/// A program that a process has gone on to.
#[derive(Debug)]
struct Exec {
    pid: u32,
    /// When, by the monotonic clock.
    at: Duration,
    /// Empty if the process was over before it could be looked at.
    executable: PathBuf,
    /// The library is in its environment, or that cannot be read.
    preloaded: bool,
    announced: bool,
}

impl Exec {
    /// Looks at a process that has just executed a program.
    fn of(pid: u32, at: Duration) -> Exec {
        const LIBRARY: &[u8] = b"libheaptrace";
        let process = PathBuf::from(format!("/proc/{pid}"));
        let executable = fs::read_link(process.join("exe")).unwrap_or_default();
        let environment = fs::read(process.join("environ"));
        let is_ours = |entry: &[u8]| {
            entry.starts_with(b"LD_PRELOAD=") && entry.windows(LIBRARY.len()).any(|part| part == LIBRARY)
        };
        let preloaded = environment.map_or(true, |all| all.split(|&byte| byte == 0).any(is_ours));
        Exec { pid, at, executable, preloaded, announced: false }
    }

    fn missed(&self) -> Missed {
        let Exec { pid, executable, preloaded, .. } = self;
        let why = WhyMissed::Silent { executable: executable.clone().into(), preloaded: *preloaded };
        Missed::one(*pid, executable.file_name().unwrap_or_default().to_owned(), why)
    }
}

/// The monotonic clock, by which the kernel tells when.
pub fn now() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    Duration::new(tv_sec as u64, tv_nsec as u32)
}

/// The descendants of a process, and what they execute.
#[derive(Debug)]
pub struct Kin(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    socket: OwnedFd,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Whose descendants they are.
    root: u32,
    /// Its children, of which one is the program.
    first: Vec<u32>,
    /// Those that live, with what they executed last.
    processes: HashMap<u32, Option<Exec>>,
    /// What was executed last by processes that have ended, and is not announced.
    over: Vec<Exec>,
    /// The same of those that ended so long ago that they will not be announced any more, but for the first.
    missed: Vec<Missed>,
    /// There were more events than the socket had room for.
    has_gaps: bool,
}

impl Kin {
    /// Watches from now on.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub fn watch(events: ProcessEvents) -> io::Result<Kin> {
        let ProcessEvents { socket, root } = events;
        let known = Known { root, processes: HashMap::from([(root, None)]), ..Known::default() };
        let shared = Arc::new(Shared { socket, known: Mutex::new(known) });
        let watched = Arc::downgrade(&shared);
        // A thread of its own, as who executes something may not be there for long to be looked at.
        wake::spawn(move || {
            let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
            while let Some(shared) = watched.upgrade() {
                if poll(&mut [PollFd::new(&shared.socket, PollFlags::IN)], Some(&timeout)).is_ok() {
                    drop(shared.catch_up());
                }
            }
        })?;
        Ok(Kin(shared))
    }

    /// A process has announced a program that began to be recorded then, by the monotonic clock.
    pub fn announce(&self, pid: u32, started: Duration) {
        let mut known = self.0.catch_up();
        // What it executed since is another matter.
        let is_it = |exec: &Exec| exec.pid == pid && exec.at <= started;
        if let Some(Some(exec)) = known.processes.get_mut(&pid)
            && is_it(exec)
        {
            exec.announced = true;
        }
        known.over.retain(|exec| !is_it(exec));
    }

    /// The program that the process has gone on to without a word, if it has.
    pub fn left(&self, pid: u32) -> Option<Missed> {
        let known = self.0.catch_up();
        known.silent(Duration::ZERO).find(|exec| exec.pid == pid).map(Exec::missed)
    }

    /// The processes that did not announce what they executed last, and whether there may be more.
    pub fn missed(&self) -> (Vec<Missed>, bool) {
        /// A process that has just executed a program may be about to announce it.
        const PATIENCE: Duration = Duration::from_secs(1);
        let known = self.0.catch_up();
        let mut missed = known.missed.clone();
        known.silent(PATIENCE).for_each(|exec| exec.missed().add_to(&mut missed));
        (missed, known.has_gaps)
    }
}

impl Shared {
    /// Takes in all that the kernel has told.
    fn catch_up(&self) -> MutexGuard<'_, Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut message = [0; 256];
        loop {
            match recv(&self.socket, &mut message, RecvFlags::DONTWAIT) {
                Ok((length, _)) => known.learn(ProcEvent::parse(&message[..length])),
                Err(Errno::NOBUFS) => known.has_gaps = true,
                Err(Errno::INTR) => {}
                Err(_) => return known,
            }
        }
    }
}

impl Known {
    fn learn(&mut self, event: Option<ProcEvent>) {
        match event {
            Some(ProcEvent::Fork { parent, child }) if self.processes.contains_key(&parent) => {
                self.processes.insert(child, None);
                self.first.extend((parent == self.root).then_some(child));
            }
            Some(ProcEvent::Exec { pid, at }) => {
                if let Some(exec) = self.processes.get_mut(&pid) {
                    *exec = Some(Exec::of(pid, at));
                }
            }
            Some(ProcEvent::Exit { pid }) => {
                let exec = self.processes.remove(&pid).flatten();
                self.over.extend(exec.filter(|exec| !exec.announced));
                self.settle();
            }
            Some(ProcEvent::Fork { .. }) | None => {}
        }
    }

    /// Counts most of those that are over, if there are many, instead of keeping each.
    fn settle(&mut self) {
        if self.over.len() < 2 * MOST_NAMED {
            return;
        }
        let late = self.over.split_off(MOST_NAMED);
        for exec in std::mem::replace(&mut self.over, late) {
            match self.first.contains(&exec.pid) {
                true => self.over.push(exec),
                false => exec.missed().add_to(&mut self.missed),
            }
        }
    }

    /// What was executed last, at least so long ago by those that live, and is not announced.
    fn silent(&self, age: Duration) -> impl Iterator<Item = &Exec> {
        let now = now();
        let living = self.processes.values().flatten();
        let living = living.filter(move |exec| !exec.announced && now.saturating_sub(exec.at) >= age);
        self.over.iter().chain(living)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(what: u32, at: u64, words: &[u32]) -> Vec<u8> {
        let mut message = vec![0; HEADERS];
        message.extend([what, 0].map(u32::to_ne_bytes).concat());
        message.extend(at.to_ne_bytes());
        message.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        message
    }

    #[test]
    fn events_are_read_and_threads_passed_over() {
        let fork = message(1, 5, &[11, 10, 20, 20]);
        assert_eq!(ProcEvent::parse(&fork), Some(ProcEvent::Fork { parent: 10, child: 20 }));
        assert_eq!(ProcEvent::parse(&message(1, 5, &[11, 10, 20, 10])), None);
        let exec = message(2, 5, &[20, 20]);
        assert_eq!(ProcEvent::parse(&exec), Some(ProcEvent::Exec { pid: 20, at: Duration::from_nanos(5) }));
        assert_eq!(ProcEvent::parse(&message(0x8000_0000, 5, &[20, 20])), Some(ProcEvent::Exit { pid: 20 }));
        assert_eq!(ProcEvent::parse(&message(0x8000_0000, 5, &[21, 20])), None);
        assert_eq!(ProcEvent::parse(&message(4, 5, &[20, 20])), None);
        for length in 0..fork.len() {
            assert_eq!(ProcEvent::parse(&fork[..length]), None);
        }
    }

    #[test]
    fn of_thousands_that_are_over_a_bounded_number_is_kept_and_the_program() {
        const ROOT: u32 = 1;
        const PROGRAM: u32 = 2;
        const OTHERS: u32 = 10_000;
        let mut known = Known { root: ROOT, processes: HashMap::from([(ROOT, None)]), ..Known::default() };
        known.learn(Some(ProcEvent::Fork { parent: ROOT, child: PROGRAM }));
        for child in PROGRAM + 1..=PROGRAM + OTHERS {
            known.learn(Some(ProcEvent::Fork { parent: PROGRAM, child }));
        }
        for pid in PROGRAM..=PROGRAM + OTHERS {
            let executable = "/bin/static".into();
            let exec = Exec { pid, at: Duration::ZERO, executable, preloaded: true, announced: false };
            known.processes.insert(pid, Some(exec));
            known.learn(Some(ProcEvent::Exit { pid }));
        }
        assert!(known.over.len() < 2 * MOST_NAMED && known.missed.len() <= MOST_NAMED);
        assert!(known.silent(Duration::ZERO).any(|exec| exec.pid == PROGRAM));
        let missed = known.missed.iter().map(|missed| missed.count).sum::<u64>();
        assert_eq!(missed + known.over.len() as u64, 1 + u64::from(OTHERS));
    }

    /// This process's own children, if the kernel tells of them here.
    #[test]
    fn who_executes_a_program_is_known_until_it_is_announced() {
        let Some(events) = ProcessEvents::listen(std::process::id()) else { return };
        let kin = Kin::watch(events).unwrap();
        let before = now();
        let run = || {
            let mut child = std::process::Command::new("true").spawn().unwrap();
            child.wait().unwrap();
            child.id()
        };
        let (silent, announced, late) = (run(), run(), run());
        kin.announce(announced, now());
        kin.announce(late, before); // that was an earlier program of the same process
        let missed: Vec<_> = kin.missed().0.into_iter().map(|missed| missed.pid).collect();
        if missed.is_empty() {
            return; // in a container, say
        }
        assert_eq!(missed, [silent, late]);
        assert!(kin.left(silent).is_some() && kin.left(announced).is_none());
    }
}
