//! Functions of allocators inside a program, and how their first bytes are to be replaced: worked out by
//! the collector, which has the files, and applied by the library.

use core::array::from_fn;

/// What a function does with blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Deed {
    /// Returns a new block, or null.
    Make = 1,
    /// Stores a new block where its first argument says, and returns 0.
    Store = 2,
    /// Returns the block, or another that takes its place, or null, and the block stays.
    Remake = 3,
    /// Returns how large the block is now, which stays where it is.
    Resize = 4,
    /// Returns the block, which has another size now, or null, and it stays as it was.
    Expand = 5,
    /// Frees the block.
    Free = 6,
    /// As [`Deed::Remake`], but frees the block where there is no other.
    RemakeOrFree = 7,
}

impl Deed {
    const ALL: [Deed; 7] =
        [Deed::Make, Deed::Store, Deed::Remake, Deed::Resize, Deed::Expand, Deed::Free, Deed::RemakeOrFree];
}

/// How many arguments a function may have: those that are in registers.
pub const MAX_ARGUMENTS: usize = 6;

/// No argument.
const NONE: u8 = 0xFF;

/// What a function does, and which of its arguments tell with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// What it does.
    pub deed: Deed,
    block: u8,
    size: u8,
    count: u8,
}

impl Shape {
    const fn new(deed: Deed, block: u8, size: u8, count: u8) -> Shape {
        Shape { deed, block, size, count }
    }

    /// Makes a block of as many bytes as that argument says.
    pub const fn make(size: u8) -> Shape {
        Shape::new(Deed::Make, NONE, size, NONE)
    }

    /// Makes a block for so many elements of a size.
    pub const fn make_array(count: u8, size: u8) -> Shape {
        Shape::new(Deed::Make, NONE, size, count)
    }

    /// Stores a new block where the first argument says.
    pub const fn store(size: u8) -> Shape {
        Shape::new(Deed::Store, NONE, size, NONE)
    }

    /// Changes the size of a block, in the way of `deed`.
    pub const fn change(deed: Deed, block: u8, size: u8) -> Shape {
        Shape::new(deed, block, size, NONE)
    }

    /// Changes the size of a block to that of so many elements.
    pub const fn change_array(deed: Deed, block: u8, count: u8, size: u8) -> Shape {
        Shape::new(deed, block, size, count)
    }

    /// Frees the block that an argument says.
    pub const fn free(block: u8) -> Shape {
        Shape::new(Deed::Free, block, NONE, NONE)
    }

    /// The block that it is called with; 0 if there is none.
    #[inline]
    pub fn block(self, arguments: &[usize; MAX_ARGUMENTS]) -> usize {
        arguments.get(usize::from(self.block)).copied().unwrap_or(0)
    }

    /// The bytes that it is called for. A product that overflows fails in the function: 1 stands for "not
    /// 0".
    #[inline]
    pub fn bytes(self, arguments: &[usize; MAX_ARGUMENTS]) -> usize {
        let size = arguments.get(usize::from(self.size)).copied().unwrap_or(0);
        match arguments.get(usize::from(self.count)) {
            Some(count) => count.checked_mul(size).unwrap_or(1),
            None => size,
        }
    }

    /// Does it make blocks, of a size that comes with the call?
    pub fn allocates(self) -> bool {
        self.deed != Deed::Free
    }

    fn encode(self) -> [u8; 4] {
        [self.deed as u8, self.block, self.size, self.count]
    }

    fn decode([deed, block, size, count]: [u8; 4]) -> Option<Shape> {
        let deed = Deed::ALL.into_iter().find(|known| *known as u8 == deed)?;
        let are_arguments =
            [block, size, count].iter().all(|&it| it == NONE || usize::from(it) < MAX_ARGUMENTS);
        are_arguments.then_some(Shape { deed, block, size, count })
    }
}

/// Most bytes that are replaced: a jump's five, to the end of the last instruction.
pub const MAX_REPLACED: usize = 5 + 14;
/// Most bytes that they are as long as elsewhere, with the jump back.
pub const MAX_MOVED: usize = 48;
/// Most distances in them.
pub const MAX_DISTANCES: usize = 6;

