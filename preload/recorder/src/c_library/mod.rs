//! What is known of the C library and its dynamic linker, whichever is below: all that is asked of them.

mod find_object;
mod initial_stack;
mod objects;
mod symbols;
mod threads;

pub use find_object::{FindObject, FoundObject};
pub use initial_stack::{Auxiliary, Entry, Strings};
pub use objects::{Definition, LinkMap, Objects};
pub use symbols::Name;
pub use threads::{find, is_alone, rseq};
