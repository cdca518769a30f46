//! pprof's `profile.proto`: the messages, files of them, and making one of a recording. What reads
//! such files is `heaptrace report`.

mod drop_frames;
pub mod file;
mod profile;
pub mod proto;

pub use profile::profile;
