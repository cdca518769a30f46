//! Allocators inside the program: their functions are patched, so that they are seen as if they were
//! called by way of the dynamic linker.

mod apply;
mod near;
mod patched;

pub use apply::receive;
pub use patched::is_patched;
