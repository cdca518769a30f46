//! `heaptrace run`: starts a program with the library preloaded, and is to the outside what the
//! program is.

mod again;
mod args;
mod collector;
mod inherited;
mod invitation;
mod no_summary;
mod preflight;
mod prepared;
mod program;
mod signals;
mod spawn;
mod status;
mod stop;
mod supervise;

pub(crate) use again::{OURSELVES, pattern_in, record_apart};
pub use args::{Args, Children, rate};
pub use inherited::keep as keep_inherited;
pub(crate) use invitation::Invitation;
pub use no_summary::NoSummary;
pub use preflight::Obstacle;
pub(crate) use preflight::obstacle;
pub use prepared::{record, run};
pub(crate) use program::{Command, NotStarted};
pub(crate) use signals::Signals;
pub use status::FAILED;
pub(crate) use supervise::supervise;
