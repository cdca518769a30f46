//! Standing in for the program: its signals, its stops, its end.

use std::mem::zeroed;
use std::ptr;

/// The signals that are passed on to the program, or tell about it. Blocked here, so that each is
/// seen in turn; the program gets the mask that we were started with.
pub struct Signals {
    handled: libc::sigset_t,
    before: libc::sigset_t,
}

impl Signals {
    /// Blocks them in this thread.
    pub fn block() -> Signals {
        const HANDLED: [i32; 12] = [
            libc::SIGCHLD,
            libc::SIGHUP,
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGTERM,
            libc::SIGUSR1,
            libc::SIGUSR2,
            libc::SIGALRM,
            libc::SIGCONT,
            libc::SIGTSTP,
            libc::SIGWINCH,
            libc::SIGURG,
        ];
        // SAFETY: signal sets of our own, which the calls fill.
        unsafe {
            let (mut handled, mut before) = (zeroed(), zeroed());
            libc::sigemptyset(&mut handled);
            HANDLED.iter().for_each(|&signal| {
                libc::sigaddset(&mut handled, signal);
            });
            libc::sigprocmask(libc::SIG_BLOCK, &handled, &mut before);
            Signals { handled, before }
        }
    }

    /// Makes the mask what it was.
    pub fn restore(&self) {
        // SAFETY: a set that the kernel filled.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }

    /// Was Ctrl-C typed since the last call?
    pub fn interrupted(&self) -> bool {
        // SAFETY: a signal set of our own, which the calls fill; the kernel reads it and the time.
        unsafe {
            let (mut interrupt, at_once) = (zeroed(), zeroed());
            libc::sigemptyset(&mut interrupt);
            libc::sigaddset(&mut interrupt, libc::SIGINT);
            libc::sigtimedwait(&interrupt, ptr::null_mut(), &at_once) == libc::SIGINT
        }
    }

    /// Passes signals on until the program has ended; returns what to exit with.
    pub fn supervise(&self, pid: u32) -> u8 {
        let pid = pid as i32;
        loop {
            if let Some(status) = look_after(pid) {
                return status;
            }
            // SAFETY: the kernel fills the info.
            let info = unsafe {
                let mut info: libc::siginfo_t = zeroed();
                libc::sigwaitinfo(&self.handled, &mut info);
                info
            };
            // What the terminal sends goes to the whole group, the program included (si_code above
            // 0: from the kernel). What a process sends us is meant for the program.
            if info.si_signo > 0 && info.si_signo != libc::SIGCHLD && info.si_code <= 0 {
                // SAFETY: signals a child that has not been waited for.
                unsafe { libc::kill(pid, info.si_signo) };
            }
        }
    }
}

/// Follows the program's changes of state; its exit status when it has ended.
fn look_after(pid: i32) -> Option<u8> {
    let mut status = 0;
    loop {
        // SAFETY: the kernel writes the status.
        let changed = unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG | libc::WUNTRACED) };
        if changed != pid {
            return None;
        }
        if libc::WIFEXITED(status) {
            return Some(libc::WEXITSTATUS(status) as u8);
        }
        if libc::WIFSIGNALED(status) {
            return Some(128u8.wrapping_add(libc::WTERMSIG(status) as u8));
        }
        if libc::WIFSTOPPED(status) {
            // SAFETY: stops this process as its program is; a shell then sees a stopped job.
            // Continued, it continues the program.
            unsafe {
                libc::raise(libc::SIGSTOP);
                libc::kill(pid, libc::SIGCONT);
            }
        }
    }
}
