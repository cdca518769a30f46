//! pprof's `profile.proto`: the messages, files of them, and making one of a recording. What reads
//! such files is `heaptrace report`.

mod drop_frames;
pub mod file;
mod fill;
mod functions;
mod profile;
pub mod proto;
mod strings;

pub use fill::{Filled, Sought, fill};
pub use profile::profile;
