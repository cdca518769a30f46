//! The recorder: from a block that was allocated or freed to an event in the channel.
//!
//! ```text
//! sampler ─ unwind ─ live table ─ channel
//! ```
//!
//! It runs in the profiled program, below the hooks of libheaptrace.so, and does what is allowed there:
//! see the crate `heaptrace-preload`. What it knows of the processor is in [`arch`], of the C library in
//! [`c_library`], of the kernel in [`sys`] and [`memory`].

#![cfg_attr(not(test), no_std)]

pub mod arch;
pub mod c_library;
pub mod filter;
pub mod fork;
pub mod live;
mod marks;
pub mod memory;
pub mod process;
pub mod record;
mod recorder;
pub mod sampler;
pub mod stacks;
pub mod sys;
pub mod thread;
pub mod unwind;

pub use recorder::Recorder;
pub use recorder::Unrecorded;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
