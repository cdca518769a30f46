//! A section, read piece by piece when somebody asks for its bytes.
//!
//! Debug information is large, and a profile needs little of it. What is compressed can only be read
//! from its beginning, so all is read up to the piece that is needed.

use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use gimli::RunTimeEndian;

use crate::contents::{Contents, fill};
use crate::lock::lock;
use crate::open_files::Permit;
use crate::source::Part;

/// Size of a piece, in bytes.
pub(super) const PIECE: usize = 1 << 15;

/// About how much memory a decompressor takes until it is at the end, in bytes.
const STREAM_SIZE: usize = 1 << 16;

/// A section, of which those pieces are in memory that were needed. Bytes that cannot be read are
/// absent.
pub(super) struct Section {
    endian: RunTimeEndian,
    /// How many bytes it has, or claims to have if it is compressed.
    len: usize,
    /// Those that were read; shorter than they should be where bytes are absent.
    pieces: Box<[OnceLock<Box<[u8]>>]>,
    rest: Rest,
    /// How many of its bytes are in memory.
    loaded: AtomicUsize,
    /// What all sections that are counted together take of memory.
    size: Arc<AtomicUsize>,
    /// For the file that the rest is in.
    _permit: Option<Arc<Permit>>,
}

/// Where the pieces are that were not read.
enum Rest {
    Nowhere,
    Plain(Part),
    Compressed(Mutex<Stream>),
}

/// Pieces in their order.
struct Stream {
    reader: Box<dyn Read + Send>,
    /// Index of the next piece.
    next: usize,
}

impl Section {
    /// A section without contents.
    pub(super) fn empty(endian: RunTimeEndian) -> Section {
        Section {
            endian,
            len: 0,
            pieces: Box::default(),
            rest: Rest::Nowhere,
            loaded: AtomicUsize::new(0),
            size: Arc::default(),
            _permit: None,
        }
    }

    /// A section to be read while it is needed; at once, if there is no permit to keep its file open
    /// or no point in doing so. What it takes of memory is added to `size`.
    pub(super) fn new(
        contents: &Contents,
        endian: RunTimeEndian,
        permit: impl FnOnce() -> Option<Arc<Permit>>,
        size: &Arc<AtomicUsize>,
    ) -> Section {
        let Ok(len) = usize::try_from(contents.size()) else { return Section::empty(endian) };
        let mut section = Section {
            endian,
            len,
            pieces: (0..len.div_ceil(PIECE)).map(|_| OnceLock::new()).collect(),
            rest: Rest::of(contents),
            loaded: AtomicUsize::new(0),
            size: Arc::clone(size),
            _permit: if len > PIECE { permit() } else { None },
        };
        if section._permit.is_some() {
            size.fetch_add(STREAM_SIZE, Ordering::Relaxed);
        } else {
            for index in 0..section.pieces.len() {
                section.read(index);
            }
            section.rest = Rest::Nowhere;
        }
        section
    }

    pub(super) fn endian(&self) -> RunTimeEndian {
        self.endian
    }

    /// How many bytes it has, or claims to have.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many of its bytes are in memory.
    pub(super) fn loaded(&self) -> usize {
        self.loaded.load(Ordering::Relaxed)
    }

    /// The bytes from `offset` to the end of its piece, if that is in memory.
    #[inline]
    pub(super) fn loaded_at(&self, offset: usize) -> &[u8] {
        let piece = self.pieces.get(offset / PIECE).and_then(OnceLock::get);
        piece.and_then(|piece| piece.get(offset % PIECE..)).unwrap_or_default()
    }

    /// The bytes from `offset` to the end of its piece; none if they are absent.
    pub(super) fn bytes_at(&self, offset: usize) -> &[u8] {
        if offset < self.len {
            self.read(offset / PIECE);
        }
        self.loaded_at(offset)
    }

    /// Reads a piece, unless it is in memory, and those before it if it has to.
    fn read(&self, index: usize) {
        if self.pieces[index].get().is_some() {
            return;
        }
        match &self.rest {
            Rest::Nowhere => {}
            Rest::Plain(part) => {
                if let Some(mut part) = part.after((index * PIECE) as u64) {
                    self.read_next(&mut part, index);
                }
            }
            Rest::Compressed(stream) => self.read_up_to(index, &mut lock(stream)),
        }
    }

    fn read_up_to(&self, index: usize, stream: &mut Stream) {
        while stream.next <= index {
            let is_whole = self.read_next(&mut stream.reader, stream.next);
            stream.next = if is_whole { stream.next + 1 } else { self.pieces.len() };
        }
        if stream.next == self.pieces.len() {
            // The memory of the decompressor and the file are of no more use.
            stream.reader = Box::new(io::empty());
        }
    }

