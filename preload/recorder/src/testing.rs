//! What tests record into.

use std::panic::{AssertUnwindSafe, catch_unwind};

use heaptrace_channel::header::Start;
use heaptrace_channel::{Geometry, Segment};

use crate::memory::map_shared;
use crate::process::OwnProcess;
use crate::sys::sealed_memfd;

/// A process and its segment, in memory that is shared with forked children and stays.
#[derive(Debug)]
pub struct Channel {
    pub segment: Segment<'static>,
    pub own: OwnProcess,
}

impl Channel {
    /// With so many slots in each ring.
    pub fn new(ring_slots: u32) -> Channel {
        let (segment, own) = (segment(ring_slots), OwnProcess::new());
        // SAFETY: called once.
        unsafe { own.start(segment, true) };
        Channel { segment, own }
    }
}

/// A segment with so many slots in each ring.
pub fn segment(ring_slots: u32) -> Segment<'static> {
    let geometry = Geometry { ring_slots, ..Geometry::SMALLEST };
    let file = sealed_memfd(c"test", Segment::size(geometry)).unwrap();
    let base = map_shared(file, Segment::size(geometry)).unwrap();
    file.close();
    // SAFETY: fresh memory of that size, which is never given back.
    let segment = unsafe { Segment::create(base.as_ptr(), geometry) };
    segment.header().publish(&Start { geometry, ..Default::default() });
    segment
}

/// Forks, runs `work` in the child, where other threads are gone with what they held, and returns its exit
/// status: 1 if it panicked.
pub fn in_child(work: impl FnOnce()) -> i32 {
    // SAFETY: the child calls nothing that takes a lock of another thread's; it does not return.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let result = catch_unwind(AssertUnwindSafe(work));
            libc::_exit(result.is_err().into());
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 }
    }
}
