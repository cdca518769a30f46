//! A session that counts instead of recording: it takes the counters of each process, and tells at the end
//! what is in them.

mod facts;
mod image;
mod inside;
mod session;

pub use facts::{Counted, Counts, FamilyCounts, ProcessCounts};
pub use session::{Config, Request, run};
