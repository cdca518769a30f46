//! How the end of a process is noticed.

use std::fmt::Display;
use std::os::fd::OwnedFd;

use heaptrace_channel::stat::Stat;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::limits::is_scarce;
use crate::wake::{Waker, is_any_readable};

/// How it is known whether a process is over.
#[derive(Debug)]
pub enum Watch {
    /// The descriptor is readable when the process has ended.
    Pidfd(OwnedFd),
    /// There is no descriptor to be had: /proc tells, if it is asked.
    Stat(Stat),
    /// It has ended, or gone on to another program.
    Over,
    /// It is in another process id namespace, or its id is that of a thread that has ended: it is over when its
    /// image is abandoned.
    Unknown,
}

impl Watch {
    /// Watches a process, and has the session woken when it ends, if that can be had.
    pub fn on(pid: u32, waker: &Waker) -> Watch {
        let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Watch::Over };
        match pidfd_open(id, PidfdFlags::empty()) {
            Ok(pidfd) if !is_scarce(&pidfd) => {
                waker.watch(&pidfd).ok(); // else it is seen at the next look
                Watch::Pidfd(pidfd)
            }
            Err(Errno::SRCH) => Watch::Over,
            Ok(_) | Err(_) => stat(pid).map_or(Watch::Over, Watch::Stat),
        }
    }

    /// Is its id known, and that of nobody else?
    pub fn is_seen(&self) -> bool {
        matches!(self, Watch::Pidfd(_) | Watch::Stat(_))
    }

    /// Is it over? `abandoned` tells whether its image is.
    pub fn is_over(&self, abandoned: bool) -> bool {
        match self {
            Watch::Pidfd(pidfd) => is_any_readable([pidfd]),
            Watch::Stat(at_first) => {
                let now = stat(at_first.pid);
                now.is_none_or(|now| now.ended || now.started != at_first.started)
            }
            Watch::Over => true,
            Watch::Unknown => abandoned,
        }
    }
}

/// The process that a thread belongs to, if it has not ended.
pub fn process_of(thread: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    let leader = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    leader.trim().parse().ok()
}

/// Did the process start before this one? A forked child did not: there was a collector first. So an
/// id of such a process is one of another namespace, which the child's parent has gone into.
pub fn is_older_than_us(pid: u32) -> bool {
    stat(pid).zip(stat("self")).is_some_and(|(its, ours)| its.started < ours.started)
}

fn stat(process: impl Display) -> Option<Stat> {
    Stat::parse(&std::fs::read(format!("/proc/{process}/stat")).ok()?)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::wake::Bed;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    fn watches(pid: u32) -> [Watch; 2] {
        let bed = Bed::new().unwrap();
        [Watch::on(pid, bed.waker()), Watch::Stat(stat(pid).unwrap())]
    }

    #[test]
    fn a_process_is_over_when_it_has_ended_though_nobody_has_waited_for_it() {
        let mut child = sleeper();
        let watches = watches(child.id());
        assert!(matches!(watches[0], Watch::Pidfd(_)));
        assert!(watches.iter().all(|watch| !watch.is_over(false)));
        child.kill().unwrap();
        while !stat(child.id()).unwrap().ended {
            std::thread::yield_now();
        }
        assert!(watches.iter().all(|watch| watch.is_over(false)));
        child.wait().unwrap();
        assert!(watches.iter().all(|watch| watch.is_over(false)));
    }

    #[test]
    fn a_thread_is_of_this_process() {
        let process = || {
            let own = std::fs::read_link("/proc/thread-self").unwrap(); // PID/task/TID
            process_of(own.file_name().unwrap().to_str().unwrap().parse().unwrap())
        };
        assert_eq!(std::thread::spawn(process).join().unwrap(), Some(std::process::id()));
        assert_eq!(process_of(u32::MAX), None);
    }

    #[test]
    fn a_process_that_took_over_the_id_of_another_is_not_that_one() {
        let mut child = sleeper();
        let now = stat(child.id()).unwrap();
        assert!(Watch::Stat(Stat { started: now.started - 1, ..now }).is_over(false));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
