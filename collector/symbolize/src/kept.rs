//! Names that debug information gave, kept on disk for the next session: a file for each module, by its
//! build id, in a folder of the user's own.
//!
//! What is read there is trusted no further than the user is: neither the folder nor a file may be
//! another's, and a file that is damaged, of another build of this program, or made from other debug
//! information is as good as none.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use hashbrown::HashMap;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use super::elf::Stamp;
use super::function::Function;
use super::hex::hex;
use super::resolved::ResolvedFrame;

/// The first word of each file; the checksum of all that follows comes behind it.
const MAGIC: &str = "heaptrace-names-1";

/// Largest file, in bytes.
const FILE_LIMIT: u64 = 16 << 20;

/// Most addresses of a module that are kept.
const ADDRESS_LIMIT: usize = 1 << 16;

/// Size of all files together, in bytes.
const FOLDER_LIMIT: u64 = 128 << 20;

/// Shortest build id that tells files apart for sure.
const SHORTEST_ID: usize = 8;

/// The frames of addresses, as the file has addresses.
pub(super) type Names = HashMap<u64, Arc<[ResolvedFrame]>>;

/// The folder with all files.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Which build of this program this is.
    program: String,
}

/// Where the names of a module are kept.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    origin: Origin,
}

/// What names were made from, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    program: String,
    debug: PathBuf,
    stamp: Stamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    origin: Origin,
    functions: Vec<Function>,
    /// Of each address the indexes of functions, and the lines, innermost first.
    addresses: Vec<(u64, Vec<(usize, u64)>)>,
}

impl Folder {
    /// Opens the folder, and makes it if it is not there. `None` if it cannot be our own.
    pub(super) fn open(path: PathBuf) -> Option<Folder> {
        DirBuilder::new().recursive(true).mode(0o700).create(&path).ok()?;
        let folder = fs::symlink_metadata(&path).ok()?;
        let program = fs::metadata("/proc/self/exe").ok()?;
        let program = format!("{} {} {}", program.len(), program.mtime(), program.mtime_nsec());
        let is_private = folder.is_dir() && is_own(&folder) && folder.mode() & 0o022 == 0;
        is_private.then_some(Folder { path, program })
    }

    /// The place for a module whose debug information is in the file `debug`.
    pub(super) fn place(&self, build_id: &[u8], debug: &Path, stamp: Stamp) -> Option<Place> {
        let origin = Origin { program: self.program.clone(), debug: debug.to_owned(), stamp };
        (build_id.len() >= SHORTEST_ID).then(|| Place { path: self.path.join(hex(build_id)), origin })
    }

