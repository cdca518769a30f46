//! Marks: moments that the program gives a name. The name is told in pieces, in the rings, and then the moment.
//!
//! **Guarantees.**
//! - A moment lies after all that happened before it in any thread, and before all that happens after it.
//! - Marks that several threads tell at once are told apart by their numbers.
//! - A mark of which a part found no room is none: no name is cut off.

use crate::processes::{MAX_PROCESSES, Process};

/// Longest name of a mark, in bytes.
pub const MAX_MARK: usize = 256;

/// Bytes of a name in one message.
pub const PIECE: usize = 6;

/// A mark that is being told, by its number: those of one segment are numbered one after the other, and begin
/// again after 2^26.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark(pub u32);

/// A part of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkPart {
    /// The next bytes of the name, the last ones with zeros after them.
    Name([u8; PIECE]),
    /// The name is complete: this is the moment, of that process.
    Moment(Process),
}

impl MarkPart {
    /// The parts of a mark of that process, in their order.
    pub fn all(name: &[u8], process: Process) -> impl Iterator<Item = MarkPart> {
        let pieces = name.chunks(PIECE).map(|chunk| {
            let mut piece = [0; PIECE];
            piece.iter_mut().zip(chunk).for_each(|(to, &from)| *to = from);
            MarkPart::Name(piece)
        });
        pieces.chain(core::iter::once(MarkPart::Moment(process)))
    }

    /// Which part it is, and its value in 48 bits.
    pub(crate) fn pack(self) -> (u16, u64) {
        match self {
            MarkPart::Name([a, b, c, d, e, f]) => (NAME, u64::from_le_bytes([a, b, c, d, e, f, 0, 0])),
            MarkPart::Moment(process) => (MOMENT, process.0.into()),
        }
    }

    pub(crate) fn unpack(which: u16, value: u64) -> Option<MarkPart> {
        let [a, b, c, d, e, f, ..] = value.to_le_bytes();
        match which {
            NAME => Some(MarkPart::Name([a, b, c, d, e, f])),
            MOMENT if value < MAX_PROCESSES as u64 => Some(MarkPart::Moment(Process(value as u16))),
            _ => None,
        }
    }
}

/// After the parts of stacks, which have the same place in a message.
const NAME: u16 = 2;
const MOMENT: u16 = 3;

/// May a mark have that name?
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.len() <= MAX_MARK && !name.iter().any(u8::is_ascii_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_from_its_parts_and_the_moment_is_last() {
        for name in ["a", "six by", "sevenby", "größer"] {
            let parts: Vec<_> = MarkPart::all(name.as_bytes(), Process(4095)).collect();
            let mut read: Vec<u8> = Vec::new();
            for part in &parts {
                let (which, value) = part.pack();
                assert_eq!(MarkPart::unpack(which, value), Some(*part));
                match part {
                    MarkPart::Name(piece) => read.extend(piece.iter().filter(|&&byte| byte != 0)),
                    MarkPart::Moment(process) => assert_eq!(*process, Process(4095)),
                }
            }
            assert_eq!(read, name.as_bytes());
            assert_eq!(parts.len(), name.len().div_ceil(PIECE) + 1);
        }
        assert_eq!(MarkPart::unpack(MOMENT, MAX_PROCESSES as u64), None);
        assert_eq!(MarkPart::unpack(9, 0), None);
    }

    #[test]
    fn names_are_not_empty_not_long_and_without_control_characters() {
        assert!(is_name(b"request 7") && is_name("größer".as_bytes()) && is_name(&[b'x'; MAX_MARK]));
        assert!(!is_name(b"") && !is_name(b"two\nlines") && !is_name(&[b'x'; MAX_MARK + 1]));
    }
}
