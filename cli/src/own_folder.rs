//! Folders of this user's own: what is put there is found there again, and by nobody else's doing
//! something else.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::{self, AtFlags, Mode, OFlags};

/// Opens the folder, made if need be: a real one, this user's, that nobody else can write to or put
/// another in the place of.
pub fn open(path: &Path) -> Result<OwnedFd> {
    if let Some(other) = path.ancestors().skip(1).find(|folder| !is_safe(folder)) {
        bail!("{} is another user's, or others can write to it", other.display());
    }
    open_in(fs::CWD, path)
}

/// Opens a folder in one that is safe: as [`open`] does.
///
/// # Errors
/// If it is none, or not this user's alone.
pub fn open_in(parent: impl AsFd, path: &Path) -> Result<OwnedFd> {
    let mode = Mode::from_raw_mode(0o755);
    match fs::mkdirat(&parent, path, mode) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(why) => return Err(why).context("cannot be made"),
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let folder = fs::openat(&parent, path, flags, Mode::empty()).context("is no folder")?;
    let (stat, user) = (fs::fstat(&folder)?, rustix::process::geteuid());
    if stat.st_uid != user.as_raw() || stat.st_mode & 0o022 != 0 {
        bail!("is not yours alone");
    }
    if user.is_root() && stat.st_mode & 0o555 != 0o555 {
        fs::fchmod(&folder, mode)?; // whatever the umask was when it was made
    }
    Ok(folder)
}

/// Writes a file that everybody can read and execute, under a name of this process's own, and renames: another process
/// sees all of it or none, and so does who comes after the machine lost its power.
///
/// # Errors
/// If there is no room for it.
pub fn write(folder: &OwnedFd, name: &str, content: &[u8]) -> Result<()> {
    let temporary = format!("{name}.{}", std::process::id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::unlinkat(folder, &temporary, AtFlags::empty()).ok();
    let mode = Mode::from_raw_mode(0o755);
    let file = fs::openat(folder, &temporary, flags, mode)?;
    fs::fchmod(&file, mode)?; // the umask is for other files
    let mut file = File::from(file);
    let written = file.write_all(content).and_then(|()| file.sync_data()).map_err(anyhow::Error::from);
    let result = written.and_then(|()| Ok(fs::renameat(folder.as_fd(), &temporary, folder.as_fd(), name)?));
    if result.is_err() {
        fs::unlinkat(folder, &temporary, AtFlags::empty()).ok();
    }
    result
}

/// Can nobody but this user and the system's take out of the folder what is in it?
fn is_safe(folder: &Path) -> bool {
    let Ok(stat) = fs::stat(folder) else { return false };
    // In a user namespace root's files may be those of nobody.
    let system = fs::stat("/").map_or(0, |root| root.st_uid);
    let is_trusted = [rustix::process::geteuid().as_raw(), 0, system].contains(&stat.st_uid);
    let is_sticky = stat.st_mode & 0o1000 != 0;
    is_trusted && (is_sticky || stat.st_mode & 0o022 == 0)
}
