//! Files in which there is nothing to patch, as the collector has found: a process that is made of no others
//! does not ask for its patches, for which it would have to wait.
//!
//! The collector writes a table of them into a file beside its socket, and who starts looks there. The table
//! is of one session: in the next, a debug file may be there that has the names of an allocator's functions.
//! Who finds a key there can rely on it; who does not asks. So a new key may take an old one's place.

/// What follows the name of a session's socket in that of its table.
pub const SUFFIX: &str = ".plain";

/// Bytes of the table.
pub const SIZE: usize = 4096;

/// Keys that may be in one place: those with the same last bits.
const WAYS: usize = 8;
const KEY: usize = size_of::<u64>();
const PLACES: usize = SIZE / WAYS / KEY;

/// What tells one file's contents from another's, as stat(2) has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileState {
    /// The device that it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its size in bytes.
    pub size: u64,
    /// When it last changed, in nanoseconds since 1970: nobody can set that back.
    pub changed: i64,
}

impl FileState {
    /// That in what stat(2) has for the parts of it.
    pub fn new(device: u64, inode: u64, size: u64, (seconds, nanoseconds): (i64, i64)) -> FileState {
        let changed = seconds.wrapping_mul(1_000_000_000).wrapping_add(nanoseconds);
        FileState { device, inode, size, changed }
    }
}

/// A file, as the program or as a library of it, in the table. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// That of a file in this state.
    pub fn of(file: FileState, is_program: bool) -> Key {
        /// Any odd number with many bits; another one if the key is to mean something else.
        const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
        let parts = [file.device, file.inode, file.size, file.changed as u64, is_program.into()];
        let mixed = parts.into_iter().fold(FACTOR, |mixed: u64, part| {
            let mixed = (mixed ^ part).wrapping_mul(FACTOR);
            mixed ^ mixed >> 32
        });
        Key(mixed | 1 << 63)
    }

    /// What is told of it; see [`Key::told`].
    pub fn word(self) -> u64 {
        self.0
    }

    /// The key that a process has told; `None` for 0.
    pub fn told(word: u64) -> Option<Key> {
        (word != 0).then_some(Key(word))
    }

    /// Its bytes in the table.
    pub fn bytes(self) -> [u8; KEY] {
        self.0.to_ne_bytes()
    }

    /// Where in the table the first of those begins that may be this one.
    fn first(self) -> usize {
        self.0 as usize % PLACES * WAYS * KEY
    }

    /// Where in the table it is to be written, the `turn`th time that one is written in its place.
    pub fn offset(self, turn: usize) -> usize {
        self.first() + turn % WAYS * KEY
    }

    /// Is it in the table, of which these are the bytes?
    pub fn is_in(self, table: &[u8]) -> bool {
        let keys = table.get(self.first()..).and_then(|rest| rest.get(..WAYS * KEY)).unwrap_or_default();
        keys.as_chunks().0.contains(&self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(inode: u64) -> FileState {
        FileState::new(3, inode, 1000, (1_700_000_000, 5))
    }

    #[test]
    fn a_key_is_found_until_newer_ones_have_its_place() {
        let mut table = [0; SIZE];
        let first = Key::of(file(1), false);
        assert!(!first.is_in(&table) && !first.is_in(&[]));
        let others =
            (2..).map(|inode| Key::of(file(inode), false)).filter(|key| key.first() == first.first());
        for (turn, key) in [first].into_iter().chain(others).take(WAYS + 1).enumerate() {
            assert_eq!(first.is_in(&table), (1..=WAYS).contains(&turn), "turn {turn}");
            table[key.offset(turn)..][..KEY].copy_from_slice(&key.bytes());
            assert!(key.is_in(&table));
        }
        assert!(!first.is_in(&table));
    }

    #[test]
    fn whatever_tells_files_apart_tells_keys_apart() {
        let one = file(1);
        let changed = FileState::new(3, 1, 1000, (1_700_000_000, 6));
        let others = [FileState { device: 4, ..one }, file(2), FileState { size: 1001, ..one }, changed];
        assert!(others.into_iter().all(|other| Key::of(other, false) != Key::of(one, false)));
        assert_ne!(Key::of(one, true), Key::of(one, false));
    }

    #[test]
    fn keys_are_in_all_places_of_the_table_and_never_0() {
        let keys = || (0..10_000).map(|inode| Key::of(file(inode), true));
        let places: std::collections::BTreeSet<_> = keys().map(Key::first).collect();
        assert_eq!(places, (0..PLACES).map(|place| place * WAYS * KEY).collect());
        assert!(keys().all(|key| key.0 >> 63 == 1));
    }

    #[test]
    fn every_key_is_inside_the_table() {
        for inode in 0..10_000 {
            assert!(Key::of(file(inode), true).offset(inode as usize) + KEY <= SIZE);
        }
    }
}
