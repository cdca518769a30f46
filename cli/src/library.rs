//! The libraries that programs preload: carried inside this binary, unpacked when they are needed.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use flate2::Crc;
use lzma_rust2::XzReader;
use rustix::fs::{self, AtFlags, Mode, OFlags, StatVfsMountFlags, Timespec, Timestamps, UTIME_OMIT};

use crate::{own_folder, platform};

/// One of the two libraries.
#[derive(Debug, Clone, Copy)]
pub struct Library {
    /// An xz file.
    compressed: &'static [u8],
    name: &'static str,
    /// Its length and checksum, so that it need not be unpacked to know it again.
    check: &'static str,
}

/// The one that records samples.
pub const RECORDER: Library = Library {
    compressed: include_bytes!(env!("HEAPTRACE_LIBRARY")),
    name: concat!("libheaptrace-", env!("HEAPTRACE_LIBRARY_HASH"), ".so"),
    check: env!("HEAPTRACE_LIBRARY_CHECK"),
};

/// The one that counts.
pub const COUNTER: Library = Library {
    compressed: include_bytes!(env!("HEAPTRACE_STAT_LIBRARY")),
    name: concat!("libheaptrace-stat-", env!("HEAPTRACE_STAT_LIBRARY_HASH"), ".so"),
    check: env!("HEAPTRACE_STAT_LIBRARY_CHECK"),
};

/// When a library was modified that was seen to be whole: whoever writes to it sets another time, and only its owner
/// can set this one.
const SEEN_WHOLE: Timespec = Timespec { tv_sec: 1_000_000_000, tv_nsec: 0 };

/// A link to this program beside it: what the library starts as its collector, wherever it is installed.
const LINK: &str = concat!("heaptrace-", env!("HEAPTRACE_LIBRARY_HASH"));

/// About the library that programs preload
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the library's path, for LD_PRELOAD
    #[arg(long, required = true)]
    path: bool,
    /// That of the library that counts, which needs `heaptrace stat`
    #[arg(long, hide = true)]
    stat: bool,
}

/// `heaptrace lib`.
pub fn run(args: &Args) -> Result<()> {
    let library = if args.stat { COUNTER } else { RECORDER };
    Ok(writeln!(std::io::stdout(), "{}", library.unpack()?.display())?)
}

impl Library {
    /// The path of the library, which is put there if it is not.
    ///
    /// # Errors
    /// If there is no folder of this user's from which libraries can be loaded.
    pub fn unpack(self) -> Result<PathBuf> {
        let mut problems = Vec::new();
        for folder in folders() {
            match self.unpack_into(&folder) {
                Ok(path) => return Ok(path),
                Err(why) => problems.push(format!("{}: {why:#}", folder.display())),
            }
        }
        bail!(
            "no place for libheaptrace.so ({}); set XDG_CACHE_HOME to a folder of yours",
            problems.join("; ")
        )
    }

    fn unpack_into(self, folder: &Path) -> Result<PathBuf> {
        let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { bail!("is no folder") };
        std::fs::create_dir_all(parent).ok();
        // By no symbolic link, which could lead elsewhere tomorrow.
        let folder = std::fs::canonicalize(parent)?.join(name);
        let path = folder.join(self.name);
        if path.as_os_str().as_bytes().iter().any(|c| c.is_ascii_whitespace() || *c == b':') {
            bail!("LD_PRELOAD takes no path with a space or a colon");
        }
        let folder = open_folder(&folder)?;
        if !self.is_known_in(&folder) {
            if !self.is_in(&folder) {
                own_folder::write(&folder, self.name, &self.content()?)?;
            }
            // Without it 32-bit programs say that they cannot load it, and all is looked at again the next time.
            platform::prepare(&folder, self.name).and_then(|()| self.make_known(&folder)).ok();
        }
        link_program(&folder).ok(); // without it there are other places to look
        Ok(path)
    }

    fn content(self) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        XzReader::new(self.compressed, false).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Was it seen to be whole there, and has nobody written to it since? To read all of it takes a third of a
    /// millisecond, in front of the program's start.
    fn is_known_in(self, folder: &OwnedFd) -> bool {
        const FILE: u32 = 0o100_755;
        let Ok(stat) = fs::statat(folder, self.name, AtFlags::SYMLINK_NOFOLLOW) else { return false };
        let (length, _) = self.check.split_once(' ').unwrap_or_default();
        let is_ours = stat.st_mode == FILE && stat.st_uid == rustix::process::geteuid().as_raw();
        let modified = (stat.st_mtime, stat.st_mtime_nsec as i64);
        is_ours && length == stat.st_size.to_string() && modified == (SEEN_WHOLE.tv_sec, SEEN_WHOLE.tv_nsec)
    }

