//! The programs that the program and its descendants execute without a word.

#[allow(clippy::module_inception)] // it is what all this is about
mod kin;
mod known;
mod process_events;

pub use kin::Kin;
pub use known::now;
pub use process_events::ProcessEvents;
