//! What the kernel knows of this process and its threads.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::call::{Errno, syscall};
use crate::call;

/// Blocks all signals of this thread until dropped.
pub(crate) struct SignalsBlocked(u64);

impl SignalsBlocked {
    /// Blocks them.
    pub fn new() -> SignalsBlocked {
        let (all, mut before) = (!0u64, 0u64);
        // SAFETY: both sets are 8 bytes, the size that is passed.
        let _ =
            unsafe { call!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, &raw mut before, 8) };
        SignalsBlocked(before)
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: as in `new`.
        let _ = unsafe {
            call!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const self.0, null_mut::<u8>(), 8)
        };
    }
}

/// This process's id, in its own namespace.
pub fn pid() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { syscall(libc::SYS_getpid, [0; 6]) as u32 }
}

/// The user whose rights this process has.
pub fn effective_user() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { syscall(libc::SYS_geteuid, [0; 6]) as u32 }
}

/// The calling thread's id, in its own namespace; `None` if the kernel has no such futexes.
///
/// The kernel writes it into a futex that it takes for us. Where nobody else waits for that, it keeps
/// nothing of it. Of all ways to an id this one works in a sandbox that allows what `malloc` needs.
pub fn thread_id() -> Option<u32> {
    let (word, lock) = (AtomicU32::new(0), libc::FUTEX_LOCK_PI | libc::FUTEX_PRIVATE_FLAG);
    // SAFETY: the kernel changes the word, which outlives the call, and waits for nobody.
    unsafe { call!(libc::SYS_futex, word.as_ptr(), lock, 0, null_mut::<u8>()) }.ok()?;
    Some(word.load(Relaxed) & libc::FUTEX_TID_MASK)
}

/// Has the thread of that id ended? The kernel looks for it when we ask for a futex that it would own.
pub fn has_ended(thread: u32) -> bool {
    let (word, try_lock) = (AtomicU32::new(thread), libc::FUTEX_TRYLOCK_PI | libc::FUTEX_PRIVATE_FLAG);
    // SAFETY: the kernel changes the word, which outlives the call, and waits for nobody.
    let result = unsafe { call!(libc::SYS_futex, word.as_ptr(), try_lock, 0, null_mut::<u8>()) };
    result == Err(Errno(libc::ESRCH))
}

/// One more than the highest number of a processor that this process may run on; 0 if the kernel does
/// not tell.
pub fn processors() -> u32 {
    let mut mask = [0u64; 128];
    // SAFETY: the kernel writes to the mask, of which it knows the size.
    let bytes = unsafe { call!(libc::SYS_sched_getaffinity, 0, size_of_val(&mask), mask.as_mut_ptr()) };
    let mut words = mask[..bytes.unwrap_or(0).min(size_of_val(&mask)) / 8].iter().enumerate();
    words
        .rfind(|(_, word)| **word != 0)
        .map_or(0, |(index, word)| index as u32 * 64 + 64 - word.leading_zeros())
}

/// A limit of this process; `None` if there is none.
pub fn limit(resource: libc::__rlimit_resource_t) -> Option<usize> {
    let mut limit = libc::rlimit64 { rlim_cur: libc::RLIM64_INFINITY, rlim_max: 0 };
    // SAFETY: the kernel writes one rlimit.
    let _ = unsafe { call!(libc::SYS_prlimit64, 0, resource, null_mut::<u8>(), &raw mut limit) };
    (limit.rlim_cur != libc::RLIM64_INFINITY).then_some(limit.rlim_cur as usize)
}

/// What a clock shows, in nanoseconds.
pub fn now(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec.
    let _ = unsafe { call!(libc::SYS_clock_gettime, clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Fills `bytes` with random bits, or leaves them if the kernel has none yet.
pub fn random(bytes: &mut [u8]) {
    // SAFETY: the kernel writes at most that many bytes.
    let _ = unsafe { call!(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), libc::GRND_NONBLOCK) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_the_id_that_the_kernel_says() {
        // SAFETY: takes nothing.
        let own = || unsafe { syscall(libc::SYS_gettid, [0; 6]) } as u32;
        assert_eq!(thread_id(), Some(own()));
        std::thread::spawn(move || assert_eq!(thread_id(), Some(own()))).join().unwrap();
    }

    #[test]
    fn a_thread_that_has_ended_is_known() {
        let id = std::thread::spawn(|| thread_id().unwrap());
        assert!(!has_ended(std::process::id()));
        let id = id.join().unwrap();
        while !has_ended(id) {
            std::thread::yield_now(); // it is joined a little earlier
        }
    }
}
