//! Profiles as files.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress, Status};
use prost::Message;

use crate::proto::Profile;
use crate::whole_file::{Nameless, WholeFile};

/// The bytes of a file with `profile` in it, gzipped.
pub fn encode(profile: &Profile) -> Vec<u8> {
    gzip(&profile.encode_to_vec())
}

/// How many bytes `profile` has before it is gzipped.
pub fn size(profile: &Profile) -> usize {
    profile.encoded_len()
}

/// The fastest, as Go's runtime does it with profiles: the program waits for them at its exit.
const LEVEL: Compression = Compression::fast();

/// The bytes gzipped.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzipped = Vec::new();
    Packer::new().pack(bytes, &mut gzipped).expect("writing to memory does not fail");
    gzipped
}

/// Writes `profile` to `path`, gzipped, as a [`WholeFile`].
///
/// # Errors
/// If it cannot be written.
pub fn write_file(path: &Path, profile: &Profile) -> io::Result<()> {
    Packer::new().write(path, None, &profile.encode_to_vec())
}

/// Gzips profiles, one after the other: its tables, of a third of a MiB, are made once, which takes longer than to pack a
/// small profile.
#[derive(Debug)]
pub struct Packer {
    compress: Compress,
    /// What has been packed and not been written.
    piece: Vec<u8>,
}

impl Packer {
    /// One that has packed nothing yet.
    #[expect(clippy::new_without_default, reason = "it is not cheap")]
    pub fn new() -> Packer {
        const LARGEST_WINDOW: u8 = 15;
        Packer { compress: Compress::new_gzip(LEVEL, LARGEST_WINDOW), piece: Vec::with_capacity(PIECE) }
    }

    /// Writes a profile to `path` that is [encoded](crate::samples::Encoded) already, gzipped, as a [`WholeFile`], in
    /// that file if there is one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, path: &Path, file: Option<Nameless>, message: &[u8]) -> io::Result<()> {
        let mut file = WholeFile::create_in(file, path)?;
        self.pack(message, &mut file)?;
        file.finish()
    }

    /// Packs a profile for nobody.
    pub fn rehearse(&mut self, message: &[u8]) {
        self.pack(message, &mut io::sink()).expect("a sink takes everything");
    }

    fn pack(&mut self, message: &[u8], file: &mut impl Write) -> io::Result<()> {
        let Packer { compress, piece } = self;
        compress.reset();
        loop {
            piece.clear();
            let left = message.get(compress.total_in() as usize..).unwrap_or_default();
            let status = compress.compress_vec(left, piece, FlushCompress::Finish)?;
            file.write_all(piece)?;
            if status == Status::StreamEnd {
                return Ok(());
            }
        }
    }
}

/// So many bytes are written at once.
const PIECE: usize = 32 << 10;

/// A [`WholeFile`] of what is written to it, gzipped.
#[derive(Debug)]
pub struct GzippedFile(GzEncoder<WholeFile>);

impl GzippedFile {
    /// Begins to write `path`.
    ///
    /// # Errors
    /// If there can be no such file.
    pub fn create(path: &Path) -> io::Result<GzippedFile> {
        Ok(GzippedFile(GzEncoder::new(WholeFile::create(path)?, LEVEL)))
    }

    /// Puts what was written where it belongs.
    ///
    /// # Errors
    /// If that cannot be: see [`WholeFile::finish`].
    pub fn finish(self) -> io::Result<()> {
        self.0.finish()?.finish()
    }
}

impl Write for GzippedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;
    use crate::proto::{Location, Sample, ValueType};

    fn profile() -> Profile {
        Profile {
            sample_type: vec![ValueType { r#type: 1, unit: 2 }],
            sample: vec![Sample { location_id: vec![1], value: vec![42], label: vec![], cohorts: None }],
            location: vec![Location { id: 1, address: 0x1234, ..Location::default() }],
            string_table: ["", "space", "bytes"].map(String::from).to_vec(),
            ..Profile::default()
        }
    }

    #[test]
    fn what_is_packed_one_after_the_other_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.prof");
        let mut packer = Packer::new();
        let varied =
            |length: u32| (0..length).flat_map(|i| i.wrapping_mul(i).to_le_bytes()).collect::<Vec<_>>();
        for message in [varied(100_000), Vec::new(), varied(10)] {
            packer.write(&path, None, &message).unwrap();
            let mut read = Vec::new();
            GzDecoder::new(File::open(&path).unwrap()).read_to_end(&mut read).unwrap();
            assert!(read == message, "{} bytes", message.len());
        }
    }

    #[test]
    fn what_is_written_is_a_gzipped_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.prof");
        write_file(&path, &profile()).unwrap();
        let mut message = Vec::new();
        GzDecoder::new(File::open(&path).unwrap()).read_to_end(&mut message).unwrap();
        assert_eq!(Profile::decode(&*message).unwrap(), profile());
    }
}
