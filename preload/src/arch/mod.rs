//! Assembly for x86-64 that the hooks are made of, and that compiled code calls.

mod builtins;
pub mod forward;
pub mod patch;
