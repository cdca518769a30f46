//! The live set of a process, and its totals: what each stack allocated, has in use, and had in use
//! at the peak.
//!
//! Events carry the stack and the size of their block, so no table of blocks is needed here: the
//! live set is kept as sums for each pair of stack and size class. Memory grows with those pairs,
//! not with events or time.

mod ages;
mod cell;
mod index;
mod set;
mod size_class;
mod sums;

pub use ages::Ages;
pub use set::{Live, Totals};
pub use sums::{Sum, Sums};
