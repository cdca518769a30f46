//! The standard error that a program had at its start, for what has to be said without a terminal.
//!
//! It is not held open: a pipe is to end when the program has closed it. So it is looked for when it is
//! needed, in the program while that lives, and by its path afterwards, and is only written to if it is
//! the file that it was at first. A regular file is written to at the program's own place in it while the program
//! lives, if the kernel gives that away: where a program does not append, what others append is written over.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use rustix::net::{SendFlags, send};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

const NUMBER: i32 = 2;

/// Where a program's errors went at first.
#[derive(Debug)]
pub struct Stderr {
    process: u32,
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Stderr {
    /// That of a process; `None` if it has none.
    pub fn of(process: u32) -> Option<Stderr> {
        let descriptor = descriptor_of(process);
        let metadata = fs::metadata(&descriptor).ok()?;
        let path = fs::read_link(&descriptor).ok()?;
        Some(Stderr { process, path, identity: (metadata.dev(), metadata.ino()) })
    }

    /// Writes a text, all or nothing, if it is there and takes it at once.
    pub fn write(&self, text: &str) {
        // Only a regular file takes anything at once.
        if let Some(mut file) = self.shared().filter(|file| file.metadata().is_ok_and(|it| it.is_file())) {
            return drop(file.write(text.as_bytes()));
        }
        let paths = [descriptor_of(self.process), self.path.clone()];
        let opened = paths.iter().find_map(|path| {
            let flags = libc::O_APPEND | libc::O_NONBLOCK | libc::O_NOCTTY;
            File::options().write(true).custom_flags(flags).open(path).ok().filter(|file| self.is_in(file))
        });
        match opened {
            Some(mut file) => drop(file.write(text.as_bytes())),
            None => drop(self.send(text)),
        }
    }

    /// To a socket, which cannot be opened.
    fn send(&self, text: &str) -> Option<()> {
        let socket = OwnedFd::from(self.shared()?);
        send(&socket, text.as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL).ok().map(drop)
    }

    /// What the program itself has open. `None` if it has ended, or the kernel does not give that away: it takes the
    /// right to trace the program.
    fn shared(&self) -> Option<File> {
        let process = Pid::from_raw(self.process as i32)?;
        let pidfd = pidfd_open(process, PidfdFlags::empty()).ok()?;
        let file = pidfd_getfd(pidfd, NUMBER, PidfdGetfdFlags::empty()).ok()?;
        Some(File::from(file)).filter(|file| self.is_in(file))
    }

    fn is_in(&self, file: &File) -> bool {
        file.metadata().is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity)
    }
}

fn descriptor_of(process: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{process}/fd/{NUMBER}"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    use std::os::unix::net::UnixStream;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that lives until its input ends.
    fn reader(stderr: impl Into<Stdio>) -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap()
    }

    fn end(mut child: Child) {
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_pipe_and_a_socket_are_written_to_while_the_process_lives_and_end_with_it() {
        let (pipe, writer) = std::io::pipe().unwrap();
        let (socket, other) = UnixStream::pair().unwrap();
        let children = [reader(writer), reader(OwnedFd::from(other))];
        for (child, mut reader) in
            children.into_iter().zip([File::from(OwnedFd::from(pipe)), File::from(OwnedFd::from(socket))])
        {
            let stderr = Stderr::of(child.id()).unwrap();
            stderr.write("one\n");
            end(child);
            stderr.write("two\n");
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "one\n");
        }
    }

    #[test]
    fn a_program_that_does_not_append_does_not_write_over_a_line() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before\n").unwrap();
        let child = reader(file.try_clone().unwrap());
        Stderr::of(child.id()).unwrap().write("one\n");
        file.write_all(b"after\n").unwrap();
        end(child);
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "before\none\nafter\n");
    }

    #[test]
    fn a_file_is_appended_to_after_the_end_too_and_another_in_its_place_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("errors");
        fs::write(&path, "before\n").unwrap();
        let child = reader(File::options().append(true).open(&path).unwrap());
        let stderr = Stderr::of(child.id()).unwrap();
        stderr.write("one\n");
        end(child);
        stderr.write("two\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "before\none\ntwo\n");
        fs::rename(&path, folder.path().join("moved")).unwrap();
        fs::write(&path, "").unwrap();
        stderr.write("three\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }
}
