//! Text in shared memory: bytes, of which the other end may change each at any time.

use crate::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// Stores as much of `text` as fits.
pub(crate) fn store_text(to: &[AtomicU8], length: &AtomicU32, text: &[u8]) {
    let text = &text[..text.len().min(to.len())];
    for (to, &byte) in to.iter().zip(text) {
        to.store(byte, Relaxed);
    }
    length.store(text.len() as u32, Relaxed);
}

/// Copies text out, whatever length the other end claims.
pub(crate) fn load_text<'b>(from: &[AtomicU8], length: &AtomicU32, buffer: &'b mut [u8]) -> &'b [u8] {
    let length = (length.load(Relaxed) as usize).min(from.len()).min(buffer.len());
    for (to, from) in buffer.iter_mut().zip(&from[..length]) {
        *to = from.load(Relaxed);
    }
    &buffer[..length]
}

/// Was the text stored there, as much of it as fits?
pub(crate) fn is_text(stored: &[AtomicU8], length: &AtomicU32, text: &[u8]) -> bool {
    let text = &text[..text.len().min(stored.len())];
    length.load(Relaxed) as usize == text.len()
        && stored.iter().zip(text).all(|(stored, &byte)| stored.load(Relaxed) == byte)
}
