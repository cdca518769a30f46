//! A call of the kernel, and what it says when it fails.

pub use heaptrace_channel::sys::syscall;

/// The kernel's error number of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

/// The result of [`syscall`].
pub fn check(result: isize) -> Result<usize, Errno> {
    if (-4095..0).contains(&result) { Err(Errno(-result as i32)) } else { Ok(result as usize) }
}

/// Calls the kernel with up to six arguments.
#[macro_export]
macro_rules! call {
    ($number:expr $(, $argument:expr)*) => {{
        let mut arguments = [0usize; 6];
        let given = [$($argument as usize),*];
        arguments[..given.len()].copy_from_slice(&given);
        $crate::sys::check($crate::sys::syscall($number, arguments))
    }};
}
