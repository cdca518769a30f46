//! `libheaptrace.so`: the part of heaptrace that lives in the profiled program; and, with the feature
//! `counting`, `libheaptrace-stat.so`, which counts instead of recording.
//!
//! ```text
//! malloc ─ hooks ─ recorder ─ channel ─▶ collector
//! ```
//!
//! What holds everywhere here and in the recorder, because a program that nobody asked runs this code:
//! - no allocation, no panic, no thread, no signal handler, no lock that is waited for without bound;
//! - no function of the C library but the originals of the hooks and `_dl_find_object`, which are looked
//!   up ([`heaptrace_recorder::c_library`]): so there is no symbol that a C library could lack (a test
//!   sees to that), and the kernel is called directly, so `errno` stays what the program's own call
//!   made it;
//! - after the constructor, no file descriptor and no system call but futex, mmap, munmap, madvise and,
//!   for a call site that is new, rt_sigprocmask: what malloc and threads use themselves, so that it
//!   works in a sandbox. Also in a forked child. Only where a collector was killed, its program says so
//!   at its exit, by fstat and write.

#![cfg_attr(feature = "shared-object", no_std)]
// The tests must not hook their own process, so most of what the hooks lead to is not called there.
#![cfg_attr(test, allow(dead_code))]
// Of what both libraries share, each calls its own part.
#![cfg_attr(feature = "counting", allow(dead_code, unused_imports, unused_macros))]

mod arch;
#[cfg(any(not(feature = "counting"), test))]
mod ask;
#[cfg(any(feature = "counting", test))]
mod counting;
mod forms;
#[cfg(any(not(feature = "counting"), test))]
mod gate;
#[cfg(any(not(feature = "counting"), test))]
mod hooks;
#[cfg(any(not(feature = "counting"), test))]
mod nesting;
#[cfg(any(not(feature = "counting"), test))]
mod operators;
mod originals;
#[cfg(any(not(feature = "counting"), test))]
mod patches;
mod session;
mod shadow;
#[cfg(any(not(feature = "counting"), test))]
mod start;
mod surroundings;

/// Nothing here panics. Should a dependency do, the process cannot go on.
#[cfg(not(test))]
#[cfg_attr(feature = "shared-object", panic_handler)]
#[cfg_attr(not(feature = "shared-object"), expect(dead_code))]
fn panic(_: &core::panic::PanicInfo) -> ! {
    heaptrace_recorder::arch::abort()
}