    /// Takes a piece from `reader`, which has come to it. Returns whether all of it is there.
    fn read_next(&self, reader: &mut dyn Read, index: usize) -> bool {
        let len = PIECE.min(self.len - index * PIECE);
        let piece = self.pieces[index].get_or_init(|| {
            let mut piece = vec![0; len];
            let read = fill(&mut piece, reader);
            piece.truncate(read);
            self.loaded.fetch_add(read, Ordering::Relaxed);
            self.size.fetch_add(read, Ordering::Relaxed);
            piece.into_boxed_slice()
        });
        piece.len() == len
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Rest {
    fn of(contents: &Contents) -> Rest {
        if let Some(part) = contents.as_plain() {
            return Rest::Plain(part.clone());
        }
        let stream = contents.stream().map(|reader| Mutex::new(Stream { reader, next: 0 }));
        stream.map_or(Rest::Nowhere, Rest::Compressed)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::write::ZlibEncoder;

    use super::*;
    use crate::contents::Compression;
    use crate::source::Source;

    /// Bytes that repeat, but not from piece to piece.
    pub(in super::super) fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i % 251) as u8).collect()
    }

    pub(in super::super) fn section(contents: &Contents) -> Section {
        Section::new(contents, RunTimeEndian::Little, Permit::new, &Arc::default())
    }

    pub(in super::super) fn plain(bytes: Vec<u8>) -> Contents {
        Contents::plain(part(bytes)).unwrap()
    }

    fn part(bytes: Vec<u8>) -> Part {
        let size = bytes.len() as u64;
        Source::Memory(Arc::new(bytes)).part(0, size).unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn compressed(stored: Vec<u8>, size: usize) -> Contents {
        Contents::compressed(part(stored), Compression::Zlib, size as u64).unwrap()
    }

    /// All that can be read, from the beginning.
    fn all(section: &Section) -> Vec<u8> {
        let pieces = (0..section.len()).step_by(PIECE).map(|offset| section.bytes_at(offset));
        pieces.collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_section_is_read_where_it_is_needed() {
        let bytes = sample(3 * PIECE + 7);
        let section = section(&plain(bytes.clone()));
        assert_eq!(section.bytes_at(2 * PIECE + 5), &bytes[2 * PIECE + 5..3 * PIECE]);
        assert_eq!(section.loaded(), PIECE);
        assert_eq!(section.bytes_at(3 * PIECE), &bytes[3 * PIECE..]);
        assert_eq!(section.loaded(), PIECE + 7);
    }

    #[test]
    fn what_is_compressed_is_read_up_to_where_it_is_needed() {
        let bytes = sample(5 * PIECE);
        let section = section(&compressed(zlib(&bytes), bytes.len()));
        assert_eq!(section.bytes_at(PIECE + 3), &bytes[PIECE + 3..2 * PIECE]);
        assert_eq!(section.loaded(), 2 * PIECE);
        assert_eq!(section.bytes_at(0), &bytes[..PIECE]);
        assert_eq!(section.loaded(), 2 * PIECE);
        assert_eq!(all(&section), bytes);
    }

    #[test]
    fn a_truncated_stream_has_the_bytes_before_its_end() {
        let bytes = sample(5 * PIECE);
        let mut stored = zlib(&bytes);
        stored.truncate(stored.len() / 2);
        let section = section(&compressed(stored, bytes.len()));
        let read = all(&section);
        assert!(!read.is_empty() && read.len() < bytes.len());
        assert_eq!(read, bytes[..read.len()]);
    }

    #[test]
    fn a_size_that_is_a_lie_takes_no_memory() {
        let bytes = sample(PIECE + 1);
        let section = section(&compressed(zlib(&bytes), u32::MAX as usize));
        assert!(section.bytes_at(section.len() - 1).is_empty());
        assert_eq!(section.loaded(), bytes.len());
        assert_eq!(section.bytes_at(PIECE), &bytes[PIECE..]);
    }

    #[test]
    fn no_more_is_read_than_the_size_says() {
        let section = section(&compressed(zlib(&sample(9 * PIECE)), 2 * PIECE + 1));
        assert_eq!(all(&section), sample(2 * PIECE + 1));
    }

    #[test]
    fn a_file_that_shrinks_loses_bytes() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&sample(3 * PIECE)).unwrap();
        let file = Arc::new(file);
        let size = 3 * PIECE as u64;
        let source = Source::File { file: Arc::clone(&file), size };
        let section = section(&Contents::plain(source.part(0, size).unwrap()).unwrap());
        assert_eq!(section.bytes_at(0).len(), PIECE);
        file.set_len(PIECE as u64 + 9).unwrap();
        assert_eq!(section.bytes_at(PIECE).len(), 9);
        assert!(section.bytes_at(2 * PIECE).is_empty());
    }

    #[test]
    fn without_a_permit_all_is_read_at_once() {
        let bytes = sample(2 * PIECE);
        let size = Arc::default();
        let contents = compressed(zlib(&bytes), bytes.len());
        let section = Section::new(&contents, RunTimeEndian::Little, || None, &size);
        assert_eq!(section.loaded(), bytes.len());
        assert_eq!(size.load(Ordering::Relaxed), bytes.len());
        assert!(matches!(section.rest, Rest::Nowhere));
    }
}
