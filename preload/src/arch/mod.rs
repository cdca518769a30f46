//! Assembly for x86-64 that the hooks are made of, and that compiled code calls.

mod builtins;
#[cfg(any(feature = "counting", test))]
pub mod counting;
pub mod forward;
pub mod patch;