    /// Notes that it is whole there.
    fn make_known(self, folder: &OwnedFd) -> Result<()> {
        let unchanged = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let times = Timestamps { last_access: unchanged, last_modification: SEEN_WHOLE };
        Ok(fs::utimensat(folder, self.name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Is all of the library there, for everybody to read, and nothing else?
    fn is_in(self, folder: &OwnedFd) -> bool {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(file) = fs::openat(folder, self.name, flags, Mode::empty()) else { return false };
        if !fs::fstat(&file).is_ok_and(|stat| stat.st_mode & 0o555 == 0o555) {
            return false;
        }
        let (mut content, mut crc) = (Vec::new(), Crc::new());
        let is_read = File::from(file).read_to_end(&mut content).is_ok(); // at once, as its length is known
        crc.update(&content);
        is_read && format!("{} {}", crc.amount(), crc.sum()) == self.check
    }
}

/// Where the library may go, best first. It is loaded by programs of other users too, if this is
/// root's and the program drops its privileges: so root's is where everybody can read.
fn folders() -> Vec<PathBuf> {
    let user = rustix::process::geteuid();
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let own =
        [cache, variable("XDG_RUNTIME_DIR")].into_iter().flatten().map(|folder| folder.join("heaptrace"));
    let shared = ["/tmp", "/var/tmp", "/dev/shm"]
        .map(|folder| PathBuf::from(format!("{folder}/heaptrace-{}", user.as_raw())));
    match user.is_root() {
        true => [PathBuf::from("/run/heaptrace")].into_iter().chain(shared).chain(own).collect(),
        false => own.chain(shared).collect(),
    }
}

/// Opens the folder, made if need be, on a file system from which code can be loaded.
fn open_folder(path: &Path) -> Result<OwnedFd> {
    let folder = own_folder::open(path)?;
    if fs::fstatvfs(&folder)?.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        bail!("is mounted noexec");
    }
    Ok(folder)
}

/// Has the link lead to this program.
fn link_program(folder: &OwnedFd) -> Result<()> {
    let program = env::current_exe()?;
    if fs::readlinkat(folder, LINK, Vec::new())
        .is_ok_and(|target| target.as_bytes() == program.as_os_str().as_bytes())
    {
        return Ok(());
    }
    let temporary = format!("{LINK}.{}", std::process::id());
    fs::unlinkat(folder, &temporary, AtFlags::empty()).ok();
    fs::symlinkat(&program, folder, &temporary)?;
    Ok(fs::renameat(folder, &temporary, folder, LINK)?)
}

/// The value of LD_PRELOAD with the library first, and no other of ours.
pub fn preload(library: &Path, present: Option<&OsStr>) -> std::ffi::OsString {
    let mut value = platform::path(library).unwrap_or_else(|| library.to_owned()).into_os_string();
    let others = present.map_or(&b""[..], OsStr::as_bytes).split(|c| *c == b':' || *c == b' ');
    for other in others.filter(|other| !other.is_empty() && !is_ours(other)) {
        value.push(":");
        value.push(OsStr::from_bytes(other));
    }
    value
}

fn is_ours(path: &[u8]) -> bool {
    let name = path.rsplit(|c| *c == b'/').next().unwrap_or(path);
    name.starts_with(b"libheaptrace") && name.ends_with(b".so")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn other_preloaded_libraries_stay_and_an_earlier_one_of_ours_goes() {
        let value = |present: &str| preload(Path::new("/new/libheaptrace-1.so"), Some(present.as_ref()));
        assert_eq!(value(""), "/new/libheaptrace-1.so");
        assert_eq!(value("/a.so b.so:/old/libheaptrace-0.so"), "/new/libheaptrace-1.so:/a.so:b.so");
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_folder_that_others_can_write_to_or_replace_is_refused() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("cache/heaptrace");
        assert!(RECORDER.unpack_into(&folder).unwrap().ends_with(RECORDER.name));
        assert!(RECORDER.is_in(&open_folder(&folder).unwrap()));
        for (writable, sticky) in [(&*folder, false), (folder.parent().unwrap(), true)] {
            set_mode(writable, 0o777);
            assert!(RECORDER.unpack_into(&folder).is_err(), "{}", writable.display());
            set_mode(writable, 0o1777);
            assert_eq!(RECORDER.unpack_into(&folder).is_ok(), sticky, "{}", writable.display());
            set_mode(writable, 0o755);
        }
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(folder.parent().unwrap(), Some(65_533), None).unwrap();
            assert!(RECORDER.unpack_into(&folder).is_err());
        }
    }

    #[test]
    fn a_file_that_is_not_whole_or_another_is_written_anew() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("heaptrace");
        let path = COUNTER.unpack_into(&folder).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for other in [&whole[..whole.len() - 1], &[&*whole, b"x"].concat(), &flipped, b""] {
            assert!(COUNTER.is_known_in(&open_folder(&folder).unwrap()));
            std::fs::write(&path, other).unwrap();
            assert!(!COUNTER.is_known_in(&open_folder(&folder).unwrap()));
            COUNTER.unpack_into(&folder).unwrap();
            assert!(std::fs::read(&path).unwrap() == whole, "{} bytes", other.len());
        }
    }

    #[test]
    fn a_file_that_others_can_write_to_is_read() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("heaptrace");
        let path = COUNTER.unpack_into(&folder).unwrap();
        set_mode(&path, 0o777);
        assert!(!COUNTER.is_known_in(&open_folder(&folder).unwrap()));
        let elsewhere = room.path().join("elsewhere");
        std::fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        set_mode(&elsewhere, 0o755);
        assert!(!COUNTER.is_known_in(&open_folder(&folder).unwrap()));
    }

    #[test]
    fn a_path_leads_through_no_link() {
        let room = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("real", room.path().join("link")).unwrap();
        std::fs::create_dir(room.path().join("real")).unwrap();
        let path = RECORDER.unpack_into(&room.path().join("link/heaptrace")).unwrap();
        assert!(path.ends_with(format!("real/heaptrace/{}", RECORDER.name)), "{}", path.display());
    }

    #[test]
    fn everybody_can_read_what_is_there() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("heaptrace");
        let path = RECORDER.unpack_into(&folder).unwrap();
        set_mode(&path, 0o700); // as an umask would make them
        set_mode(&folder, 0o700);
        RECORDER.unpack_into(&folder).unwrap();
        assert_eq!(mode(&path), 0o755);
        assert_eq!(mode(&folder), if rustix::process::geteuid().is_root() { 0o755 } else { 0o700 });
    }
}
