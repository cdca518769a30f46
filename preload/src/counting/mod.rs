//! `libheaptrace-stat.so`: the hooks that count every call, instead of sampling some.
//!
//! It is the same crate built with the feature `counting`, a library of its own: a switch in the hooks
//! would cost an instruction in each call that is sampled. What forwards is the same code; where calls are
//! counted is [`heaptrace_channel::counters`].

mod ask;
mod hooks;
mod operators;
mod start;
mod state;
mod thread;
mod usable;
