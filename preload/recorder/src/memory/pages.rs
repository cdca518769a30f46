//! Pages of memory: mapped, given back, advised on, and asked about.

use core::ops::Range;
use core::ptr::{NonNull, null_mut};

use heaptrace_channel::sys::PAGE;

use crate::call;
use crate::sys::{Errno, Fd};

/// Fresh zeroed memory of `size` bytes, which only costs what is touched. It is left out of core
/// dumps and has no huge pages, whose first touch would clear 2 MiB at once.
pub fn map_private(size: usize) -> Option<NonNull<u8>> {
    let at = map_at(0, size)?;
    advise(at.as_ptr() as usize, size, libc::MADV_NOHUGEPAGE);
    advise(at.as_ptr() as usize, size, libc::MADV_DONTDUMP);
    Some(at)
}

/// The same with a page below it that cannot be touched. That is mapped so, as a sandbox may forbid to change it.
pub fn map_guarded(size: usize) -> Option<NonNull<u8>> {
    let (whole, accessible) = (PAGE + size, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: a new mapping, and then another in the place of a part of it.
    unsafe {
        let bottom = map_anonymous(0, whole, libc::PROT_NONE, 0)?;
        let at = map_anonymous(bottom.as_ptr() as usize + PAGE, size, accessible, libc::MAP_FIXED);
        if at.is_none() {
            unmap(bottom, whole);
        }
        advise(at?.as_ptr() as usize, size, libc::MADV_DONTDUMP);
        at
    }
}

/// Fresh zeroed memory of `size` bytes at `hint`, or elsewhere if something is there.
pub fn map_at(hint: usize, size: usize) -> Option<NonNull<u8>> {
    // SAFETY: a hint is no order.
    unsafe { map_anonymous(hint, size, libc::PROT_READ | libc::PROT_WRITE, 0) }
}

/// Zeros that can only be read, and take no memory.
pub fn map_zeros(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: the kernel chooses the address.
    unsafe { map_anonymous(0, size, libc::PROT_READ, 0) }
}

/// Maps memory that is no file's.
///
/// # Safety
/// A new mapping at an address of the kernel's choice touches no memory in use. With `MAP_FIXED`, what is at `at`
/// is the caller's, and nobody has it.
unsafe fn map_anonymous(at: usize, size: usize, protection: i32, flags: i32) -> Option<NonNull<u8>> {
    let flags = flags | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: the caller's promise.
    let at = unsafe { call!(libc::SYS_mmap, at, size, protection, flags, -1isize, 0) }.ok()?;
    NonNull::new(at as *mut u8)
}

/// Maps `size` bytes of a file, shared with other processes.
pub fn map_shared(fd: Fd, size: usize) -> Option<NonNull<u8>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: as in `map_private`.
    let at = unsafe {
        call!(
            libc::SYS_mmap,
            null_mut::<u8>(),
            size,
            protection,
            libc::MAP_SHARED | libc::MAP_NORESERVE,
            fd.0,
            0
        )
    }
    .ok()?;
    advise(at, size, libc::MADV_DONTDUMP);
    NonNull::new(at as *mut u8)
}

/// Gives back what `map_private` or `map_shared` made.
///
/// # Safety
/// Nobody uses the memory any more.
pub unsafe fn unmap(at: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise.
    let _ = unsafe { call!(libc::SYS_munmap, at.as_ptr(), size) };
}

/// Makes a page inaccessible.
///
/// # Safety
/// The page belongs to the caller and nobody will touch it.
#[cfg(test)]
pub unsafe fn guard_page(at: *mut u8) {
    // SAFETY: the caller's promise.
    let _ = unsafe { call!(libc::SYS_mprotect, at, PAGE, libc::PROT_NONE) };
}

/// Makes memory of our own executable, and no longer writable. False if the kernel does not allow that.
pub fn make_executable(at: NonNull<u8>, size: usize) -> bool {
    let start = at.as_ptr() as usize;
    protect(start..start + size, libc::PROT_READ | libc::PROT_EXEC)
}

/// Moves a page of code that is mapped from a file over another one, so that nothing has to be writable. Does
/// nothing if the kernel does not allow that.
///
/// # Safety
/// Both belong to the caller, nobody runs the first, and whoever runs the second can go on in the first.
pub unsafe fn move_code(from: usize, to: usize) {
    let how = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: the caller's promise.
    let moved = unsafe { call!(libc::SYS_mremap, from, PAGE, PAGE, how, to) }.is_ok();
    if moved {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
        // Where nothing is left, nothing of another is to be, as the dynamic linker calls it this library's.
        // SAFETY: what is mapped there stays.
        let _ = unsafe { call!(libc::SYS_mmap, from, PAGE, libc::PROT_NONE, flags, -1isize, 0) };
    }
}

/// Makes code writable, or no longer so. It stays executable all the time: a kernel that lets nobody
/// execute what was written, as with SELinux, refuses the first step, and not the way back.
pub fn make_code_writable(code: Range<usize>, writable: bool) -> bool {
    let write = if writable { libc::PROT_WRITE } else { 0 };
    protect(code, libc::PROT_READ | libc::PROT_EXEC | write)
}

