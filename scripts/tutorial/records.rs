//! The records of the tutorial's programs, which come from memory instead of a file.

use std::fmt::Write;

pub const RECORDS: usize = 200_000;
pub const VALUES: usize = 64;

/// Records such as {"amount":3.5,"values":[100,101,102]}.
pub struct Input {
    count: usize,
    text: String,
}

impl Input {
    pub fn new() -> Input {
        Input { count: 0, text: String::with_capacity(1024) }
    }

    pub fn next(&mut self) -> Option<&str> {
        if self.count == RECORDS {
            return None;
        }
        self.text.clear();
        write!(self.text, "{{\"amount\":{}.5,\"values\":[", self.count % 1000).unwrap();
        self.count += 1;
        for i in 0..VALUES {
            let comma = if i > 0 { "," } else { "" };
            write!(self.text, "{comma}{}", 100 + (self.count + i) % 900).unwrap();
        }
        self.text += "]}";
        Some(&self.text)
    }
}

/// The number at a place, which moves behind what follows it.
pub fn number(record: &str, at: &mut usize) -> i32 {
    let digits = record[*at..].bytes().take_while(u8::is_ascii_digit).count();
    let value = record[*at..*at + digits].parse().unwrap();
    *at += digits + 1;
    value
}
