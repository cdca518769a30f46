//! Why a profile could not be read.

use std::path::PathBuf;
use std::{fmt, io};

use crate::foreign::Foreign;

/// What is wrong with a file.
#[derive(Debug)]
pub enum Error {
    /// The error concerns the file of that path.
    File(PathBuf, Box<Error>),
    /// The file could not be opened or read.
    Read(io::Error),
    /// There are no bytes.
    Empty,
    /// The file is larger than this limit in bytes.
    TooLarge(u64),
    /// The gzip stream is damaged or ends too early.
    Gzip(io::Error),
    /// The bytes are not a `profile.proto` message.
    Protobuf(prost::DecodeError),
    /// Profiles one after the other, as `cat` makes them.
    Concatenated,
    /// The file is something else.
    Foreign(&'static Foreign),
    /// The message is well-formed but no profile; the text says what is wrong.
    Invalid(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File(path, error) => write!(f, "{}: {error}", path.display()),
            Error::Read(error) => write!(f, "cannot read: {error}"),
            Error::Empty => write!(f, "the file is empty"),
            Error::TooLarge(limit) => write!(f, "the profile is larger than {} MiB", limit >> 20),
            Error::Gzip(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                write!(f, "the file is truncated: its gzip stream ends too early")
            }
            Error::Gzip(error) => write!(f, "damaged gzip stream: {error}"),
            Error::Protobuf(error) => write!(f, "not a pprof profile, or a damaged one: {error}"),
            Error::Concatenated => {
                write!(f, "several profiles in one file; name each file of its own, and they are added up")
            }
            Error::Foreign(foreign) => {
                write!(f, "it is {}, and no pprof profile; {}", foreign.what, foreign.advice)
            }
            Error::Invalid(defect) => write!(f, "not a valid pprof profile: {defect}"),
        }
    }
}

// No `source`: the text already holds that of the cause.
impl std::error::Error for Error {}
