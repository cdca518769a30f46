//! Files that were read for one profile, kept for the next: the processes of a session run the same
//! programs and libraries over and over.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use hashbrown::HashMap;

use super::binary::Binary;
use super::lock::lock;
use super::module::Module;

/// How much is kept between profiles, in bytes.
const SIZE_LIMIT: usize = 256 << 20;

/// Modules whose files have been read.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<Key, CachedBinary>,
    /// Counts the times that something was asked for.
    clock: u64,
}

#[derive(Debug)]
struct CachedBinary {
    binary: Arc<OnceLock<Binary>>,
    last_used: u64,
}

/// Modules with the same key have the same contents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    path: PathBuf,
    identity: Identity,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Identity {
    BuildId(Vec<u8>),
    File { device: u64, inode: u64, modified: (i64, i64) },
    Unknown,
}

impl Key {
    fn of(module: &Module) -> Key {
        let metadata = || match &module.file {
            Some(file) => file.metadata(),
            None => fs::metadata(&module.path),
        };
        let identity = match module.build_id.as_slice() {
            [] => metadata().map_or(Identity::Unknown, |file| Identity::File {
                device: file.dev(),
                inode: file.ino(),
                modified: (file.mtime(), file.mtime_nsec()),
            }),
            id => Identity::BuildId(id.to_vec()),
        };
        Key { path: module.path.clone(), identity }
    }
}

impl Cache {
    /// The place of a module's contents: empty if it was not asked for before.
    pub(super) fn place(&self, module: &Module) -> Arc<OnceLock<Binary>> {
        let mut entries = lock(&self.0);
        entries.clock += 1;
        let now = entries.clock;
        let new = || CachedBinary { binary: Arc::default(), last_used: now };
        let entry = entries.by_key.entry(Key::of(module)).or_insert_with(new);
        entry.last_used = now;
        Arc::clone(&entry.binary)
    }

    /// All that were asked for.
    pub(super) fn binaries(&self) -> Vec<Arc<OnceLock<Binary>>> {
        lock(&self.0).by_key.values().map(|entry| Arc::clone(&entry.binary)).collect()
    }

    /// Drops what was used least recently, until what is left is within the limit, and those whose
    /// file was not found: the next process may lead to it.
    pub(super) fn trim(&self) {
        let mut entries = lock(&self.0);
        entries.by_key.retain(|_, entry| entry.binary.get().is_none_or(Binary::is_found));
        let mut by_use: Vec<_> =
            entries.by_key.iter().map(|(key, entry)| (entry.last_used, key.clone())).collect();
        by_use.sort_by_key(|&(last_used, _)| std::cmp::Reverse(last_used));
        let mut size = 0;
        for (_, key) in by_use {
            size += entries.by_key[&key].binary.get().map_or(0, Binary::size);
            if size > SIZE_LIMIT {
                entries.by_key.remove(&key);
            }
        }
    }
}
