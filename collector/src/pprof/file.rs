//! Profiles as files: reading those of any writer, writing ours.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use prost::Message;

use super::proto::Profile;
use super::validate::validate;

/// Largest profile read, in bytes after decompression: 1 GiB. A gzip stream can grow
/// thousandfold, so the size of the file bounds nothing.
const SIZE_LIMIT: u64 = 1 << 30;

/// Why a profile could not be read or written.
#[derive(Debug)]
pub enum Error {
    /// The error concerns the file of that path.
    File(PathBuf, Box<Error>),
    /// The file could not be opened or read.
    Read(io::Error),
    /// The file could not be written.
    Write(io::Error),
    /// There are no bytes.
    Empty,
    /// The profile is larger than this limit in bytes.
    TooLarge(u64),
    /// The gzip stream is damaged or ends too early.
    Gzip(io::Error),
    /// The bytes are not a `profile.proto` message.
    Protobuf(prost::DecodeError),
    /// The message is well-formed but no profile; the text says what is wrong.
    Invalid(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File(path, error) => write!(f, "{}: {error}", path.display()),
            Error::Read(error) => write!(f, "cannot read: {error}"),
            Error::Write(error) => write!(f, "cannot write: {error}"),
            Error::Empty => write!(f, "the file is empty"),
            Error::TooLarge(limit) => write!(f, "the profile is larger than {} MiB", limit >> 20),
            Error::Gzip(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                write!(f, "the file is truncated: its gzip stream ends too early")
            }
            Error::Gzip(error) => write!(f, "damaged gzip stream: {error}"),
            Error::Protobuf(error) => write!(f, "not a pprof profile, or a damaged one: {error}"),
            Error::Invalid(defect) => write!(f, "not a valid pprof profile: {defect}"),
        }
    }
}

// No `source`: the text already holds that of the cause.
impl std::error::Error for Error {}

/// Reads the profile in `path`, gzipped or not, whoever wrote it.
pub fn read_file(path: &Path) -> Result<Profile, Error> {
    File::open(path)
        .and_then(|file| read_limited(file, SIZE_LIMIT))
        .map_err(Error::Read)
        .and_then(|bytes| decode(&bytes))
        .map_err(|error| Error::File(path.to_owned(), Box::new(error)))
}

/// Reads a profile from the bytes of a file, gzipped or not. What it returns is valid in the sense
/// of google/pprof's `CheckValid`: its references exist, its ids are unique.
pub fn decode(bytes: &[u8]) -> Result<Profile, Error> {
    decode_limited(bytes, SIZE_LIMIT)
}

/// [`decode`] of at most `limit` decompressed bytes.
fn decode_limited(bytes: &[u8], limit: u64) -> Result<Profile, Error> {
    const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
    let decompressed;
    let message = if bytes.starts_with(&GZIP_MAGIC) {
        decompressed = read_limited(MultiGzDecoder::new(bytes), limit).map_err(Error::Gzip)?;
        &decompressed
    } else {
        bytes
    };
    if message.is_empty() {
        return Err(Error::Empty);
    }
    if message.len() as u64 > limit {
        return Err(Error::TooLarge(limit));
    }
    let mut profile = Profile::decode(message).map_err(Error::Protobuf)?;
    if profile.sample_type.is_empty() {
        return Err(Error::Invalid("it has no sample types".to_owned()));
    }
    forget_missing_mappings(&mut profile);
    validate(&profile).map_err(Error::Invalid)?;
    Ok(profile)
}

/// Reads to the end, but at most one byte more than `limit`, which tells that there was more.
fn read_limited(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A location whose mapping does not exist has none: pprof reads such files so.
fn forget_missing_mappings(profile: &mut Profile) {
    let known: HashSet<u64> = profile.mapping.iter().map(|m| m.id).collect();
    for location in &mut profile.location {
        if !known.contains(&location.mapping_id) {
            location.mapping_id = 0;
        }
    }
}

/// The bytes of a file with `profile` in it, gzipped.
pub fn encode(profile: &Profile) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(&profile.encode_to_vec())
        .and_then(|()| encoder.finish())
        .expect("writing to memory does not fail")
}

/// Writes `profile` to `path`, gzipped and with mode 0600, replacing what was there. Nobody who
/// opens `path` sees half a profile: it is written under another name in the same folder and renamed.
pub fn write_file(path: &Path, profile: &Profile) -> Result<(), Error> {
    replace(path, &encode(profile))
        .map_err(|error| Error::File(path.to_owned(), Box::new(Error::Write(error))))
}

/// Puts a file with `bytes` in the place of `path`, or leaves everything as it was.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let (temporary, mut file) = create_temporary(folder)?;
    let result = file.write_all(bytes).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // The first error is the one to report; if this fails too there is nothing left to do.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Creates a file that did not exist, with a hidden name, readable and writable by its owner only.
fn create_temporary(folder: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".heaptrace-{}-{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            // A leftover of a process that had our id and was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            result => return result.map(|file| (path, file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::pprof::proto::{Location, Sample, ValueType};

    fn profile() -> Profile {
        Profile {
            sample_type: vec![ValueType { r#type: 1, unit: 2 }],
            sample: vec![Sample { location_id: vec![1], value: vec![42], label: vec![] }],
            location: vec![Location { id: 1, address: 0x1234, ..Location::default() }],
            string_table: ["", "space", "bytes"].map(String::from).to_vec(),
            ..Profile::default()
        }
    }

    /// A folder of the test's own, removed with all that is in it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("heaptrace-file-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = Folder::new("round-trip");
        let path = folder.0.join("a.prof");
        write_file(&path, &profile()).unwrap();
        assert_eq!(read_file(&path).unwrap(), profile());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.names(), ["a.prof"]);
    }

    #[test]
    fn a_profile_that_is_not_gzipped_is_read() {
        assert_eq!(decode(&profile().encode_to_vec()).unwrap(), profile());
    }

    #[test]
    fn a_location_whose_mapping_is_missing_has_none() {
        let mut foreign = profile();
        foreign.location[0].mapping_id = 9;
        assert_eq!(decode(&foreign.encode_to_vec()).unwrap(), profile());
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = Folder::new("failed-write");
        let path = folder.0.join("taken");
        fs::create_dir(&path).unwrap();
        let text = write_file(&path, &profile()).unwrap_err().to_string();
        assert!(text.contains("taken: cannot write: "), "{text}");
        assert_eq!(folder.names(), ["taken"]);
    }

    #[test]
    fn a_gzip_bomb_is_refused_at_the_limit() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![0; 1 << 20]).unwrap();
        let error = decode_limited(&bomb.finish().unwrap(), 1 << 19).unwrap_err();
        assert!(matches!(error, Error::TooLarge(limit) if limit == 1 << 19), "{error}");
    }

    #[test]
    fn bad_files_are_named_in_one_line() {
        let whole = encode(&profile());
        let cases: [(&[u8], &str); 4] = [
            (b"", "the file is empty"),
            (&whole[..whole.len() - 12], "the file is truncated: its gzip stream ends too early"),
            (b"#!/bin/sh\necho this is not a profile\n", "not a pprof profile, or a damaged one: "),
            (&[0x48, 0x00], "not a valid pprof profile: it has no sample types"),
        ];
        for (bytes, text) in cases {
            let message = decode(bytes).unwrap_err().to_string();
            assert!(message.starts_with(text) && message.lines().count() == 1, "{message:?}");
        }
        let message = read_file(Path::new("/nonexistent/x.prof")).unwrap_err().to_string();
        assert_eq!(message, "/nonexistent/x.prof: cannot read: No such file or directory (os error 2)");
    }
}
