//! The viewer for browsers: one page with its scripts, its style and the profile inside.

mod columns;
mod data;
#[cfg(test)]
mod link;
#[cfg(test)]
mod modules;
mod page;
mod runs;
mod state;

pub use data::data;
pub use page::Page;
pub use state::{address, place};
