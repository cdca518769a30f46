//! Symbols of any bytes: see bodies/symbolize.rs, which tests run too.
#![no_main]

#[path = "bodies/symbolize.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::run(bytes));
