//! The report on any bytes: see bodies/report.rs, which tests run too.
#![no_main]

#[path = "bodies/report.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::run(bytes));
