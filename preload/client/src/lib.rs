//! A program's own counts under `heaptrace stat`, for a benchmark that shows allocs/op and B/op; and marks in what
//! `heaptrace run` records, for what each request leaks.
//!
//! The library is looked for in the running process once, and nothing is linked: in a program that runs bare every
//! call is a load and a jump, and tells nothing.
//!
//! ```
//! let before = heaptrace_client::thread_counts();
//! drop(vec![0u8; 100]);
//! if let Some((before, after)) = before.zip(heaptrace_client::thread_counts()) {
//!     println!("{} allocations", (after - before).allocations);
//! }
//! ```

use std::ffi::{CStr, c_char};
use std::ops::Sub;
use std::sync::LazyLock;

use libloading::os::unix::{Library, Symbol};

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
#[non_exhaustive]
pub struct Counts {
    /// Blocks allocated, by `realloc` too.
    pub allocations: u64,
    /// Bytes asked for.
    pub bytes: u64,
    /// Blocks freed, by `realloc` too.
    pub frees: u64,
    /// Calls of `realloc`.
    pub reallocations: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Bytes in use, by the allocator's usable size; of a process only.
    pub in_use: i64,
    /// The most bytes in use; of a process only.
    pub peak: i64,
}

/// What was counted between two moments; the peak is the later one's.
impl Sub for Counts {
    type Output = Counts;

    fn sub(self, before: Counts) -> Counts {
        Counts {
            allocations: self.allocations.wrapping_sub(before.allocations),
            bytes: self.bytes.wrapping_sub(before.bytes),
            frees: self.frees.wrapping_sub(before.frees),
            reallocations: self.reallocations.wrapping_sub(before.reallocations),
            failures: self.failures.wrapping_sub(before.failures),
            in_use: self.in_use.wrapping_sub(before.in_use),
            peak: self.peak,
        }
    }
}

type Ask = unsafe extern "C" fn(*mut Counts, usize) -> bool;
type Mark = unsafe extern "C" fn(*const c_char) -> bool;

/// The functions of the library, if it is in this process.
struct Functions {
    thread: Option<Symbol<Ask>>,
    process: Option<Symbol<Ask>>,
    mark: Option<Symbol<Mark>>,
}

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
    let process = Library::this();
    // SAFETY: functions of these names are heaptrace's, of these types.
    unsafe {
        Functions {
            thread: process.get(b"heaptrace_thread_counts\0").ok(),
            process: process.get(b"heaptrace_process_counts\0").ok(),
            mark: process.get(b"heaptrace_mark\0").ok(),
        }
    }
});

fn ask(function: Option<&Symbol<Ask>>) -> Option<Counts> {
    let mut counts = Counts::default();
    // SAFETY: writes at most as many bytes as it is told.
    let is_counted = unsafe { function?(&raw mut counts, size_of::<Counts>()) };
    is_counted.then_some(counts)
}

/// What the calling thread has counted; `None` if nothing is counted. A thread may go on from what one that has
/// ended left: only differences mean something.
pub fn thread_counts() -> Option<Counts> {
    ask(FUNCTIONS.thread.as_ref())
}

/// What all threads of this process have counted; `None` if nothing is counted.
pub fn process_counts() -> Option<Counts> {
    ask(FUNCTIONS.process.as_ref())
}

/// Gives this moment of the process a name, to see what came since, or up to another: `heaptrace snapshot PID
/// --since NAME --until NAME`. False if nobody records it, as under `heaptrace stat`, or the name is empty, longer
/// than 256 bytes, or has control characters. A name that was given before is that of the later moment; of one a
/// request the latest 4,096 are kept, less if they take more than 64 MiB.
pub fn mark(name: &CStr) -> bool {
    // SAFETY: a C string.
    FUNCTIONS.mark.as_ref().is_some_and(|mark| unsafe { mark(name.as_ptr()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_bare_program_nothing_is_told() {
        assert_eq!((thread_counts(), process_counts(), mark(c"here")), (None, None, false));
    }

    #[test]
    fn counts_lie_in_memory_as_the_library_writes_them() {
        use heaptrace_channel::counters::Sums;
        macro_rules! offsets {
            ($of:ty) => {
                [
                    std::mem::offset_of!($of, allocations),
                    std::mem::offset_of!($of, bytes),
                    std::mem::offset_of!($of, frees),
                    std::mem::offset_of!($of, reallocations),
                    std::mem::offset_of!($of, failures),
                    std::mem::offset_of!($of, in_use),
                    std::mem::offset_of!($of, peak),
                    size_of::<$of>(),
                ]
            };
        }
        assert_eq!(offsets!(Counts), offsets!(Sums));
    }
}