fn protect(memory: Range<usize>, protection: i32) -> bool {
    let start = memory.start & !(PAGE - 1);
    let length = memory.end.next_multiple_of(PAGE) - start;
    // SAFETY: what could be read, or executed, still can.
    unsafe { call!(libc::SYS_mprotect, start, length, protection) }.is_ok()
}

/// Advises on memory of our own. True if the kernel took the advice.
pub fn advise(at: usize, size: usize, advice: i32) -> bool {
    // SAFETY: the advices used here (NOHUGEPAGE, DONTDUMP, WIPEONFORK) change no contents now.
    unsafe { call!(libc::SYS_madvise, at, size, advice) }.is_ok()
}

/// Can the word at `address`, a multiple of 4, be read?
///
/// Asks the kernel to wait for it to change, for no time: it reads the word first (EFAULT if it
/// cannot), and finds another value than the one given (EAGAIN) or no time left (ETIMEDOUT).
pub fn is_readable(address: usize) -> bool {
    const UNLIKELY: u32 = 0x9E37_79B9;
    let no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let wait = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel only reads, and minds what it reads.
    let result = unsafe { call!(libc::SYS_futex, address, wait, UNLIKELY, &raw const no_time) };
    matches!(result, Err(Errno(libc::EAGAIN | libc::ETIMEDOUT)))
}

/// What lies at an address, as the kernel finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The word that was asked about.
    Same,
    /// Another one.
    Other,
    /// Nothing that can be read.
    Unreadable,
}

/// Is `word` what lies at `address`, a multiple of 4? The kernel compares, so the memory may be gone at any
/// moment.
///
/// Asks the kernel to have none of those that wait there wait elsewhere, if the word is the same.
pub fn compare(address: usize, word: u32) -> Word {
    let requeue = libc::FUTEX_CMP_REQUEUE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel only reads, and minds what it reads; it wakes nobody and moves nobody.
    match unsafe { call!(libc::SYS_futex, address, requeue, 0, 0, address, word) } {
        Ok(_) => Word::Same,
        Err(Errno(libc::EAGAIN)) => Word::Other,
        Err(_) => Word::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_compares_words() {
        let word = 17u32;
        let at = &raw const word as usize;
        assert_eq!([17, 18].map(|other| compare(at, other)), [Word::Same, Word::Other]);
        assert_eq!([8, usize::MAX - 3].map(|nowhere| compare(nowhere, 17)), [Word::Unreadable; 2]);
    }

    #[test]
    fn below_guarded_memory_is_a_page_that_cannot_be_touched() {
        let memory = map_guarded(2 * PAGE).unwrap();
        let [guard, first, last] =
            [-1, 0, 1].map(|n| memory.as_ptr().addr().wrapping_add_signed(n * PAGE as isize));
        assert_eq!([guard, first, last].map(may), ["---p", "rw-p", "rw-p"]);
        // SAFETY: this test's own.
        unsafe { unmap(NonNull::new_unchecked(guard as *mut u8), 3 * PAGE) };
    }

    #[test]
    fn memory_is_where_it_is_asked_for_or_elsewhere_if_something_is_there() {
        const NOWHERE_NEAR: usize = 0x1234_5678_9000;
        let first = map_at(NOWHERE_NEAR, PAGE).unwrap();
        assert_eq!(first.as_ptr() as usize, NOWHERE_NEAR);
        let second = map_at(NOWHERE_NEAR, PAGE).unwrap();
        assert_ne!(second, first);
        for at in [first, second] {
            // SAFETY: this test's own.
            unsafe {
                at.write(7);
                unmap(at, PAGE);
            }
        }
    }

    /// What the memory there may be used for, as the kernel tells people: `rwxp` and the like.
    fn may(at: usize) -> String {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let of = |line: &str| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16).unwrap());
            (start..end).contains(&at).then(|| rest[..4].to_owned())
        };
        maps.lines().find_map(of).unwrap()
    }

    #[test]
    fn code_can_be_executed_and_is_writable_only_while_it_is_written() {
        let memory = map_private(3 * PAGE).unwrap();
        let pages = [0, 1, 2].map(|n| memory.as_ptr() as usize + n * PAGE);
        assert!(make_executable(memory, 3 * PAGE));
        assert_eq!(pages.map(may), ["r-xp"; 3]);
        let over_two = pages[1] - 8..pages[1] + 8;
        assert!(make_code_writable(over_two.clone(), true));
        assert_eq!(pages.map(may), ["rwxp", "rwxp", "r-xp"]);
        assert!(make_code_writable(over_two, false));
        assert_eq!(pages.map(may), ["r-xp"; 3]);
        assert!(
            !make_executable(NonNull::without_provenance(PAGE.try_into().unwrap()), PAGE),
            "there is nothing"
        );
        // SAFETY: this test's own.
        unsafe { unmap(memory, 3 * PAGE) };
    }

    #[test]
    fn readable_is_what_can_be_read() {
        let word = 1u64;
        assert!(is_readable(&raw const word as usize));
        assert!(!is_readable(8));
        let at = map_private(2 * PAGE).unwrap();
        assert!(is_readable(at.as_ptr() as usize));
        // SAFETY: the second page is this test's own and not used.
        unsafe { guard_page(at.as_ptr().add(PAGE)) };
        assert!(!is_readable(at.as_ptr() as usize + PAGE));
    }
}
