//! Any bytes as a profile: they are refused or read, and what was read can be written and read.
#![no_main]

use heaptrace_collector::pprof::file::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(profile) = decode(bytes) {
        assert_eq!(decode(&encode(&profile)).unwrap(), profile);
    }
});
