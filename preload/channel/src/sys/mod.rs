//! System calls without the C library: they leave errno alone, are no cancellation points, and
//! bind to no symbol. x86-64 only.

mod call;
#[cfg(not(loom))]
mod futex;
#[cfg(loom)]
#[path = "model.rs"]
mod futex;
mod patience;
mod waited;

pub use call::{PAGE, syscall};
pub use futex::{Word, futex_wait, futex_wake, low_half};
pub use patience::Patience;
pub use waited::Waited;
