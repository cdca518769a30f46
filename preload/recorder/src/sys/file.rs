//! Files, which are open in the constructor only.

use core::ffi::CStr;

use heaptrace_channel::plain::FileState;

use super::call::Errno;
use super::process::{effective_user, limit};
use crate::call;

/// A file descriptor. It is only ever open inside the constructor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fd(pub i32);

impl Fd {
    /// The descriptor that a call has made.
    ///
    /// # Errors
    /// If it has made none.
    pub fn of(result: Result<usize, Errno>) -> Result<Fd, Errno> {
        result.map(|fd| Fd(fd as i32))
    }

    /// Closes it.
    pub fn close(self) {
        // SAFETY: the callers close what they opened, once.
        let _ = unsafe { call!(libc::SYS_close, self.0) };
    }

    fn stat(self) -> Option<libc::stat> {
        // SAFETY: an all-zero stat is valid, and the kernel fills it.
        unsafe {
            let mut stat: libc::stat = core::mem::zeroed();
            call!(libc::SYS_fstat, self.0, &raw mut stat).ok().map(|_| stat)
        }
    }

    /// Which file it leads to: device and inode.
    pub fn file(self) -> Option<(u64, u64)> {
        self.stat().map(|stat| (stat.st_dev, stat.st_ino))
    }

    /// Is it a regular file that is this user's or root's?
    fn is_trusted(self) -> bool {
        let is_ours = |stat: libc::stat| stat.st_uid == effective_user() || stat.st_uid == 0;
        self.stat().is_some_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG && is_ours(stat))
    }

    /// What one read gives.
    fn read(self, buffer: &mut [u8]) -> usize {
        // SAFETY: the kernel writes at most the buffer's length.
        let read = unsafe { call!(libc::SYS_read, self.0, buffer.as_mut_ptr(), buffer.len()) };
        read.unwrap_or(0).min(buffer.len())
    }

    /// Writes as much as the kernel takes at once.
    pub fn write(self, bytes: &[u8]) {
        // SAFETY: the kernel only reads the bytes.
        let _ = unsafe { call!(libc::SYS_write, self.0, bytes.as_ptr(), bytes.len()) };
    }
}

/// A memory file of `size` bytes that can be neither shrunk nor grown any more.
pub fn sealed_memfd(name: &CStr, size: usize) -> Result<Fd, Errno> {
    if limit(libc::RLIMIT_FSIZE).is_some_and(|limit| limit < size) {
        return Err(Errno(libc::EFBIG)); // ftruncate would send SIGXFSZ
    }
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name ends with a NUL.
    let fd = Fd::of(unsafe { call!(libc::SYS_memfd_create, name.as_ptr(), flags) })?;
    // SAFETY: both act on the file just made.
    let sealed = unsafe {
        call!(libc::SYS_ftruncate, fd.0, size).and_then(|_| {
            let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;
            call!(libc::SYS_fcntl, fd.0, libc::F_ADD_SEALS, seals)
        })
    };
    sealed.map(|_| fd).inspect_err(|_| fd.close())
}

/// Copies the target of a symbolic link into `buffer`.
pub fn read_link<'b>(path: &CStr, buffer: &'b mut [u8]) -> &'b [u8] {
    // SAFETY: the path ends with a NUL; the kernel writes at most the buffer's length.
    let read = unsafe { call!(libc::SYS_readlink, path.as_ptr(), buffer.as_mut_ptr(), buffer.len()) };
    &buffer[..read.unwrap_or(0).min(buffer.len())]
}

/// The start of a file, as much as one read gives; nothing if it cannot be read.
pub fn read<'b>(path: &CStr, buffer: &'b mut [u8]) -> &'b [u8] {
    read_if(path, 0, |_| true, buffer)
}

/// As [`read`], of a regular file that is this user's or root's; of any other it reads nothing, and waits for
/// nobody.
pub fn read_trusted<'b>(path: &CStr, buffer: &'b mut [u8]) -> &'b [u8] {
    read_if(path, libc::O_NOFOLLOW | libc::O_NONBLOCK, Fd::is_trusted, buffer)
}

fn read_if<'b>(path: &CStr, flags: i32, is_wanted: impl Fn(Fd) -> bool, buffer: &'b mut [u8]) -> &'b [u8] {
    let flags = flags | libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: the path ends with a NUL.
    let opened = Fd::of(unsafe { call!(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) });
    let read = opened.map_or(0, |file| {
        let read = if is_wanted(file) { file.read(buffer) } else { 0 };
        file.close();
        read
    });
    &buffer[..read]
}

/// The state of the file that a path leads to.
pub fn state(path: &CStr) -> Option<FileState> {
    // SAFETY: the path ends with a NUL; an all-zero stat is valid, and the kernel fills it.
    let stat: libc::stat = unsafe {
        let mut stat = core::mem::zeroed();
        call!(libc::SYS_newfstatat, libc::AT_FDCWD, path.as_ptr(), &raw mut stat, 0).ok()?;
        stat
    };
    let changed = (stat.st_ctime, stat.st_ctime_nsec);
    Some(FileState::new(stat.st_dev, stat.st_ino, stat.st_size as u64, changed))
}

/// May the file be executed by this process?
pub fn is_executable(path: &CStr) -> bool {
    // SAFETY: the path ends with a NUL.
    unsafe { call!(libc::SYS_access, path.as_ptr(), libc::X_OK) }.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_memfd_cannot_be_resized() {
        let fd = sealed_memfd(c"test", 8192).unwrap();
        // SAFETY: an ftruncate of the file just made.
        assert_eq!(unsafe { call!(libc::SYS_ftruncate, fd.0, 0) }, Err(Errno(libc::EPERM)));
        fd.close();
    }
}
