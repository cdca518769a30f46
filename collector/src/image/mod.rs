//! Images: a segment each, with the processes that write to it.

mod blocked;
mod counters;
mod events;
#[allow(clippy::module_inception)] // it is what all this is about
mod image;
#[cfg(test)]
mod tests;

pub use image::Image;
