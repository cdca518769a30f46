//! The collector: reads what the library recorded in a profiled program and makes profiles of it.

pub mod pprof;
pub mod recording;
pub mod symbolize;
