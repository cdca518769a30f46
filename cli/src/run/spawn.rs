//! A child that goes on to a program, in the memory of its parent until then: a copy of that would take longer to make
//! than the child needs.

use std::ffi::{CString, OsStr, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{io, ptr};

/// What execve(2) takes.
pub struct Image {
    path: CString,
    arguments: List,
    variables: List,
}

impl Image {
    /// A program with its arguments and its environment, of whose entries those with a NUL are left out.
    ///
    /// # Errors
    /// If a NUL is in another text.
    pub fn new(
        path: &Path,
        arguments: &[OsString],
        variables: impl Iterator<Item = Vec<u8>>,
    ) -> io::Result<Image> {
        let text = |text: &OsStr| CString::new(text.as_bytes());
        let arguments = arguments.iter().map(|word| text(word)).collect::<Result<_, _>>()?;
        let variables = variables.filter_map(|entry| CString::new(entry).ok()).collect();
        Ok(Image {
            path: text(path.as_os_str())?,
            arguments: List::new(arguments),
            variables: List::new(variables),
        })
    }

    /// The entries of the environment.
    pub fn variables(&self) -> impl Iterator<Item = Vec<u8>> {
        self.variables.strings.iter().map(|entry| entry.to_bytes().to_vec())
    }

    /// Becomes that program. Returns only if it cannot be executed, and takes no memory.
    pub fn execute(&self) -> io::Error {
        let (arguments, variables) = (self.arguments.pointers.as_ptr(), self.variables.pointers.as_ptr());
        // SAFETY: both lists are of C strings and end with a null pointer.
        unsafe { libc::execve(self.path.as_ptr(), arguments, variables) };
        io::Error::last_os_error()
    }
}

/// Strings as C has a list of them.
struct List {
    strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl List {
    fn new(strings: Vec<CString>) -> List {
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        List { strings, pointers }
    }
}

/// Makes a child that does `work`, and ends with what that answers if it comes back from there. This process, which must
/// have one thread, waits until the child is another program or has ended.
///
/// # Errors
/// If no process can be made.
pub fn spawn<W: FnMut() -> u8>(mut work: W) -> io::Result<u32> {
    const STACK_SIZE: usize = 256 << 10; // of which little is touched
    let mut stack: Vec<u128> = Vec::with_capacity(STACK_SIZE / size_of::<u128>());
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the child has a stack of its own, which is there as long as it is in this memory, and the closure.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(stack.capacity());
        libc::clone(child::<W>, top.cast(), flags, (&raw mut work).cast())
    };
    if pid == -1 { Err(io::Error::last_os_error()) } else { Ok(pid as u32) }
}

extern "C" fn child<W: FnMut() -> u8>(work: *mut c_void) -> c_int {
    // SAFETY: the closure that was given to `spawn`, which waits; ends the process, and runs nothing of the parent's.
    unsafe { libc::_exit((*work.cast::<W>())().into()) }
}
