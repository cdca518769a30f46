//! Text that is put together without an allocation.

use core::ffi::CStr;

/// At most `N` bytes; what does not fit is left out.
#[derive(Debug)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// The parts, one after the other.
    pub fn of(parts: &[&[u8]]) -> Text<N> {
        let mut text = Text { bytes: [0; N], length: 0 };
        parts.iter().for_each(|part| text.push(part));
        text
    }

    /// Adds bytes.
    pub fn push(&mut self, part: &[u8]) {
        let free = self.bytes.get_mut(self.length..).unwrap_or_default();
        free.iter_mut().zip(part).for_each(|(to, &from)| *to = from);
        self.length += part.len().min(free.len());
    }

    /// Adds a number in decimal.
    pub fn push_decimal(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.push(&digits[start..]);
            }
        }
    }

    /// Adds two hexadecimal digits a byte.
    pub fn push_hexadecimal(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.push(&[byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[digit as usize]));
        }
    }

    /// The text.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The text up to its first NUL, if it has one.
    pub fn c_str(&self) -> Option<&CStr> {
        CStr::from_bytes_until_nul(self.bytes()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_one_after_the_other() {
        let mut text = Text::<100>::of(&[b"a", b"", b"bc"]);
        text.push_decimal(0);
        text.push_decimal(u64::MAX);
        text.push_hexadecimal(&[0x0f, 0xa0]);
        assert_eq!(text.bytes(), b"abc0184467440737095516150fa0");
        assert_eq!(text.c_str(), None);
        text.push(b"\0d");
        assert_eq!(text.c_str(), Some(c"abc0184467440737095516150fa0"));
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut text = Text::<4>::of(&[b"abc", b"def"]);
        text.push_decimal(7);
        assert_eq!(text.bytes(), b"abcd");
    }
}