/// A distance of four bytes in code that moves, from the end of an instruction to what it is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Distance {
    /// Where in the code the four bytes are.
    pub at: u8,
    /// Where the instruction ends.
    pub end: u8,
    /// What it is about, from the first replaced byte.
    pub target: i32,
}

/// A few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Bytes<N> {
    /// These; `None` if they are too many.
    pub fn of(bytes: &[u8]) -> Option<Bytes<N>> {
        (bytes.len() <= N).then(|| Bytes {
            length: bytes.len() as u8,
            bytes: from_fn(|i| bytes.get(i).copied().unwrap_or(0)),
        })
    }

    /// The bytes.
    pub fn get(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length).min(N)]
    }
}

/// A function whose first bytes are to be replaced by a jump, and what they become elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// The function's address in the process.
    pub function: u64,
    /// Bytes before the first replaced one: an `endbr64` stays.
    pub skipped: u8,
    /// What it does.
    pub shape: Shape,
    /// The bytes that are there now, from the first replaced one on.
    pub replaced: Bytes<MAX_REPLACED>,
    /// The same elsewhere, with the jump to what follows them.
    pub moved: Bytes<MAX_MOVED>,
    /// What in them depends on where they are.
    pub distances: [Distance; MAX_DISTANCES],
}

const DISTANCE: usize = 6;

impl Patch {
    /// Bytes of an encoded one.
    pub const SIZE: usize = 8 + 1 + 4 + (1 + MAX_REPLACED) + (1 + MAX_MOVED) + MAX_DISTANCES * DISTANCE;

    /// The first replaced byte's address.
    pub fn at(&self) -> u64 {
        self.function.wrapping_add(self.skipped.into())
    }

    /// The distances that there are: those that are not do not end anywhere.
    pub fn distances(&self) -> impl Iterator<Item = Distance> {
        self.distances.into_iter().filter(|distance| distance.end > 0)
    }

    /// Its bytes in a message.
    pub fn encode(&self) -> [u8; Patch::SIZE] {
        let mut bytes = [0; Patch::SIZE];
        let mut rest = &mut bytes[..];
        let mut put = |part: &[u8]| {
            let (here, after) = core::mem::take(&mut rest).split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = after;
        };
        put(&self.function.to_le_bytes());
        put(&[self.skipped]);
        put(&self.shape.encode());
        put(&[self.replaced.length]);
        put(&self.replaced.bytes);
        put(&[self.moved.length]);
        put(&self.moved.bytes);
        for Distance { at, end, target } in self.distances {
            put(&[at, end]);
            put(&target.to_le_bytes());
        }
        bytes
    }

    /// Reads one; `None` if it makes no sense.
    pub fn decode(bytes: &[u8; Patch::SIZE]) -> Option<Patch> {
        let mut rest = &bytes[..];
        let patch = Patch {
            function: u64::from_le_bytes(take(&mut rest)?),
            skipped: take::<1>(&mut rest)?[0],
            shape: Shape::decode(take(&mut rest)?)?,
            replaced: Bytes { length: take::<1>(&mut rest)?[0], bytes: take(&mut rest)? },
            moved: Bytes { length: take::<1>(&mut rest)?[0], bytes: take(&mut rest)? },
            distances: {
                let mut distances = [Distance::default(); MAX_DISTANCES];
                for distance in &mut distances {
                    let [at, end] = take(&mut rest)?;
                    *distance = Distance { at, end, target: i32::from_le_bytes(take(&mut rest)?) };
                }
                distances
            },
        };
        let (replaced, moved) = (usize::from(patch.replaced.length), usize::from(patch.moved.length));
        let is_inside = |distance: Distance| {
            distance.at.saturating_add(4) <= distance.end && usize::from(distance.end) <= moved
        };
        let fits = (5..=MAX_REPLACED).contains(&replaced) && moved <= MAX_MOVED;
        (fits && patch.distances().all(is_inside)).then_some(patch)
    }
}

/// Takes the first bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

/// Most functions of a process.
pub const MAX_PATCHES: usize = 256;

/// Most bytes of the message with the patches of a process: a number, so that none is empty, and the
/// patches.
pub const MAX_MESSAGE: usize = 1 + MAX_PATCHES * Patch::SIZE;

/// What the message begins with.
pub const VERSION: u8 = 1;

