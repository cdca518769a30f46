//! The table of files in which there is nothing to patch, where programs find it; and the programs among them.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use heaptrace_channel::plain::{Key, SIZE};

/// The paths of the programs that are in the table.
#[derive(Debug, Clone, Default)]
pub struct PlainPrograms(Arc<Mutex<HashMap<Key, PathBuf>>>);

impl PlainPrograms {
    /// Notes one that is not there.
    pub fn note(&self, key: Key, path: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, path.to_owned());
    }

    /// The path of a program, as the first process that was made of it had it.
    pub fn path(&self, key: Key) -> Option<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }
}

/// The table.
#[derive(Debug)]
pub struct PlainFiles {
    file: File,
    /// How many keys have been noted.
    count: usize,
}

impl PlainFiles {
    /// An empty one, in a file that is not there yet.
    ///
    /// # Errors
    /// If there cannot be such a file.
    pub fn create(path: &Path) -> io::Result<PlainFiles> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        // Whatever the umask is: it tells nothing, and a program may have become another user's.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.set_len(SIZE as u64)?;
        Ok(PlainFiles { file, count: 0 })
    }

    /// Notes a file that is not there.
    pub fn note(&mut self, key: Key) {
        // Without it who has such a file asks.
        self.file.write_all_at(&key.bytes(), key.offset(self.count) as u64).ok();
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use heaptrace_channel::plain::FileState;

    use super::*;

    #[test]
    fn what_is_noted_is_there_to_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        let mut table = PlainFiles::create(&path).unwrap();
        let key = |inode| Key::of(FileState::new(1, inode, 2, (3, 4)), true);
        table.note(key(1));
        let read = std::fs::read(&path).unwrap();
        assert!(key(1).is_in(&read) && !key(2).is_in(&read));
        assert!(PlainFiles::create(&path).is_err(), "it may be another's");
    }
}
