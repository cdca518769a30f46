//! What the library may take of the program's memory, and the one place where it takes it.
//!
//! It begins with little and takes more as samples need it: the law is in README.md. A program that
//! has a limit at its start, on its address space or its data, leaves us an eighth of what the limit
//! leaves it then, so that its own allocations fail no earlier than by that. What finds no memory is
//! counted as lost.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use heaptrace_channel::config::parse_number;

use super::pages::{map_private, unmap};
use crate::sys::{self, PAGE};

/// Our part of the program's memory: one of so many.
const SHARE: usize = 8;

/// What may be taken. As zeros, it has no limit.
#[derive(Debug, Default)]
pub struct Budget {
    /// Of the address space.
    space: Limited,
    /// Of the data, which is private memory.
    data: Limited,
}

/// How many of all bytes that there could be are not to be had, or not any more.
#[derive(Debug, Default)]
struct Limited(AtomicUsize);

impl Limited {
    fn left(&self) -> usize {
        usize::MAX - self.0.load(Relaxed)
    }

    fn leave(&self, bytes: usize) {
        self.0.store(usize::MAX - bytes, Relaxed);
    }

    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |gone| gone.checked_add(bytes)).is_ok()
    }

    fn put_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Relaxed);
    }
}

impl Budget {
    /// No limit.
    pub const fn new() -> Budget {
        Budget { space: Limited(AtomicUsize::new(0)), data: Limited(AtomicUsize::new(0)) }
    }

    /// Finds out how much may be taken. In the constructor.
    pub fn start(&self) {
        let limits = [libc::RLIMIT_AS, libc::RLIMIT_DATA].map(sys::limit);
        if limits == [None; 2] {
            return;
        }
        // Pages: size, resident, shared, text, lib, data: see proc(5).
        let mut text = [0; 128];
        let mut words = sys::read(c"/proc/self/statm", &mut text).split(|&c| c == b' ');
        let mut used = |skipped| words.nth(skipped).and_then(parse_number).unwrap_or(0) as usize * PAGE;
        let (space, data) = (used(0), used(4));
        for ((limited, limit), used) in [&self.space, &self.data].into_iter().zip(limits).zip([space, data]) {
            if let Some(limit) = limit {
                limited.leave(limit.saturating_sub(used) / SHARE);
            }
        }
    }

    /// Leaves so many bytes, from now on.
    #[cfg(test)]
    pub fn leave(&self, bytes: usize) {
        self.space.leave(bytes);
    }

    /// Would `size` bytes of shared memory take more than half of what is left?
    pub fn is_much_shared(&self, size: usize) -> bool {
        size > self.space.left() / 2
    }

    /// Would `size` bytes of private memory?
    pub fn is_much(&self, size: usize) -> bool {
        self.is_much_shared(size) || size > self.data.left() / 2
    }

    /// Takes shared memory into account, which is mapped elsewhere. False if it is too much.
    pub fn take_shared(&self, size: usize) -> bool {
        self.space.take(size)
    }

    /// Takes private memory into account, which will be mapped. False if it is too much.
    pub fn take(&self, size: usize) -> bool {
        let has_space = self.space.take(size);
        let has_both = has_space && self.data.take(size);
        if has_space && !has_both {
            self.space.put_back(size);
        }
        has_both
    }

    /// Fresh zeroed memory: [`map_private`] within the budget.
    pub fn map(&self, size: usize) -> Option<NonNull<u8>> {
        if !self.take(size) {
            return None;
        }
        let mapped = map_private(size);
        if mapped.is_none() {
            self.put_back(size);
        }
        mapped
    }

    /// Gives back what [`Budget::map`] made.
    ///
    /// # Safety
    /// Nobody uses the memory any more.
    pub unsafe fn give_back(&self, at: NonNull<u8>, size: usize) {
        // SAFETY: the caller's promise.
        unsafe { unmap(at, size) };
        self.put_back(size);
    }

    fn put_back(&self, size: usize) {
        [&self.space, &self.data].iter().for_each(|limited| limited.put_back(size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::in_child;

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let budget = Budget::new();
        budget.leave(3 * PAGE);
        assert!(budget.is_much(2 * PAGE) && !budget.is_much(PAGE));
        let two = budget.map(2 * PAGE).unwrap();
        assert_eq!(budget.map(2 * PAGE), None);
        assert!(budget.take_shared(PAGE) && !budget.take_shared(1));
        // SAFETY: nobody has it.
        unsafe { budget.give_back(two, 2 * PAGE) };
        assert!(budget.map(2 * PAGE).is_some() && budget.map(1).is_none());
    }

    #[test]
    fn what_is_too_much_data_takes_no_address_space() {
        let budget = Budget::new();
        budget.leave(3 * PAGE);
        budget.data.leave(PAGE);
        assert!(budget.is_much(PAGE) && !budget.is_much_shared(PAGE));
        assert_eq!(budget.map(2 * PAGE), None);
        assert_eq!(budget.space.left(), 3 * PAGE);
    }

    /// What this process has of its address space and of data, in bytes, as the kernel tells people.
    fn used() -> [usize; 2] {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        ["VmSize:", "VmData:"].map(|name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
        })
    }

    #[test]
    fn an_eighth_is_taken_of_what_limits_leave_at_the_start() {
        const LEFT: [usize; 2] = [800 << 20, 400 << 20];
        let status = in_child(|| {
            let budget = Budget::new();
            let limits = [libc::RLIMIT_AS, libc::RLIMIT_DATA];
            for ((resource, used), left) in limits.into_iter().zip(used()).zip(LEFT) {
                let limit = libc::rlimit { rlim_cur: (used + left) as u64, rlim_max: libc::RLIM_INFINITY };
                // SAFETY: of a child that is about to end.
                assert_eq!(unsafe { libc::setrlimit(resource, &limit) }, 0);
            }
            budget.start();
            for (limited, left) in [&budget.space, &budget.data].into_iter().zip(LEFT) {
                // What it has is told a little too low or too high: in pages, and with the stack as data.
                assert!(limited.left().abs_diff(left / 8) < 1 << 20, "{} of {left}", limited.left());
            }
        });
        assert_eq!(status, 0);
    }

    #[test]
    fn without_a_limit_all_can_be_had() {
        let budget = Budget::new();
        assert!(!budget.is_much(usize::MAX / 2) && budget.is_much(usize::MAX));
        assert!(budget.take_shared(usize::MAX) && !budget.take_shared(1));
    }
}
