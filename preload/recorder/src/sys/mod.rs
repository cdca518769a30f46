//! The few system calls that are made inside the program, with safe faces.

mod call;
mod file;
mod process;

pub use call::{Errno, check, syscall};
pub use file::{Fd, is_executable, read, read_link, read_trusted, sealed_memfd, state};
pub use heaptrace_channel::sys::{PAGE, Patience, futex_wait, futex_wake};
pub(crate) use process::SignalsBlocked;
pub use process::{effective_user, has_ended, limit, now, pid, processors, random, thread_id};
