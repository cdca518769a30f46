//! The child that becomes the collector: system calls of a process that shares nothing with the program.

use core::ffi::CStr;
use core::ptr::null_mut;

use heaptrace_recorder::call;
use heaptrace_recorder::sys::{Errno, Fd};

/// Makes a child that shares nothing and whose end sends no signal. 0 in the child.
///
/// # Safety
/// The child may only make system calls, and must not return from the caller.
pub unsafe fn fork_silently() -> Result<u32, Errno> {
    // SAFETY: clone with no flags is fork; the caller keeps the child to system calls.
    unsafe { call!(libc::SYS_clone, 0) }.map(|pid| pid as u32)
}

/// Waits for a child made by [`fork_silently`].
pub fn wait(child: u32) {
    // SAFETY: the kernel writes nothing through null pointers.
    let _ = unsafe { call!(libc::SYS_wait4, child, null_mut::<u8>(), libc::__WALL, null_mut::<u8>()) };
}

/// Ends the process without running anything of it.
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: does not return.
        let _ = unsafe { call!(libc::SYS_exit_group, status) };
    }
}

/// Leaves the session, the process group and the terminal.
pub fn new_session() {
    // SAFETY: takes nothing.
    let _ = unsafe { call!(libc::SYS_setsid) };
}

/// Makes `to` the only file descriptor but for the standard three, which become /dev/null.
pub fn keep_only(keep: Fd, to: Fd) {
    // SAFETY: only called in a child that owns none of the program's descriptors any more.
    unsafe {
        let _ = match keep == to {
            true => call!(libc::SYS_fcntl, to.0, libc::F_SETFD, 0), // or it would be closed by exec
            false => call!(libc::SYS_dup2, keep.0, to.0),
        };
        let null = call!(libc::SYS_open, c"/dev/null".as_ptr(), libc::O_RDWR, 0).unwrap_or(0);
        for standard in 0..3 {
            let _ = call!(libc::SYS_dup2, null, standard);
        }
        let first = to.0 + 1;
        if call!(libc::SYS_close_range, first, u32::MAX, 0).is_err() {
            (first..65_536).for_each(|fd| Fd(fd).close()); // before Linux 5.9
        }
    }
}

/// Replaces the process by a program. Returns only on failure.
///
/// # Safety
/// Both lists are of C strings and end with a null pointer.
pub unsafe fn exec(path: &CStr, arguments: *const *const u8, environment: *const *const u8) {
    // SAFETY: the caller's promise.
    let _ = unsafe { call!(libc::SYS_execve, path.as_ptr(), arguments, environment) };
}
