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
    let flags = flags | libc::O_CLOEXEC; // O_RDONLY is none of them
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
    use crate::testing::in_child;
    use std::ffi::CString;
    use std::fs::{self, File, OpenOptions, Permissions};
    use std::io::{Read, Write};
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
    use std::path::Path;

    fn c_path(path: &Path) -> CString {
        CString::new(path.as_os_str().as_bytes()).unwrap()
    }

    /// A folder with a file of that text in it.
    fn folder_with_file(text: &str) -> (tempfile::TempDir, CString) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, text).unwrap();
        (folder, c_path(&path))
    }

    #[test]
    fn a_sealed_memfd_has_its_size_and_cannot_be_resized() {
        let fd = sealed_memfd(c"test", 8192).unwrap();
        // SAFETY: the file is nobody else's.
        let file = unsafe { File::from_raw_fd(fd.0) };
        assert_eq!(file.metadata().unwrap().len(), 8192);
        for size in [0, 4096, 12288] {
            assert_eq!(file.set_len(size).unwrap_err().raw_os_error(), Some(libc::EPERM), "{size}");
        }
    }

    #[test]
    fn a_memfd_larger_than_files_may_be_is_refused_and_no_signal_is_sent() {
        let status = in_child(|| {
            let limit = libc::rlimit { rlim_cur: 8192, rlim_max: 8192 };
            // SAFETY: the kernel reads the limit.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
            assert!([4096, 8192].iter().all(|&size| sealed_memfd(c"test", size).is_ok()));
            assert_eq!(sealed_memfd(c"test", 8193), Err(Errno(libc::EFBIG)));
        });
        assert_eq!(status, 0);
    }

    #[test]
    fn a_file_is_known_by_its_device_and_inode_until_it_is_closed() {
        /// What no other test gets, as the kernel gives the lowest that is free.
        const FREE: i32 = 900;
        let file = tempfile::tempfile().unwrap();
        let metadata = file.metadata().unwrap();
        // SAFETY: acts on the file just made.
        let fd = Fd::of(unsafe { call!(libc::SYS_fcntl, file.as_raw_fd(), libc::F_DUPFD, FREE) }).unwrap();
        assert_eq!(fd.file(), Some((metadata.dev(), metadata.ino())));
        fd.close();
        assert_eq!(fd.file(), None);
    }

    #[test]
    fn what_is_written_is_in_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        Fd(file.as_raw_fd()).write(b"heaptrace");
        let mut text = String::new();
        file.reopen().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "heaptrace");
        file.write_all(b"!").unwrap(); // behind it
        assert_eq!(file.as_file().metadata().unwrap().len(), 10);
    }

    #[test]
    fn as_much_is_read_as_there_is_and_there_is_room_for() {
        let (folder, path) = folder_with_file("heaptrace");
        let mut buffer = [0; 16];
        assert_eq!(read(&path, &mut buffer), b"heaptrace");
        assert_eq!(read(&path, &mut buffer[..4]), b"heap");
        assert_eq!(read(c"/nowhere", &mut buffer), b"");
        let link = folder.path().join("link");
        symlink("its target", &link).unwrap();
        assert_eq!(read_link(&c_path(&link), &mut buffer), b"its target");
        assert_eq!(read_link(&c_path(&link), &mut buffer[..3]), b"its");
        assert_eq!(read_link(&path, &mut buffer), b"");
    }

    #[test]
    fn only_a_regular_file_at_the_very_path_is_trusted_and_a_pipe_is_not_waited_for() {
        let (folder, path) = folder_with_file("heaptrace");
        let mut buffer = [0; 16];
        assert_eq!(read_trusted(&path, &mut buffer), b"heaptrace");
        let [link, pipe, full_pipe] = ["link", "pipe", "full"].map(|name| folder.path().join(name));
        symlink("file", &link).unwrap();
        for pipe in [&pipe, &full_pipe] {
            // SAFETY: the path ends with a NUL.
            assert_eq!(unsafe { libc::mkfifo(c_path(pipe).as_ptr(), 0o600) }, 0);
        }
        let mut other_end = OpenOptions::new().read(true).write(true).open(&full_pipe).unwrap();
        other_end.write_all(b"heaptrace").unwrap();
        for untrusted in [link, pipe, full_pipe] {
            assert_eq!(read_trusted(&c_path(&untrusted), &mut buffer), b"", "{untrusted:?}");
        }
    }

    #[test]
    fn files_of_this_user_and_of_root_are_trusted_and_those_of_others_are_not() {
        const ROOT: u32 = 0;
        let (us, other) = (65_534, 65_533);
        if effective_user() != ROOT {
            assert!(!read_trusted(c"/etc/passwd", &mut [0; 16]).is_empty());
            return; // nor can it make a file of another's
        }
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let of = |user: u32| {
            let path = folder.path().join(user.to_string());
            fs::write(&path, "heaptrace").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            chown(&path, Some(user), None).unwrap();
            c_path(&path)
        };
        let files = [ROOT, us, other].map(of);
        let status = in_child(|| {
            // SAFETY: takes a number.
            assert_eq!(unsafe { libc::seteuid(us) }, 0);
            assert_eq!(effective_user(), us);
            let trusted = [0, 1, 2].map(|i| read_trusted(&files[i], &mut [0; 16]).len());
            assert_eq!(trusted, [9, 9, 0]);
            assert_eq!(read(&files[2], &mut [0; 16]), b"heaptrace");
        });
        assert_eq!(status, 0);
    }

    #[test]
    fn the_state_of_a_file_is_what_stat_has_of_it() {
        let (folder, path) = folder_with_file("heaptrace");
        let metadata = fs::metadata(folder.path().join("file")).unwrap();
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let expected = FileState::new(metadata.dev(), metadata.ino(), 9, changed);
        assert_eq!(state(&path), Some(expected));
        assert_eq!(state(c"/nowhere"), None);
    }

    #[test]
    fn a_file_without_the_permission_cannot_be_executed() {
        let (folder, path) = folder_with_file("#!/bin/sh");
        for (mode, expected) in [(0o600, false), (0o700, true)] {
            fs::set_permissions(folder.path().join("file"), Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_executable(&path), expected, "{mode:o}");
        }
    }
}
