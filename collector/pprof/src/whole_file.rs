//! Files that are there whole or not at all: profiles, reports, whatever a user names with `-o`.
//!
//! - A regular file, and what does not exist yet, is written without a name in the same folder, or under a hidden one
//!   where there can be no file without, with mode 0600, and gets its name when all is written: nobody who opens the path
//!   sees half of it.
//! - Whatever else is there (a device, a fifo, a symbolic link) stays what it is and is written
//!   through, and so is a file that is mounted there or whose folder cannot be written to: when all
//!   of it is known, so that a failure before that leaves what was there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, access, fcntl_setfl, linkat};
use rustix::io::Errno;
use tempfile::{NamedTempFile, PersistError};

/// A file that is being written. Dropped before it is [finished](WholeFile::finish), it leaves
/// everything as it was.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// In a file that is to be there.
    Nameless(Nameless),
    /// In a file that takes the place of the path.
    Beside(NamedTempFile),
    /// In memory, for what is written through.
    Memory(Vec<u8>),
}

impl WholeFile {
    /// Begins to write `path`.
    ///
    /// # Errors
    /// If there can be no such file.
    pub fn create(path: &Path) -> io::Result<WholeFile> {
        WholeFile::create_in(None, path)
    }

    /// The same, in a file that is there already, if that is in the same folder.
    ///
    /// # Errors
    /// If there can be no such file.
    pub fn create_in(file: Option<Nameless>, path: &Path) -> io::Result<WholeFile> {
        let nameless = || file.filter(|file| file.folder == folder(path)).or_else(|| Nameless::create(path));
        let content = match fs::symlink_metadata(path).map(|metadata| metadata.file_type()) {
            Ok(kind) if kind.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(kind) if !kind.is_file() => Content::Memory(Vec::new()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            present => match nameless()
                .map_or_else(|| temporary(path).map(Content::Beside), |file| Ok(Content::Nameless(file)))
            {
                Err(_) if present.is_ok() => Content::Memory(Vec::new()),
                content => content?,
            },
        };
        Ok(WholeFile { path: path.to_owned(), content })
    }

    /// Puts what was written where it belongs.
    ///
    /// # Errors
    /// If that cannot be. A regular file is then as it was, unless it had to be written through.
    pub fn finish(self) -> io::Result<()> {
        match self.content {
            Content::Nameless(file) => file.name(&self.path),
            Content::Beside(temporary) => replace(&self.path, temporary),
            Content::Memory(bytes) => write_through(&self.path, &mut &bytes[..]),
        }
    }
}

/// Could `path` be written, as far as can be told without doing it? Returns the file that it could be written to, if
/// there is one: to make another takes time.
///
/// # Errors
/// Why not.
pub fn check(path: &Path) -> io::Result<Option<Nameless>> {
    match WholeFile::create(path)?.content {
        Content::Memory(_) if path.exists() => access(path, Access::WRITE_OK)?,
        Content::Memory(_) | Content::Beside(_) => {}
        Content::Nameless(file) => return Ok(Some(file)),
    }
    Ok(None)
}

/// A file for its owner only that has no name yet, in the folder where it is to have one. Without one it goes with whoever
/// has it open.
#[derive(Debug)]
pub struct Nameless {
    folder: PathBuf,
    file: File,
}

impl Nameless {
    /// Makes one for that path, if the file system can.
    fn create(path: &Path) -> Option<Nameless> {
        let folder = folder(path).to_owned();
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open(&folder, flags, Mode::RUSR | Mode::WUSR).ok()?;
        Some(Nameless { folder, file: file.into() })
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Gives it this name, in the place of who has it now.
    fn name(self, path: &Path) -> io::Result<()> {
        match self.link(path) {
            // Who is there is replaced by a link, as no link can take its place.
            Err(Errno::EXIST) => match self.linked_beside(path) {
                Ok(temporary) => replace(path, temporary),
                Err(_) => self.copy(path),
            },
            Err(_) => self.copy(path), // there is no /proc, or something else is mounted there by now
            Ok(()) => Ok(()),
        }
    }

    fn link(&self, path: &Path) -> rustix::io::Result<()> {
        let own = format!("/proc/self/fd/{}", self.descriptor());
        linkat(CWD, own, CWD, path, AtFlags::SYMLINK_FOLLOW)
    }

    /// Gives it a hidden name in the same folder.
    fn linked_beside(&self, path: &Path) -> io::Result<NamedTempFile> {
        hidden().make_in(folder(path), |path| {
            self.link(path)?;
            self.file.try_clone()
        })
    }

    /// Writes what is in it to another file with that name.
    fn copy(mut self, path: &Path) -> io::Result<()> {
        let mut copied = temporary(path)?;
        self.file.rewind()?;
        io::copy(&mut self.file, copied.as_file_mut())?;
        replace(path, copied)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::Nameless(file) => file.file.write(bytes),
            Content::Beside(temporary) => temporary.as_file_mut().write(bytes),
            Content::Memory(memory) => memory.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The folder that a path is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file with a hidden name in the same folder as `path`, for its owner only.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    // Opened here, for an error that does not speak of the hidden name.
    hidden().make_in(folder(path), |path| {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
    })
}

fn hidden() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".heaptrace-").suffix(".tmp");
    builder
}

fn replace(path: &Path, temporary: NamedTempFile) -> io::Result<()> {
    match temporary.persist(path) {
        // Another file is mounted there, as containers do with single files.
        Err(PersistError { error, mut file }) if error.kind() == io::ErrorKind::ResourceBusy => {
            file.as_file_mut().rewind()?;
            write_through(path, file.as_file_mut())
        }
        renamed => Ok(renamed.map(drop)?),
    }
}

fn write_through(path: &Path, content: &mut impl io::Read) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let is_fifo = fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo());
    let mut file = if is_fifo { open_fifo(path, &mut options)? } else { options.open(path)? };
    io::copy(content, &mut file).map(drop)
}

