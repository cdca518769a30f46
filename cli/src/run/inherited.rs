//! What a process passes on when it executes a program, and this one changes for itself or is given
//! for good: the program is to have all of it as we got it.

use std::ffi::CStr;
use std::mem::zeroed;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Signals whose disposition is another one here. A closed pipe and a file that grows beyond its limit
/// are errors like others, and children can be waited for.
const CHANGED: [(i32, libc::sighandler_t); 3] =
    [(libc::SIGPIPE, libc::SIG_IGN), (libc::SIGXFSZ, libc::SIG_IGN), (libc::SIGCHLD, libc::SIG_DFL)];

static DISPOSITIONS: [AtomicUsize; CHANGED.len()] =
    [const { AtomicUsize::new(libc::SIG_DFL) }; CHANGED.len()];

/// Standard streams that are closed, in whose place there is /dev/null here, so that nothing else comes to be one.
static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

/// Keeps it, and changes what has to be. To be run before `main`.
pub extern "C" fn keep() {
    for ((signal, ours), kept) in CHANGED.into_iter().zip(&DISPOSITIONS) {
        // SAFETY: an all-zero sigaction is valid, and the kernel fills it; no handler is set.
        unsafe {
            let mut action: libc::sigaction = zeroed();
            libc::sigaction(signal, null(), &mut action);
            kept.store(action.sa_sigaction, Relaxed);
            libc::signal(signal, ours);
        }
    }
    for (number, closed) in (0..).zip(&CLOSED) {
        // SAFETY: asks, and opens what has the lowest number that is free.
        unsafe {
            let is_closed = libc::fcntl(number, libc::F_GETFD) == -1;
            closed.store(is_closed, Relaxed);
            if is_closed {
                libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
            }
        }
    }
}

/// Makes it what it was, in the process that becomes the program.
pub fn restore() {
    for ((signal, _), kept) in CHANGED.into_iter().zip(&DISPOSITIONS) {
        // SAFETY: one of the values that a process can inherit: default or ignored.
        unsafe { libc::signal(signal, kept.load(Relaxed)) };
    }
    for (number, _) in (0..).zip(&CLOSED).filter(|(_, closed)| closed.load(Relaxed)) {
        // SAFETY: what was opened above, and nobody uses here.
        unsafe { libc::close(number) };
    }
}

/// The entries of the environment, those that are no `NAME=VALUE` too.
pub fn environment() -> Vec<Vec<u8>> {
    // SAFETY: nobody in this process changes its environment; a list of C strings that ends with null.
    unsafe {
        let entries = (0..).map(|index| *libc::environ.add(index)).take_while(|entry| !entry.is_null());
        entries.map(|entry| CStr::from_ptr(entry).to_bytes().to_vec()).collect()
    }
}

/// The timers that alarm(2) and setitimer(2) set. They outlive exec, but not fork.
pub struct Timers([libc::itimerval; TIMERS.len()]);

const TIMERS: [libc::c_int; 3] = [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF];

impl Timers {
    /// Takes them from this process.
    pub fn take() -> Timers {
        Timers(TIMERS.map(|timer| {
            // SAFETY: an all-zero time disarms the timer; the kernel fills the other one.
            unsafe {
                let mut taken = zeroed();
                libc::setitimer(timer as _, &zeroed(), &mut taken);
                taken
            }
        }))
    }

    /// Gives them to this process.
    pub fn give(&self) {
        for (timer, value) in TIMERS.into_iter().zip(&self.0) {
            // SAFETY: the kernel reads what it filled.
            unsafe { libc::setitimer(timer as _, value, null_mut()) };
        }
    }
}
