//! The memory that is taken of the program.

mod budget;
mod pages;

pub use budget::Budget;
pub use pages::{advise, guard_page, is_readable, make_writable, map_private, map_shared, map_zeros, unmap};