/// Waits until somebody reads the fifo, but not for ever: a program may wait for its profile at its exit.
fn open_fifo(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    const PATIENCE: Duration = Duration::from_secs(5);
    const STEP: Duration = Duration::from_millis(10);
    options.custom_flags(OFlags::NONBLOCK.bits() as i32);
    let since = Instant::now();
    loop {
        match options.open(path) {
            Err(error) if Errno::from_io_error(&error) != Some(Errno::NXIO) => return Err(error),
            Err(_) if since.elapsed() > PATIENCE => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads this fifo"));
            }
            Err(_) => sleep(STEP),
            Ok(file) => {
                fcntl_setfl(&file, OFlags::empty())?; // writing may take as long as it does
                return Ok(file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use tempfile::tempdir;

    use super::*;

    /// The names of the files in a folder, sorted.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn write(path: &Path, text: &str) -> io::Result<()> {
        let mut file = WholeFile::create(path)?;
        file.write_all(text.as_bytes())?;
        file.finish()
    }

    #[test]
    fn a_file_is_replaced_by_one_for_its_owner_only_when_all_is_written() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn what_is_not_finished_leaves_everything_as_it_was() {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("file"), "old").unwrap();
        symlink("file", folder.path().join("link")).unwrap();
        for name in ["file", "link", "new"] {
            WholeFile::create(&folder.path().join(name)).unwrap().write_all(b"half").unwrap();
        }
        assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "old");
        assert_eq!(names(folder.path()), ["file", "link"]);
    }

    #[test]
    fn a_file_that_can_be_there_without_a_name_has_one_only_when_all_is_written() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("file");
        let Some(kept) = check(&path).unwrap() else { return }; // this file system has none
        let number = kept.descriptor();
        let mut file = WholeFile::create_in(Some(kept), &path).unwrap();
        file.write_all(b"text").unwrap();
        assert!(names(folder.path()).is_empty());
        assert!(matches!(&file.content, Content::Nameless(file) if file.descriptor() == number));
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let kept = check(&path).unwrap();
        let elsewhere = tempdir().unwrap();
        let mut file = WholeFile::create_in(kept, &elsewhere.path().join("file")).unwrap();
        file.write_all(b"text").unwrap();
        file.finish().unwrap();
        assert_eq!(names(elsewhere.path()), ["file"]);
    }

    #[test]
    fn what_can_get_no_link_is_copied() {
        let folder = tempdir().unwrap();
        let Some(mut nameless) = Nameless::create(Path::new("/dev/shm/x")) else { return };
        nameless.file.write_all(b"text").unwrap();
        let path = folder.path().join("file");
        if fs::metadata(folder.path()).unwrap().dev() != nameless.file.metadata().unwrap().dev() {
            nameless.name(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "text");
            assert_eq!(names(folder.path()), ["file"]);
        }
    }

    #[test]
    fn a_link_stays_one_and_its_target_is_written_and_made_if_there_is_none() {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("target"), "something longer").unwrap();
        let before = fs::metadata(folder.path().join("target")).unwrap().ino();
        for target in ["target", "missing"] {
            symlink(target, folder.path().join("link")).unwrap();
            write(&folder.path().join("link"), "text").unwrap();
            assert_eq!(fs::read_link(folder.path().join("link")).unwrap(), Path::new(target));
            assert_eq!(fs::read_to_string(folder.path().join(target)).unwrap(), "text");
            fs::remove_file(folder.path().join("link")).unwrap();
        }
        assert_eq!(fs::metadata(folder.path().join("target")).unwrap().ino(), before);
        assert_eq!(names(folder.path()), ["missing", "target"]);
    }

    #[test]
    fn a_device_and_a_fifo_are_written_to_and_stay() {
        let folder = tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
        let reader = std::thread::spawn({
            let fifo = fifo.clone();
            move || fs::read_to_string(fifo).unwrap()
        });
        write(&fifo, "text").unwrap();
        assert_eq!(reader.join().unwrap(), "text");
        assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
        assert_eq!(write(Path::new("/dev/full"), "text").unwrap_err().kind(), io::ErrorKind::StorageFull);
        // Were it not for the rule, root's tests would take away the machine's /dev/null.
        symlink("/dev/null", folder.path().join("null")).unwrap();
        write(&folder.path().join("null"), "text").unwrap();
        assert!(fs::metadata(folder.path().join("null")).unwrap().file_type().is_char_device());
    }

    #[test]
    fn what_could_not_be_written_is_known_in_advance() {
        let folder = tempdir().unwrap();
        fs::create_dir(folder.path().join("taken")).unwrap();
        symlink("missing", folder.path().join("link")).unwrap();
        let check = |path: &str| check(&folder.path().join(path)).err().map(|error| error.kind());
        assert_eq!(check("taken"), Some(io::ErrorKind::IsADirectory));
        assert_eq!(check("/"), Some(io::ErrorKind::IsADirectory));
        assert_eq!(check("no/file"), Some(io::ErrorKind::NotFound));
        assert_eq!(check(&"x".repeat(256)), Some(io::ErrorKind::InvalidFilename));
        assert_eq!(check("/proc/file"), Some(io::ErrorKind::NotFound));
        assert_eq!(["new", "link", "/dev/null"].map(check), [None; 3]);
        assert_eq!(names(folder.path()), ["link", "taken"]);
    }

    #[test]
    fn a_folder_is_refused_and_nothing_left_behind() {
        let folder = tempdir().unwrap();
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert_eq!(write(&folder.path().join("taken"), "").unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(write(&folder.path().join("no/file"), "").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(names(folder.path()), ["taken"]);
    }
}
