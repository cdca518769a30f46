//! What is known of the C library and its dynamic linker, whichever is below: all that is asked of them.

mod find_object;
mod found_object;
mod image;
mod initial_stack;
mod known_object;
mod known_tables;
mod later;
mod objects;
mod symbols;
mod threads;

pub use find_object::FindObject;
pub use found_object::FoundObject;
pub use image::Image;
pub use initial_stack::{Auxiliary, AuxiliaryEntry, Strings};
pub use objects::{Definition, LinkMap, Objects};
pub use symbols::Name;
pub use threads::{find, is_alone, rseq};
