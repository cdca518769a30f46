//! `heaptrace run`: starts a program with the library preloaded, and is to the outside what the
//! program is.

mod args;
mod collector;
mod inherited;
mod linkage;
mod no_summary;
mod preflight;
mod prepared;
mod program;
mod signals;
mod status;
mod stop;
mod supervise;

pub use args::{Args, Children, rate};
pub use inherited::keep as keep_inherited;
pub use no_summary::NoSummary;
pub use preflight::Obstacle;
pub use prepared::{record, run};
pub use status::FAILED;
