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
    let _ = unsafe { call!(libc::SYS_sched_getaffinity, 0, size_of_val(&mask), mask.as_mut_ptr()) };
    end_of_bits(&mask)
}

/// One more than the number of the highest bit that is set; 0 if none is.
fn end_of_bits(mask: &[u64]) -> u32 {
    let highest = mask.iter().enumerate().rfind(|(_, word)| **word != 0);
    highest.map_or(0, |(index, word)| index as u32 * u64::BITS + u64::BITS - word.leading_zeros())
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
    use crate::testing::in_child;

    /// The signals that the calling thread has blocked, as the kernel shows them.
    fn blocked() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    }

    #[test]
    fn all_signals_are_blocked_for_a_while() {
        let bit = |signal: i32| 1u64 << (signal - 1);
        let before = blocked();
        let while_blocked = {
            let _blocked = SignalsBlocked::new();
            blocked()
        };
        assert_eq!(!while_blocked, bit(libc::SIGKILL) | bit(libc::SIGSTOP), "those that nobody can block");
        assert_eq!(blocked(), before);
    }

    #[test]
    fn a_process_and_its_user_have_the_ids_that_the_kernel_says() {
        assert_eq!(pid(), std::process::id());
        // SAFETY: takes nothing.
        assert_eq!(effective_user(), unsafe { libc::geteuid() });
    }

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

    #[test]
    fn processors_are_counted_up_to_the_highest_that_may_be_used() {
        assert_eq!(end_of_bits(&[0; 3]), 0);
        assert_eq!([1, 2, 3, 1 << 63].map(|word| end_of_bits(&[word, 0])), [1, 2, 2, 64]);
        assert_eq!(end_of_bits(&[u64::MAX, 0b101, 0]), 67);
        assert_eq!(end_of_bits(&[0, 0, 1]), 129);
        // SAFETY: an all-zero set is valid, and the kernel fills it.
        let set = unsafe {
            let mut set: libc::cpu_set_t = core::mem::zeroed();
            assert_eq!(libc::sched_getaffinity(0, size_of_val(&set), &mut set), 0);
            set
        };
        // SAFETY: looks at a bit.
        let allowed = |processor: usize| unsafe { libc::CPU_ISSET(processor, &set) };
        assert_eq!(processors() as usize, 1 + (0..1024).rfind(|&processor| allowed(processor)).unwrap());
    }

    #[test]
    fn a_limit_is_what_was_set_and_none_where_there_is_none() {
        let status = in_child(|| {
            let mut known = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: the kernel fills the limit.
            assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut known) }, 0);
            let highest = known.rlim_max;
            let of_highest = (highest != libc::RLIM_INFINITY).then_some(highest as usize);
            for (rlim_cur, expected) in [(highest, of_highest), (4096, Some(4096))] {
                let wanted = libc::rlimit { rlim_cur, ..known };
                // SAFETY: the kernel reads the limit.
                assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &wanted) }, 0);
                assert_eq!(limit(libc::RLIMIT_FSIZE), expected);
            }
        });
        assert_eq!(status, 0);
    }

    #[test]
    fn a_clock_shows_nanoseconds() {
        let by_the_library = || {
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: fills the time.
            assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut time) }, 0);
            std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32).as_nanos() as u64
        };
        let (before, now, after) = (by_the_library(), now(libc::CLOCK_REALTIME), by_the_library());
        assert!(before <= now && now <= after, "{before} {now} {after}");
    }

    #[test]
    fn random_bits_are_others_each_time() {
        let mut bytes = [[0u8; 32]; 2];
        bytes.iter_mut().for_each(|bytes| random(bytes));
        assert!(bytes[0] != bytes[1] && !bytes.contains(&[0; 32]));
    }
}
