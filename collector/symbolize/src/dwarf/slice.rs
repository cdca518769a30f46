//! What gimli reads DWARF from: a part of a section.

use std::borrow::Cow;
use std::sync::Arc;

use gimli::{Error, Reader, ReaderOffsetId, Result, RunTimeEndian, leb128};

use super::section::Section;
use crate::elf::TEXT_LIMIT;

/// A part of a section, which it shares with all other parts.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    section: Arc<Section>,
    start: usize,
    end: usize,
}

impl Slice {
    /// The whole section.
    pub(super) fn new(section: Section) -> Slice {
        Slice { start: 0, end: section.len(), section: Arc::new(section) }
    }

    /// How many bytes of its section are in memory.
    pub(super) fn section_loaded(&self) -> usize {
        self.section.loaded()
    }

    /// The string in it, unless that is longer than any that means something.
    pub(super) fn text(&self) -> Option<String> {
        (self.len() <= TEXT_LIMIT).then(|| self.to_string_lossy().ok().map(Cow::into_owned))?
    }

    /// Its bytes, piece by piece, as far as none is absent.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = self.start;
        std::iter::from_fn(move || {
            let rest = Some(self.end - start).filter(|&rest| rest > 0)?;
            let bytes = self.section.bytes_at(start);
            let piece = bytes.get(..rest).unwrap_or(bytes);
            start += piece.len();
            (!piece.is_empty()).then_some(piece)
        })
    }

    #[cold]
    fn ended(&self) -> Error {
        Error::UnexpectedEof(self.offset_id())
    }

    #[inline(never)]
    fn read_long_uleb128(&mut self) -> Result<u64> {
        leb128::read::unsigned(self)
    }

    /// Reads what is not in memory, or in more than one piece.
    #[cold]
    fn read_slowly(&mut self, buffer: &mut [u8]) -> Result<()> {
        let mut rest = &mut *buffer;
        for piece in self.pieces() {
            let (now, later) = rest.split_at_mut(piece.len().min(rest.len()));
            now.copy_from_slice(&piece[..now.len()]);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        if rest.is_empty() { self.skip(buffer.len()) } else { Err(self.ended()) }
    }
}

impl Reader for Slice {
    type Endian = RunTimeEndian;
    type Offset = usize;

    #[inline]
    fn endian(&self) -> RunTimeEndian {
        self.section.endian()
    }

    #[inline]
    fn len(&self) -> usize {
        self.end - self.start
    }

    #[inline]
    fn empty(&mut self) {
        self.end = self.start;
    }

    #[inline]
    fn truncate(&mut self, len: usize) -> Result<()> {
        if len > self.len() {
            return Err(self.ended());
        }
        self.end = self.start + len;
        Ok(())
    }

    #[inline]
    fn offset_from(&self, base: &Slice) -> usize {
        self.start - base.start
    }

    fn offset_id(&self) -> ReaderOffsetId {
        ReaderOffsetId(self.start as u64)
    }

    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        let offset = usize::try_from(id.0).ok()?;
        (self.start..=self.end).contains(&offset).then(|| offset - self.start)
    }

    fn find(&self, byte: u8) -> Result<usize> {
        let mut before = 0;
        for piece in self.pieces() {
            if let Some(index) = piece.iter().position(|&other| other == byte) {
                return Ok(before + index);
            }
            before += piece.len();
        }
        Err(self.ended())
    }

    #[inline]
    fn skip(&mut self, len: usize) -> Result<()> {
        if len > self.len() {
            return Err(self.ended());
        }
        self.start += len;
        Ok(())
    }

    #[inline]
    fn split(&mut self, len: usize) -> Result<Slice> {
        let mut first = self.clone();
        self.skip(len)?;
        first.end = self.start;
        Ok(first)
    }

    fn to_slice(&self) -> Result<Cow<'_, [u8]>> {
        let first = self.pieces().next().unwrap_or_default();
        if first.len() == self.len() {
            return Ok(first.into());
        }
        let bytes = self.pieces().collect::<Vec<_>>().concat();
        if bytes.len() == self.len() { Ok(bytes.into()) } else { Err(self.ended()) }
    }

    fn to_string(&self) -> Result<Cow<'_, str>> {
        match self.to_slice()? {
            Cow::Borrowed(bytes) => Ok(str::from_utf8(bytes).map_err(|_| Error::BadUtf8)?.into()),
            Cow::Owned(bytes) => Ok(String::from_utf8(bytes).map_err(|_| Error::BadUtf8)?.into()),
        }
    }

    fn to_string_lossy(&self) -> Result<Cow<'_, str>> {
        Ok(match self.to_slice()? {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        })
    }

    // Most of the time goes here: what is seldom is kept out of line.
    #[inline(always)]
    fn read_slice(&mut self, buffer: &mut [u8]) -> Result<()> {
        match self.section.loaded_at(self.start).get(..buffer.len()) {
            Some(bytes) if buffer.len() <= self.len() => {
                buffer.copy_from_slice(bytes);
                self.start += buffer.len();
                Ok(())
            }
            _ => self.read_slowly(buffer),
        }
    }

    #[inline]
    fn read_uleb128(&mut self) -> Result<u64> {
        match self.section.loaded_at(self.start).first() {
            Some(&byte) if byte < 0x80 && !self.is_empty() => {
                self.start += 1;
                Ok(byte.into())
            }
            _ => self.read_long_uleb128(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::section::PIECE;
    use super::super::section::tests::{plain, sample, section};
    use super::*;

    /// The bytes of a section of two pieces from `before` ahead of the border between them.
    fn around_border(before: usize) -> (Slice, Vec<u8>) {
        let bytes = sample(2 * PIECE);
        let mut slice = Slice::new(section(&plain(bytes.clone())));
        slice.skip(PIECE - before).unwrap();
        (slice, bytes[PIECE - before..].to_vec())
    }

    #[test]
    fn a_number_is_read_across_pieces() {
        for before in 0..=8 {
            let (mut slice, bytes) = around_border(before);
            assert_eq!(slice.read_u64(), Ok(u64::from_le_bytes(*bytes.first_chunk().unwrap())));
            assert_eq!(slice.read_u8(), Ok(bytes[8]));
        }
    }

    #[test]
    fn a_leb128_is_read_across_pieces() {
        let mut bytes = vec![0x80; PIECE];
        bytes.extend([0x80, 0x01]);
        let mut slice = Slice::new(section(&plain(bytes)));
        slice.skip(PIECE - 1).unwrap();
        assert_eq!(slice.read_uleb128(), Ok(1 << 14));
        assert!(slice.is_empty());
    }

    #[test]
    fn a_string_is_read_across_pieces() {
        let mut bytes = vec![b'a'; PIECE + 3];
        bytes.extend(b"\0b");
        let mut slice = Slice::new(section(&plain(bytes)));
        slice.skip(PIECE - 2).unwrap();
        let string = slice.read_null_terminated_slice().unwrap();
        assert_eq!(string.to_string().unwrap(), "aaaaa");
        assert_eq!(slice.to_string().unwrap(), "b");
    }

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let (mut slice, bytes) = around_border(2);
        let mut part = slice.split(4).unwrap();
        assert_eq!(part.to_slice().unwrap(), &bytes[..4]);
        assert_eq!(slice.read_u8(), Ok(bytes[4]));
        assert!(part.read_u64().is_err());
        assert_eq!(part.read_u32(), Ok(u32::from_le_bytes(*bytes.first_chunk().unwrap())));
        assert!(part.read_u8().is_err() && part.read_uleb128().is_err());
        assert!(part.is_empty() && part.to_slice().unwrap().is_empty());
    }
}
