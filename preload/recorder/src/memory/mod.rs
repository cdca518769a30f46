//! The memory that is taken of the program.

mod budget;
mod pages;

pub use budget::Budget;
#[cfg(test)]
pub use pages::guard_page;
pub use pages::{
    Word, advise, compare, is_readable, make_code_writable, make_executable, map_at, map_guarded,
    map_private, map_shared, map_zeros, move_code, unmap,
};
