//! Ids that nobody else has.

use rustix::rand::{GetRandomFlags, getrandom};

/// An id of 16 random bytes.
pub fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Has failed on no kernel since 3.17 when so few bytes are asked for.
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    bytes
}

/// One as the text of a UUID, version 4.
pub fn uuid() -> String {
    let mut bytes = random();
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}
