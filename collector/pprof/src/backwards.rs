//! Numbers as varints, the latest first.

use prost::encoding::{encode_varint, encoded_len_varint};

/// A list of numbers of which the last stands first, as the locations of a stack do that is walked from its root.
#[derive(Debug, Default)]
pub struct Backwards {
    /// They are at its end.
    buffer: Vec<u8>,
    /// How many bytes each takes with all that were added before.
    lengths: Vec<usize>,
}

impl Backwards {
    /// Leaves the `count` that were added first.
    #[inline]
    pub fn truncate(&mut self, count: usize) {
        self.lengths.truncate(count);
    }

    /// Adds one before the others.
    #[inline]
    pub fn push(&mut self, number: u64) {
        let old = self.length();
        let length = old + encoded_len_varint(number);
        if length > self.buffer.len() {
            self.grow(old);
        }
        let end = self.buffer.len();
        match number {
            0..0x80 => self.buffer[end - length] = number as u8,
            _ => encode_varint(number, &mut &mut self.buffer[end - length..end - old]),
        }
        self.lengths.push(length);
    }

    /// The bytes of all.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.buffer.len() - self.length()..]
    }

    #[inline]
    fn length(&self) -> usize {
        self.lengths.last().copied().unwrap_or(0)
    }

    /// Makes room before the bytes that there are, for a number at least.
    #[cold]
    fn grow(&mut self, length: usize) {
        const LEAST: usize = 256;
        let mut larger = vec![0; (self.buffer.len() * 2).max(LEAST)];
        let (from, to) = (self.buffer.len() - length, larger.len() - length);
        larger[to..].copy_from_slice(&self.buffer[from..]);
        self.buffer = larger;
    }
}