    /// Removes what was used least recently, until what is left is within the limit.
    pub(super) fn trim(&self) {
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

impl Place {
    /// What is kept there; nothing if that cannot be trusted.
    pub(super) fn read(&self) -> Names {
        self.content().and_then(Content::names).unwrap_or_default()
    }

    fn content(&self) -> Option<Content> {
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
        let content: Content = serde_json::from_slice(json).ok()?;
        file.set_modified(SystemTime::now()).ok(); // it is in use
        (content.origin == self.origin).then_some(content)
    }

    /// Keeps names there instead of what was. Whoever reads meanwhile finds the one or the other.
    ///
    /// # Errors
    /// If there cannot be such a file.
    pub(super) fn write(&self, names: &Names) -> std::io::Result<()> {
        let content = Content::of(self.origin.clone(), names);
        let json = serde_json::to_vec(&content)?;
        if json.len() as u64 > FILE_LIMIT / 2 {
            return Ok(());
        }
        let hidden = self.path.with_extension(format!("{}.tmp", std::process::id()));
        let mut file = File::create_new(&hidden)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        let written =
            file.write_all(format!("{}\n", head(&json)).as_bytes()).and_then(|()| file.write_all(&json));
        written.and_then(|()| fs::rename(&hidden, &self.path)).inspect_err(|_| {
            let _ = fs::remove_file(&hidden);
        })
    }
}

impl Content {
    fn of(origin: Origin, names: &Names) -> Content {
        let mut content = Content { origin, functions: Vec::new(), addresses: Vec::new() };
        let mut indexes = HashMap::new();
        for (&address, frames) in names.iter().take(ADDRESS_LIMIT) {
            let mut index = |function: &Arc<Function>| {
                *indexes.entry(Arc::clone(function)).or_insert_with(|| {
                    content.functions.push(Function::clone(function));
                    content.functions.len() - 1
                })
            };
            let frames = frames.iter().map(|frame| (index(&frame.function), frame.line)).collect();
            content.addresses.push((address, frames));
        }
        content
    }

    /// `None` if it makes no sense.
    fn names(self) -> Option<Names> {
        let functions: Vec<_> = self.functions.into_iter().map(Arc::new).collect();
        let frame = |(index, line): (usize, u64)| {
            Some(ResolvedFrame { function: Arc::clone(functions.get(index)?), line })
        };
        let frames = |frames: Vec<_>| frames.into_iter().map(frame).collect::<Option<Arc<[_]>>>();
        self.addresses.into_iter().map(|(address, indexes)| Some((address, frames(indexes)?))).collect()
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
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { size: 7, modified: (8, 9) };

    fn names(line: u64) -> Names {
        let function = |name: &str| {
            let text = |what| format!("{what} of {name}");
            Arc::new(Function {
                name: name.into(),
                system_name: text("link"),
                file: text("file"),
                start_line: 3,
            })
        };
        let (inner, outer) = (function("inner"), function("outer\n\u{1F980}"));
        let frame = |function: &Arc<Function>, line| ResolvedFrame { function: Arc::clone(function), line };
        let both: Arc<[_]> = [frame(&inner, line), frame(&outer, 5)].into();
        [(0x1000, both), (u64::MAX, [frame(&outer, 6)].into())].into_iter().collect()
    }

    fn place(folder: &Path) -> Place {
        let folder = Folder::open(folder.join("names")).unwrap();
        folder.place(&[0xAB; 20], Path::new("/debug"), STAMP).unwrap()
    }

    #[test]
    fn names_read_back_until_they_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        assert!(place.read().is_empty());
        for line in [4, 5] {
            place.write(&names(line)).unwrap();
            assert_eq!(place.read(), names(line));
        }
        assert_eq!(fs::metadata(&place.path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path().join("names")).unwrap().count(), 1);
    }

    #[test]
    fn what_is_damaged_or_made_from_something_else_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        place.write(&names(4)).unwrap();
        let whole = fs::read(&place.path).unwrap();
        for cut in (0..whole.len()).step_by(7) {
            fs::write(&place.path, &whole[..cut]).unwrap();
            assert!(place.read().is_empty(), "the first {cut} bytes");
            let mut flipped = whole.clone();
            flipped[cut] ^= 1;
            fs::write(&place.path, &flipped).unwrap();
            assert!(place.read().is_empty(), "byte {cut} flipped");
        }
        fs::write(&place.path, &whole).unwrap();
        let other = Origin { stamp: Stamp { size: 1, ..STAMP }, ..place.origin.clone() };
        assert!(Place { path: place.path.clone(), origin: other }.read().is_empty());
        let json = br#"{"origin":{"program":"p","debug":"d","stamp":{"size":7,"modified":[8,9]}},"functions":[],"addresses":[[1,[[0,2]]]]}"#;
        fs::write(&place.path, [head(json).as_bytes(), b"\n", json].concat()).unwrap();
        let origin = Origin { program: "p".into(), debug: "d".into(), stamp: STAMP };
        assert!(Place { path: place.path.clone(), origin }.read().is_empty(), "a function that is not there");
        assert_eq!(place.read().len(), 0);
    }

    #[test]
    fn nothing_is_kept_where_others_may_write_or_lead_us() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Folder::open(folder.path().join(name));
        let path = folder.path().join("names");
        assert!(open("names").is_some());
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        assert!(open("names").is_none());
        std::os::unix::fs::symlink("/tmp", folder.path().join("link")).unwrap();
        assert!(open("link").is_none());
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        let place = place(folder.path());
        place.write(&names(4)).unwrap();
        fs::rename(&place.path, folder.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("../elsewhere", &place.path).unwrap();
        assert!(place.read().is_empty());
    }

    #[test]
    fn what_was_used_least_recently_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Folder::open(folder.path().join("names")).unwrap();
        for (age, name) in ["newest", "newer", "old", "oldest"].into_iter().enumerate() {
            let file = File::create_new(kept.path.join(name)).unwrap();
            file.set_len(FOLDER_LIMIT / 2 - 1).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(60 * age as u64)).unwrap();
        }
        kept.trim();
        let mut left: Vec<_> =
            fs::read_dir(&kept.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["newer", "newest"]);
    }
}