/// The patches in a message.
pub fn patches(message: &[u8]) -> impl Iterator<Item = Patch> {
    let body =
        message.split_first().filter(|(version, _)| **version == VERSION).map_or(&[][..], |(_, body)| body);
    let (patches, _) = body.as_chunks::<{ Patch::SIZE }>();
    patches.iter().take(MAX_PATCHES).filter_map(Patch::decode)
}

/// What became of the patches of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Applied {
    /// There were none.
    None = 0,
    /// All are there.
    All = 1,
    /// None is: other bytes were there than expected.
    Changed = 2,
    /// None is: code may not be made writable.
    Forbidden = 3,
    /// None is: there was no memory near the code.
    NoRoom = 4,
    /// None is: there are other threads already.
    Threads = 5,
}

impl Applied {
    const ALL: [Applied; 6] = [
        Applied::None,
        Applied::All,
        Applied::Changed,
        Applied::Forbidden,
        Applied::NoRoom,
        Applied::Threads,
    ];

    /// What a byte of the shared memory says; nonsense is as good as nothing.
    pub fn of(code: u8) -> Applied {
        Applied::ALL.into_iter().find(|&known| known as u8 == code).unwrap_or(Applied::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch() -> Patch {
        let mut distances = [Distance::default(); MAX_DISTANCES];
        distances[0] = Distance { at: 6, end: 10, target: -77 };
        Patch {
            function: 0x5555_0000_1230,
            skipped: 4,
            shape: Shape::change(Deed::Remake, 0, 1),
            replaced: Bytes::of(&[0x55, 0x48, 0x89, 0xE5, 0x53]).unwrap(),
            moved: Bytes::of(&[0x55, 0x48, 0x89, 0xE5, 0x53, 0xE9, 0, 0, 0, 0]).unwrap(),
            distances,
        }
    }

    #[test]
    fn a_patch_reads_back() {
        let patch = patch();
        assert_eq!(Patch::decode(&patch.encode()), Some(patch));
        assert_eq!(patch.at(), 0x5555_0000_1234);
        assert_eq!(patch.replaced.get(), [0x55, 0x48, 0x89, 0xE5, 0x53]);
        let message: Vec<u8> = [VERSION].into_iter().chain(patch.encode()).chain(patch.encode()).collect();
        assert_eq!(patches(&message).collect::<Vec<_>>(), [patch; 2]);
        assert_eq!(patches(&message[..message.len() - 1]).count(), 1);
        assert_eq!(patches(&[]).count() + patches(&[9; 300]).count(), 0);
    }

    #[test]
    fn what_became_of_patches_reads_back_and_nonsense_is_nothing() {
        assert_eq!(Applied::ALL.map(|applied| Applied::of(applied as u8)), Applied::ALL);
        assert_eq!(Applied::of(200), Applied::None);
    }

    #[test]
    fn what_would_lead_out_of_bounds_is_refused() {
        let good = patch().encode();
        let with = |at: usize, value| {
            let mut bytes = good;
            bytes[at] = value;
            Patch::decode(&bytes)
        };
        assert!(with(9, 0).is_none() && with(9, 8).is_none(), "no such deed");
        assert!(with(10, 6).is_none(), "no such argument");
        assert!(with(13, 4).is_none() && with(13, MAX_REPLACED as u8 + 1).is_none());
        let moved = 13 + 1 + MAX_REPLACED;
        assert!(with(moved, 9).is_none() && with(moved, MAX_MOVED as u8 + 1).is_none());
        let distances = moved + 1 + MAX_MOVED;
        assert!(with(distances, 7).is_none() && with(distances + 1, 200).is_none());
    }

    #[test]
    fn a_shape_tells_blocks_and_bytes() {
        let arguments = [10, 3, 7, usize::MAX, 5, 6];
        assert_eq!(Shape::make(1).bytes(&arguments), 3);
        assert_eq!(Shape::make_array(0, 2).bytes(&arguments), 70);
        assert_eq!(Shape::make_array(2, 3).bytes(&arguments), 1);
        assert_eq!(Shape::free(2).block(&arguments), 7);
        assert_eq!(Shape::make(0).block(&arguments), 0);
        assert!(Shape::make(0).allocates() && !Shape::free(0).allocates());
    }
}
