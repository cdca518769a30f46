//! pprof's `profile.proto`: the messages, reading and writing files of them, and making one of a
//! recording.

mod drop_frames;
pub mod file;
mod profile;
pub mod proto;
mod validate;

pub use profile::profile;
