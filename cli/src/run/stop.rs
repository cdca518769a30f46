//! Being stopped as the program is, so that a shell sees a stopped job.
//!
//! Whoever continues the program alone, as cpulimit(1) and debuggers do, does not know of us; and a
//! process that is stopped cannot look after another one. So a helper does it for as long as that takes.

use std::thread::sleep;
use std::time::Duration;

use heaptrace_channel::stat::Stat;

use super::signals::take;

/// Stops this process, which has one thread, until it is continued, or the stopped program goes on.
pub fn with(program: i32) {
    let us = std::process::id() as i32;
    // SAFETY: this process has one thread, so the child may do anything; it ends here.
    match unsafe { libc::fork() } {
        -1 => return, // no job that is stopped, but one that goes on
        0 => {
            rustix::process::setsid().ok();
            hold(us, program);
            // SAFETY: ends the process; nothing of the parent's is run.
            unsafe { libc::_exit(0) }
        }
        // SAFETY: waits for the child just made.
        helper => unsafe { libc::waitpid(helper, std::ptr::null_mut(), 0) },
    };
    // A shell continues the whole job; but somebody else may have continued only us.
    if take(&[libc::SIGCONT]).is_some() && is_stopped(program) {
        signal(program, libc::SIGCONT);
    }
}

/// The helper's part.
fn hold(us: i32, program: i32) {
    const STEP: Duration = Duration::from_millis(10);
    /// The first process of a container cannot be stopped: then this is the end of it.
    const TRIES: u32 = 20;
    signal(us, libc::SIGSTOP);
    (0..TRIES).take_while(|_| !is_stopped(us)).for_each(|_| sleep(STEP));
    while is_stopped(us) {
        if !is_stopped(program) {
            signal(us, libc::SIGCONT);
            return;
        }
        sleep(STEP);
    }
}

fn signal(process: i32, signal: i32) {
    // SAFETY: takes no memory.
    unsafe { libc::kill(process, signal) };
}

fn is_stopped(process: i32) -> bool {
    let stat = std::fs::read(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| Stat::parse(&stat).is_some_and(|stat| stat.stopped))
}
