//! Where the bytes of a file are, and parts of them.
//!
//! Files are read, not mapped: a file that is truncated while it is mapped kills its reader with
//! SIGBUS, and with it every profile that is being recorded.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// The bytes of a file.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A file, and its size when it was opened.
    File { file: Arc<File>, size: u64 },
    /// A file that is in memory.
    Memory(Arc<Vec<u8>>),
}

impl Source {
    /// The `size` bytes from `offset`, if there are so many.
    pub(super) fn part(&self, offset: u64, size: u64) -> Option<Part> {
        let end = offset.checked_add(size)?;
        (end <= self.size()).then(|| Part { source: self.clone(), offset, end })
    }

    fn size(&self) -> u64 {
        match self {
            Source::File { size, .. } => *size,
            Source::Memory(bytes) => bytes.len() as u64,
        }
    }
}

/// Some bytes of a file that follow one another. Reading from it makes it smaller.
#[derive(Debug, Clone)]
pub(super) struct Part {
    source: Source,
    offset: u64,
    end: u64,
}

impl Part {
    /// How many bytes it has.
    pub(super) fn size(&self) -> u64 {
        self.end - self.offset
    }

    /// The part that begins after `size` bytes, if there are so many.
    pub(super) fn after(&self, size: u64) -> Option<Part> {
        let offset = self.offset.checked_add(size).filter(|&offset| offset <= self.end)?;
        Some(Part { offset, ..self.clone() })
    }

    /// All its bytes, unless the file lost some of them.
    pub(super) fn bytes(mut self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.size()).ok()?];
        self.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = (buffer.len() as u64).min(self.size()) as usize;
        let buffer = &mut buffer[..wanted];
        let read = match &self.source {
            Source::File { file, .. } => file.read_at(buffer, self.offset)?,
            Source::Memory(bytes) => {
                // A part is within its source.
                buffer.copy_from_slice(&bytes[self.offset as usize..][..wanted]);
                wanted
            }
        };
        self.offset += read as u64;
        Ok(read)
    }
}
