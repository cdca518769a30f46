//! Allocators inside programs: which functions of theirs are to be patched, and how. The library applies
//! it.

mod beginning;
mod file;
mod kept;
mod names;
mod plain;
mod planner;
mod plans;

pub use beginning::Unsafe;
pub use file::{FilePlan, LeftAlone};
pub use plain::PlainPrograms;
pub use planner::{Left, Planner};
pub use plans::Plans;
