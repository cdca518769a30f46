//! Text in shared memory: bytes, of which the other end may change each at any time.

use crate::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// At most `N` bytes, none at first.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct SharedText<const N: usize> {
    length: AtomicU32,
    bytes: [AtomicU8; N],
}

impl<const N: usize> Default for SharedText<N> {
    fn default() -> Self {
        SharedText { length: AtomicU32::new(0), bytes: core::array::from_fn(|_| AtomicU8::new(0)) }
    }
}

impl<const N: usize> SharedText<N> {
    /// Stores as much of `text` as fits.
    pub(crate) fn store(&self, text: &[u8]) {
        let text = &text[..text.len().min(N)];
        for (to, &byte) in self.bytes.iter().zip(text) {
            to.store(byte, Relaxed);
        }
        self.length.store(text.len() as u32, Relaxed);
    }

    /// Copies the text out, whatever length the other end claims.
    pub(crate) fn load<'b>(&self, buffer: &'b mut [u8; N]) -> &'b [u8] {
        let length = (self.length.load(Relaxed) as usize).min(N);
        for (to, from) in buffer.iter_mut().zip(&self.bytes[..length]) {
            *to = from.load(Relaxed);
        }
        &buffer[..length]
    }

    /// Was `text` stored here, as much of it as fits?
    pub(crate) fn is(&self, text: &[u8]) -> bool {
        let text = &text[..text.len().min(N)];
        self.length.load(Relaxed) as usize == text.len()
            && self.bytes.iter().zip(text).all(|(stored, &byte)| stored.load(Relaxed) == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_reads_back_as_far_as_it_fits() {
        for (stored, read) in [(&b""[..], &b""[..]), (b"to", b"to"), (b"four", b"four"), (b"fives", b"five")]
        {
            let text = SharedText::<4>::default();
            text.store(stored);
            assert_eq!(text.load(&mut [0; 4]), read);
            assert!(text.is(stored) && text.is(read) && !text.is(b"for") && !text.is(b"fo"));
        }
    }

    #[test]
    fn whatever_length_is_claimed_no_more_is_read_than_there_is() {
        let text = SharedText::<4>::default();
        text.length.store(u32::MAX, Relaxed);
        assert_eq!(text.load(&mut [1; 4]), [0; 4]);
        assert!(!text.is(&[0; 4]));
    }
}
