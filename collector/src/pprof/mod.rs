//! pprof's `profile.proto`: the messages, reading and writing files of them, and making one of a
//! recording.

pub mod file;
pub mod proto;
mod validate;
