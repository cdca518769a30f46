//! What was found out about files, kept on disk for the next session: a file for each module and matter, by the
//! module's build id, in a folder of the user's own.
//!
//! What is read there is trusted no further than the user is: neither the folder nor a file may be
//! another's, and a file that is damaged, of another build of this program, or made from other files is as good
//! as none.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

use rustix::process::geteuid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::elf::Stamp;
use super::hex::hex;

/// The first word of each file; the checksum of all that follows comes behind it.
const MAGIC: &str = "heaptrace-kept-1";

/// Largest file, in bytes.
const FILE_LIMIT: u64 = 16 << 20;

/// Size of all files together, in bytes.
const FOLDER_LIMIT: u64 = 128 << 20;

/// Shortest build id that tells files apart for sure.
const SHORTEST_ID: usize = 8;

/// The folder with all files.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    /// Which build of this program this is.
    program: String,
    /// Something was added since it was trimmed.
    has_grown: Arc<AtomicBool>,
}

/// Where something about a module is kept.
#[derive(Debug)]
pub struct KeptFile {
    path: PathBuf,
    origin: Origin,
    /// The folder's.
    has_grown: Arc<AtomicBool>,
}

/// A file that something was made from, and its state.
pub(super) type Source = (PathBuf, Stamp);

/// What something was made from, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    program: String,
    sources: Vec<Source>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content<T> {
    origin: Origin,
    value: T,
}

impl Kept {
    /// Opens the folder, and makes it if it is not there. `None` if it cannot be our own.
    pub(super) fn open(path: PathBuf) -> Option<Kept> {
        DirBuilder::new().recursive(true).mode(0o700).create(&path).ok()?;
        let folder = fs::symlink_metadata(&path).ok()?;
        let program = fs::metadata("/proc/self/exe").ok()?;
        let program = format!("{} {} {}", program.len(), program.mtime(), program.mtime_nsec());
        let is_private = folder.is_dir() && is_own(&folder) && folder.mode() & 0o022 == 0;
        is_private.then_some(Kept { path, program, has_grown: Arc::default() })
    }

    /// The place for something about a module, which was made from these files. `matter` ends the file's name.
    pub(super) fn place(&self, build_id: &[u8], matter: &str, sources: Vec<Source>) -> Option<KeptFile> {
        let origin = Origin { program: self.program.clone(), sources };
        let path = self.path.join(hex(build_id) + matter);
        let has_grown = Arc::clone(&self.has_grown);
        (build_id.len() >= SHORTEST_ID).then_some(KeptFile { path, origin, has_grown })
    }

    /// Removes what was used least recently, until what is left is within the limit.
    pub(super) fn trim(&self) {
        if !self.has_grown.swap(false, Relaxed) {
            return; // whoever added to it has trimmed it
        }
        let file = |entry: std::io::Result<fs::DirEntry>| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        };
        let mut files: Vec<_> = fs::read_dir(&self.path).into_iter().flatten().filter_map(file).collect();
        files.sort_by_key(|&(used, ..)| std::cmp::Reverse(used));
        let mut size = 0;
        for (_, length, path) in files {
            size += length;
            if size > FOLDER_LIMIT {
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl KeptFile {
    /// What is kept there; `None` if that cannot be trusted.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&self.path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || !is_own(&metadata) || metadata.len() > FILE_LIMIT {
            return None;
        }
        let mut text = Vec::new();
        (&file).take(FILE_LIMIT).read_to_end(&mut text).ok()?;
        let (first_line, json) = text.split_at(text.iter().position(|&byte| byte == b'\n')?);
        let json = &json[1..];
        if first_line != head(json).as_bytes() {
            return None;
        }
        let content: Content<T> = serde_json::from_slice(json).ok()?;
        file.set_modified(SystemTime::now()).ok(); // it is in use
        (content.origin == self.origin).then_some(content.value)
    }

    /// Keeps something there instead of what was. Whoever reads meanwhile finds the one or the other.
    ///
    /// # Errors
    /// If there cannot be such a file.
    pub fn write<T: Serialize>(&self, value: T) -> std::io::Result<()> {
        let json = serde_json::to_vec(&Content { origin: self.origin.clone(), value })?;
        if json.len() as u64 > FILE_LIMIT / 2 {
            return Ok(());
        }
        self.has_grown.store(true, Relaxed);
        let hidden = self.hidden();
        let mut file = File::create_new(&hidden)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        let written =
            file.write_all(format!("{}\n", head(&json)).as_bytes()).and_then(|()| file.write_all(&json));
        written.and_then(|()| fs::rename(&hidden, &self.path)).inspect_err(|_| {
            let _ = fs::remove_file(&hidden);
        })
    }

    /// What the file is called while it is written.
    fn hidden(&self) -> PathBuf {
        let mut path = OsString::from(&self.path);
        path.push(format!(".{}.tmp", std::process::id()));
        path.into()
    }
}

fn is_own(metadata: &fs::Metadata) -> bool {
    metadata.uid() == geteuid().as_raw()
}

/// The first line before that JSON.
fn head(json: &[u8]) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(json);
    format!("{MAGIC} {:08x}", crc.sum())
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::*;

