//! Profiles of pprof's `profile.proto`, the one home of that format: its messages, files of them that
//! are written, and files that are read, whoever wrote them.

#![forbid(unsafe_code)]

mod backwards;
pub mod cohorts;
mod drop_frames;
mod error;
mod fields;
mod foreign;
pub mod proto;
mod read;
pub mod samples;
mod string_table;
pub mod time_line;
pub mod whole_file;
mod write;

pub use drop_frames::drop_frames;
pub use error::Error;
pub use read::{SampleType, Source, printable};
pub use string_table::StringTable;
pub use write::{GzippedFile, Packer, encode, gzip, size, write_file};

/// The comment of a profile of what changed between two moments of one process, in whose samples is what is left of
/// what came and went.
pub const CHANGE: &str = "values: what changed between two moments";
