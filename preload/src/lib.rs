//! `libheaptrace.so`: the part of heaptrace that lives in the profiled program.
//!
//! ```text
//! malloc ─ hooks ─ sampler ─ unwind ─ live table ─ channel ─▶ collector
//! ```
//!
//! What holds everywhere here, because a program that nobody asked runs this code:
//! - no allocation, no panic, no thread, no signal handler, no lock that is waited for without bound;
//! - no function of the C library but the originals of the hooks and `_dl_find_object`, which are looked
//!   up ([`objects`]): so there is no symbol that a C library could lack (a test sees to that), and
//!   the kernel is called directly, so `errno` stays what the program's own call made it;
//! - after the constructor, no file descriptor and no system call but futex, mmap, munmap, madvise and,
//!   for a call site that is new, rt_sigprocmask: what malloc and threads use themselves, so that it
//!   works in a sandbox. Also in a forked child. Only where a collector was killed, its program says so
//!   at its exit, by fstat and write.

#![cfg_attr(feature = "shared-object", no_std)]
// The tests must not hook their own process, so most of what the hooks lead to is not called there.
#![cfg_attr(test, allow(dead_code))]

// `pub(crate)` for the benchmarks, of which this file is a module.
pub(crate) mod ancestors;
pub(crate) mod budget;
pub(crate) mod complain;
pub(crate) mod export;
pub(crate) mod filter;
pub(crate) mod fork;
pub(crate) mod forms;
pub(crate) mod forward;
pub(crate) mod glibc;
pub(crate) mod hooks;
pub(crate) mod initial_stack;
pub(crate) mod live;
pub(crate) mod memory;
pub(crate) mod objects;
pub(crate) mod operators;
pub(crate) mod originals;
pub(crate) mod process;
pub(crate) mod record;
pub(crate) mod sampler;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod shadow;
pub(crate) mod spawn;
pub(crate) mod stacks;
pub(crate) mod start;
pub(crate) mod symbols;
pub(crate) mod sys;
pub(crate) mod text;
pub(crate) mod thread;
pub(crate) mod unwind;

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

/// Nothing here panics. Should a dependency do, the process cannot go on.
#[cfg(not(test))]
#[cfg_attr(feature = "shared-object", panic_handler)]
#[cfg_attr(not(feature = "shared-object"), expect(dead_code))]
fn panic(_: &core::panic::PanicInfo) -> ! {
    sys::abort()
}
