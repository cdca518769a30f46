//! Which files a session has given to profiles, in bounded memory.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use hashbrown::HashSet;

/// Bits of the filter: a quarter of a million names are told from others but for one in three hundred.
const BITS: u64 = 1 << 23;

/// Names that were given out. Of all a filter is kept, which knows each of them, and hardly any other; whether
/// one that it knows is still taken, the file tells that is there or not.
#[derive(Debug)]
pub struct Names {
    hasher: RandomState,
    /// Two bits for each name.
    filter: Vec<u64>,
    /// Those of files that may not be there yet.
    being_written: HashSet<PathBuf>,
}

impl Default for Names {
    fn default() -> Names {
        let filter = vec![0; (BITS / u64::from(u64::BITS)) as usize];
        Names { hasher: RandomState::new(), filter, being_written: HashSet::new() }
    }
}

impl Names {
    /// The first of `candidates` that is not another profile of this session. What is no regular file is written
    /// through, and so nobody's.
    pub fn take(&mut self, candidates: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
        let free = candidates.into_iter().find(|path| !self.is_taken(path))?;
        self.bits(&free).into_iter().for_each(|(word, bit)| self.filter[word] |= bit);
        self.being_written.insert(free.clone());
        Some(free)
    }

    /// A file is written anew.
    pub fn take_again(&mut self, path: PathBuf) {
        self.being_written.insert(path);
    }

    /// What was to be written is there, or will not be.
    pub fn is_done(&mut self, path: &Path) {
        self.being_written.remove(path);
    }

    fn is_taken(&self, path: &Path) -> bool {
        let is_known = || self.bits(path).into_iter().all(|(word, bit)| self.filter[word] & bit != 0);
        self.being_written.contains(path) || (is_known() && path.is_file())
    }

    /// The words of the filter that a name is in, each with its bit.
    fn bits(&self, path: &Path) -> [(usize, u64); 2] {
        let hash = self.hasher.hash_one(path);
        [hash, hash >> 32].map(|hash| {
            let position = hash % BITS;
            ((position / u64::from(u64::BITS)) as usize, 1 << (position % u64::from(u64::BITS)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_name_is_taken_while_a_profile_of_this_session_is_there_or_about_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut names = Names::default();
        let take = |names: &mut Names| names.take([path("a"), path("b")]);
        fs::write(path("a"), "of an earlier session").unwrap();
        assert_eq!(take(&mut names), Some(path("a")));
        assert_eq!(take(&mut names), Some(path("b")), "the other one is being written");
        assert_eq!(take(&mut names), None);
        names.is_done(&path("a"));
        names.is_done(&path("b"));
        assert_eq!(take(&mut names), Some(path("b")), "it could not be written");
        fs::remove_file(path("a")).unwrap();
        assert_eq!(take(&mut names), Some(path("a")), "somebody has taken it away");
    }

    #[test]
    fn what_is_written_through_is_nobodys() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("/dev/null", &link).unwrap();
        let mut names = Names::default();
        for path in [Path::new("/dev/null"), &link] {
            for _ in 0..2 {
                assert_eq!(names.take([path.to_owned()]).as_deref(), Some(path));
                names.is_done(path);
            }
        }
    }

    /// Nothing else is looked up on disk, and nobody's earlier profile is kept for no reason.
    #[test]
    fn hardly_any_name_is_known_that_was_not_given_out() {
        let mut names = Names::default();
        let path = |number: u32| PathBuf::from(format!("/nowhere/out.sh.{number}.prof"));
        for number in 0..100_000 {
            names.take([path(number)]);
            names.is_done(&path(number));
        }
        let is_known = |number: &u32| {
            names.bits(&path(*number)).into_iter().all(|(word, bit)| names.filter[word] & bit != 0)
        };
        assert!((0..100_000).all(|number| is_known(&number)), "none is forgotten");
        assert!((100_000..200_000).filter(is_known).count() < 200);
        assert!(names.being_written.is_empty());
    }
}
