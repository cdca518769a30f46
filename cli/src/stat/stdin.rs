//! The programs' standard input, which each run reads from where it began.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsFd;

use rustix::fs::{FileType, MemfdFlags, fstat, memfd_create};

/// What each run reads.
#[derive(Debug)]
pub struct Stdin(Option<(File, u64)>);

impl Stdin {
    /// This process's own, which is kept in memory if it can be read only once and there are several runs. A
    /// terminal stays what it is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(several: bool) -> io::Result<Stdin> {
        let stdin = io::stdin();
        let Ok(stat) = fstat(&stdin) else { return Ok(Stdin(None)) };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let mut file = File::from(stdin.as_fd().try_clone_to_owned()?);
                let start = file.stream_position()?;
                Ok(Stdin(Some((file, start))))
            }
            FileType::Fifo | FileType::Socket if several => {
                let mut file = File::from(memfd_create("stdin", MemfdFlags::CLOEXEC)?);
                io::copy(&mut stdin.lock(), &mut file)?;
                rustix::stdio::dup2_stdin(&file)?;
                Ok(Stdin(Some((file, 0))))
            }
            _ => Ok(Stdin(None)),
        }
    }

    /// Goes back to where it began.
    ///
    /// # Errors
    /// If that cannot be.
    pub fn rewind(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Some((file, start)) => file.seek(SeekFrom::Start(*start)).map(drop),
            None => Ok(()),
        }
    }
}
