//! A profile in memory, and how one or several files become it.

pub mod common;
pub mod ids;
pub mod intern;
pub mod label_frames;
pub mod load;
pub mod merge;
pub mod part;
pub mod place;
pub mod prune;
pub mod resolved_sample;
pub mod tables;
pub mod time_line;
pub mod turnover;