    const STAMP: Stamp = Stamp { size: 7, modified: (8, 9) };

    fn sources(stamp: Stamp) -> Vec<Source> {
        vec![("/debug".into(), stamp)]
    }

    /// A place in a folder of the test's own.
    pub(crate) fn place(folder: &Path) -> KeptFile {
        let folder = Kept::open(folder.join("kept")).unwrap();
        folder.place(&[0xAB; 20], ".numbers", sources(STAMP)).unwrap()
    }

    fn read(place: &KeptFile) -> Option<Vec<u64>> {
        place.read()
    }

    #[test]
    fn what_is_kept_reads_back_until_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        assert_eq!(read(&place), None);
        for value in [vec![1, 2], vec![u64::MAX]] {
            place.write(&value).unwrap();
            assert_eq!(read(&place), Some(value));
        }
        assert_eq!(fs::metadata(&place.path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path().join("kept")).unwrap().count(), 1);
    }

    #[test]
    fn what_is_damaged_or_made_from_something_else_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        place.write([4, 5, 6]).unwrap();
        let whole = fs::read(&place.path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&place.path, &whole[..cut]).unwrap();
            assert_eq!(read(&place), None, "the first {cut} bytes");
            let mut flipped = whole.clone();
            flipped[cut] ^= 1;
            fs::write(&place.path, &flipped).unwrap();
            assert_eq!(read(&place), None, "byte {cut} flipped");
        }
        fs::write(&place.path, &whole).unwrap();
        let with = |origin: Origin| KeptFile { path: place.path.clone(), origin, has_grown: Arc::default() };
        let sources = sources(Stamp { size: 1, ..STAMP });
        assert_eq!(read(&with(Origin { sources, ..place.origin.clone() })), None);
        assert_eq!(read(&with(Origin { program: "another".into(), ..place.origin.clone() })), None);
        assert_eq!(place.read::<Vec<String>>(), None, "something else");
        assert_eq!(read(&place), Some(vec![4, 5, 6]));
    }

    #[test]
    fn nothing_is_kept_where_others_may_write_or_lead_us() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Kept::open(folder.path().join(name));
        let path = folder.path().join("kept");
        assert!(open("kept").is_some());
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        assert!(open("kept").is_none());
        std::os::unix::fs::symlink("/tmp", folder.path().join("link")).unwrap();
        assert!(open("link").is_none());
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        let place = place(folder.path());
        place.write([4]).unwrap();
        fs::rename(&place.path, folder.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("../elsewhere", &place.path).unwrap();
        assert_eq!(read(&place), None);
    }

    #[test]
    fn what_was_used_least_recently_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::open(folder.path().join("kept")).unwrap();
        for (age, name) in ["newest", "newer", "old", "oldest"].into_iter().enumerate() {
            let file = File::create_new(kept.path.join(name)).unwrap();
            file.set_len(FOLDER_LIMIT / 2 - 1).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(60 * age as u64)).unwrap();
        }
        let left = || {
            let entries = fs::read_dir(&kept.path).unwrap();
            let mut left: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            left.sort();
            left
        };
        kept.trim();
        assert_eq!(left().len(), 4, "nothing was added");
        kept.place(&[7; 20], ".added", vec![]).unwrap().write([4]).unwrap();
        kept.trim();
        let added = format!("{}.added", hex(&[7; 20]));
        assert_eq!(left(), [&*added, "newest"]);
    }
}
