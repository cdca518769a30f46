//! What `heaptrace` does. A library, so that its parts can be fuzzed.

mod apart;
pub mod check;
pub mod collect;
mod control;
pub mod library;
mod messages;
pub mod progress;
pub mod run;
pub mod symbolize;
