//! Both ends of the channel, with a peer that does anything: see bodies/channel.rs, which tests run too.
#![no_main]

#[path = "bodies/channel.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::run(bytes));
