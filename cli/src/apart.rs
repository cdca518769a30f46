//! What makes the collector a process apart: what ends or stops the program, its group or its service
//! is no matter to it, and it holds nothing open that is the program's.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// Starts one, while this process has one thread: it does the work and ends with 0 if that went well. What it needs beside
/// `kept` is its end of the sockets; ours is returned, with its process id.
///
/// # Errors
/// If there can be no sockets or processes.
pub fn start(
    kept: impl Iterator<Item = RawFd>,
    work: impl FnOnce(&UnixStream) -> io::Result<()>,
) -> io::Result<(UnixStream, i32)> {
    let (control, its_end) = UnixStream::pair()?;
    let kept: Vec<_> = kept.chain([its_end.as_raw_fd()]).collect();
    // SAFETY: this process has one thread, so the child may do anything.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            drop(control);
            ignore_requests();
            leave(&kept);
            std::process::exit(work(&its_end).is_err().into());
        }
        pid => Ok((control, pid)),
    }
}

/// Has this process ignore whatever asks it to end or to stop. It ends when there is nothing left to
/// do, which is soon after the last process.
pub fn ignore_requests() {
    /// What stays: faults, which nobody asks for, and the ends of children.
    const OTHERS: [i32; 9] = [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        libc::SIGABRT,
        libc::SIGTRAP,
        libc::SIGSYS,
        libc::SIGCHLD,
        libc::SIGCONT,
    ];
    for signal in (1..=libc::SIGRTMAX()).filter(|signal| !OTHERS.contains(signal)) {
        // SAFETY: sets no handler; what cannot be ignored is left as it is.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Leaves the terminal and whoever waits for the end of a stream: all descriptors but for `kept` lead nowhere.
///
/// They are not closed: a library that is preloaded into heaptrace itself may go on to use what it opened (the
/// pipe of libtcmalloc's libunwind), which must not become a file of ours by its number.
fn leave(kept: &[RawFd]) {
    rustix::process::setsid().ok();
    let listed: Vec<_> = fs::read_dir("/proc/self/fd")
        .map(|entries| entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
        .unwrap_or_default();
    let null = File::options().read(true).write(true).open("/dev/null").ok();
    for number in listed.into_iter().chain(0..=2).filter(|number: &RawFd| !kept.contains(number)) {
        // SAFETY: nobody here uses what it inherited and does not keep.
        unsafe {
            match &null {
                Some(null) => libc::dup2(null.as_raw_fd(), number),
                None if number > 2 => libc::close(number), // whoever waits for its end matters more
                None => continue,
            };
        }
    }
}
