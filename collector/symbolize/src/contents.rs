//! What a section holds, which may be compressed.

use std::io::{BufReader, Read};

use flate2::bufread::ZlibDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::source::Part;

/// Largest section read, in bytes after decompression: what a DWARF offset of 32 bits can reach.
const SIZE_LIMIT: u64 = 1 << 32;

/// How much of a compressed section is read at once.
const BUFFER: usize = 1 << 14;

/// The bytes of a section, not read yet.
#[derive(Debug)]
pub(super) struct Contents {
    stored: Part,
    compression: Option<Compression>,
    size: u64,
}

/// How a section is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Zlib,
    Zstd,
}

impl Contents {
    /// Those of a section that is not compressed, unless it is too large.
    pub(super) fn plain(stored: Part) -> Option<Contents> {
        let size = stored.size();
        (size <= SIZE_LIMIT).then_some(Contents { stored, compression: None, size })
    }

    /// Those of a compressed section that claims to have `size` bytes, unless that is too large.
    pub(super) fn compressed(stored: Part, compression: Compression, size: u64) -> Option<Contents> {
        (size <= SIZE_LIMIT).then_some(Contents { stored, compression: Some(compression), size })
    }

    /// How many bytes it has, after decompression; of a compressed one, what it claims.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Where its bytes are, unless they have to be decompressed.
    pub(super) fn as_plain(&self) -> Option<&Part> {
        self.compression.is_none().then_some(&self.stored)
    }

    /// Reads it from the beginning, decompressed.
    pub(super) fn stream(&self) -> Option<Box<dyn Read + Send>> {
        let stored = self.stored.clone();
        Some(match self.compression {
            None => Box::new(stored),
            Some(Compression::Zlib) => Box::new(ZlibDecoder::new(BufReader::with_capacity(BUFFER, stored))),
            Some(Compression::Zstd) => {
                Box::new(StreamingDecoder::new(BufReader::with_capacity(BUFFER, stored)).ok()?)
            }
        })
    }

    /// All its bytes, if there are as many as it claims.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        if let Some(stored) = self.as_plain() {
            return stored.clone().bytes();
        }
        let mut bytes = Vec::with_capacity(self.believed());
        self.stream()?.take(self.size).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 == self.size).then_some(bytes)
    }

    /// Room for what a header says is the size of decompressed data. Memory grows with what is
    /// read, not with what is claimed: more than the usual ratio is not believed in advance.
    fn believed(&self) -> usize {
        const USUAL_RATIO: u64 = 8;
        self.stored.size().saturating_mul(USUAL_RATIO).min(self.size) as usize
    }
}

/// Reads until `bytes` are full or there are no more. Returns how many there are.
pub(super) fn fill(bytes: &mut [u8], reader: &mut dyn Read) -> usize {
    let mut filled = 0;
    while let Ok(read @ 1..) = reader.read(&mut bytes[filled..]) {
        filled += read;
    }
    filled
}
