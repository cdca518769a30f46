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
pub mod memory;
pub mod process;
pub mod record;
pub mod sampler;
pub mod stacks;
pub mod sys;
pub mod thread;
pub mod unwind;

#[cfg(test)]
mod testing {
    use heaptrace_channel::header::Start;
    use heaptrace_channel::{Geometry, Segment};

    /// A segment in ordinary memory that lives as long as the test binary.
    pub fn segment(ring_slots: u32) -> Segment {
        let geometry = Geometry { ring_slots, ..Geometry::SMALLEST };
        let layout = std::alloc::Layout::from_size_align(Segment::size(geometry), 4096).unwrap();
        // SAFETY: the layout has a size; the memory is zeroed, aligned and never freed.
        let segment = unsafe { Segment::create(std::alloc::alloc_zeroed(layout), geometry) };
        segment.header().publish(&Start { geometry, ..Default::default() });
        segment
    }
}
