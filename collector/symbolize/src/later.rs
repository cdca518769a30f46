//! What is read of a file when it is first needed, which may be never.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::elf::Elf;
use super::open_files::Permit;

/// Something that is read of a file when it is needed, or at once if too many files are open.
pub(super) struct Later<T> {
    known: OnceLock<T>,
    file: Option<(Arc<Elf>, Arc<Permit>)>,
    read: fn(&Elf) -> T,
}

impl<T> Later<T> {
    /// What `read` reads of `elf`. `permit` is the one to keep the file open.
    pub(super) fn new(elf: &Arc<Elf>, permit: Option<&Arc<Permit>>, read: fn(&Elf) -> T) -> Later<T> {
        match permit {
            Some(permit) => {
                let file = Some((Arc::clone(elf), Arc::clone(permit)));
                Later { known: OnceLock::new(), file, read }
            }
            None => Later { known: OnceLock::from(read(elf)), file: None, read },
        }
    }

    /// Reads it, unless that was done; `None` if there is no file.
    pub(super) fn get(&self) -> Option<&T> {
        match &self.file {
            Some((elf, _)) => Some(self.known.get_or_init(|| (self.read)(elf))),
            None => self.known(),
        }
    }

    /// What was read, if it was.
    pub(super) fn known(&self) -> Option<&T> {
        self.known.get()
    }
}

impl<T: Default> Default for Later<T> {
    /// Of no file.
    fn default() -> Later<T> {
        Later { known: OnceLock::new(), file: None, read: |_| T::default() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Later<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later").field("known", &self.known).finish_non_exhaustive()
    }
}
