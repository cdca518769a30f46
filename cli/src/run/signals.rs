//! The signals of `heaptrace run`, which are taken one by one.

use std::mem::zeroed;
use std::ptr;

/// All signals, blocked here, so that each is seen in turn and none ends us; the program gets the mask
/// that we were started with.
pub struct Signals {
    all: libc::sigset_t,
    before: libc::sigset_t,
}

/// Signals by which somebody asks a program to end.
const REQUESTS: [i32; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];

impl Signals {
    /// Blocks them in this thread.
    pub fn block() -> Signals {
        // SAFETY: signal sets of our own, which the calls fill.
        unsafe {
            let (mut all, mut before) = (zeroed(), zeroed());
            libc::sigfillset(&mut all);
            libc::sigprocmask(libc::SIG_BLOCK, &all, &mut before);
            Signals { all, before }
        }
    }

    /// Makes the mask what it was.
    pub fn restore(&self) {
        // SAFETY: a set that the kernel filled.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }

    /// Was this process asked to end since the last call, as by Ctrl-C?
    pub fn interrupted(&self) -> bool {
        std::iter::from_fn(|| take(&REQUESTS)).count() > 0
    }

    /// Waits for one of them. No signal (0) if that was interrupted.
    pub fn wait(&self) -> libc::siginfo_t {
        // SAFETY: the kernel fills the info.
        unsafe {
            let mut info: libc::siginfo_t = zeroed();
            libc::sigwaitinfo(&self.all, &mut info);
            info
        }
    }
}

/// Takes one of these signals, if one is there.
pub fn take(signals: &[i32]) -> Option<i32> {
    // SAFETY: a signal set of our own, which the calls fill; the kernel reads it and the time.
    let taken = unsafe {
        let (mut set, at_once) = (zeroed(), zeroed());
        libc::sigemptyset(&mut set);
        signals.iter().for_each(|&signal| {
            libc::sigaddset(&mut set, signal);
        });
        libc::sigtimedwait(&set, ptr::null_mut(), &at_once)
    };
    (taken > 0).then_some(taken)
}
