//! How the end of a process is noticed.

use std::os::fd::OwnedFd;

use heaptrace_channel::stat::Stat;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::wake::Waker;

/// How it is known whether a process is over.
#[derive(Debug)]
pub enum Watch {
    /// The descriptor is readable when the process has ended.
    Pidfd(OwnedFd),
    /// It has ended, or gone on to another program.
    Over,
    /// It is in another process id namespace: it is over when its image is abandoned.
    Unknown,
}

impl Watch {
    /// Watches a process, and has the session woken when it ends.
    pub fn on(pid: u32, waker: &Waker) -> Watch {
        let pidfd = Pid::from_raw(pid as i32).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        if let Some(pidfd) = &pidfd {
            waker.watch(pidfd).ok(); // else it is seen at the next look
        }
        pidfd.map_or(Watch::Over, Watch::Pidfd)
    }

    /// Is it over? `abandoned` tells whether its image is.
    pub fn is_over(&self, abandoned: bool) -> bool {
        match self {
            Watch::Pidfd(pidfd) => {
                let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
                poll(&mut fds, Some(&Default::default())).is_ok_and(|ready| ready > 0)
            }
            Watch::Over => true,
            Watch::Unknown => abandoned,
        }
    }
}

/// Did the process start before this one? A forked child did not: there was a collector first. So an
/// id of such a process is one of another namespace, which the child's parent has gone into.
pub fn is_older_than_us(pid: u32) -> bool {
    let started =
        |process: &str| Some(Stat::parse(&std::fs::read(format!("/proc/{process}/stat")).ok()?)?.started);
    started(&pid.to_string()).zip(started("self")).is_some_and(|(its, ours)| its < ours)
}
