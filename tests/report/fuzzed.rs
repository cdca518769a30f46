//! What the fuzzer runs, on damaged profiles: cut, or with some bytes that are others.

#[path = "../fuzz/bodies/report.rs"]
mod body;

use crate::builder::Random;
use crate::fixtures;

#[test]
fn a_damaged_profile_is_refused_or_every_view_can_be_shown_of_it() {
    let whole = fixtures::heaptrace().encode();
    let random = &mut Random::new(7);
    body::run(&whole);
    for _ in 0..100 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.below(256) as u8;
        }
        bytes.truncate(bytes.len() - random.below(2) as usize * random.below(40) as usize);
        body::run(&bytes);
    }
}
