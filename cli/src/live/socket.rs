//! The sockets by which a user reaches the sessions of its own.
//!
//! They are in a folder that nobody else can write to: one that the system has made for this user, or one
//! in /tmp. A session does not know in which of them the user will look, so all are looked at.

use std::io;
use std::path::{Path, PathBuf};

use heaptrace_http::{Address, Socket};
use rustix::process::geteuid;

use crate::own_folder;

const PREFIX: &str = "session-";

/// Listens for this user.
///
/// # Errors
/// If there is no folder of this user's.
pub fn listen() -> io::Result<Socket> {
    let name = format!("{PREFIX}{}", std::process::id());
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for folder in folders() {
        // Whoever had this process id before is gone.
        let path = folder.join(&name);
        match own_folder::open(&folder).and_then(|_| Ok(Address::Unix(path.clone()).listen()?)) {
            Ok(socket) => return Ok(socket),
            Err(why) => failed = io::Error::other(format!("{}: {why:#}", path.display())),
        }
    }
    Err(failed)
}

/// The sockets of all sessions of this user, whether somebody listens there or not.
pub fn all() -> Vec<PathBuf> {
    let mut all = Vec::new();
    for folder in folders().into_iter().filter(|folder| folder.exists()) {
        if own_folder::open(&folder).is_err() {
            continue; // another user's trap
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let ours =
            entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()));
        all.extend(ours.map(|entry| entry.path()));
    }
    all.sort();
    all.dedup();
    all
}

fn folders() -> Vec<PathBuf> {
    let user = geteuid().as_raw();
    let run = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let usual = PathBuf::from(format!("/run/user/{user}"));
    let made = [run, Some(usual)].into_iter().flatten().filter(|folder| folder.is_dir());
    let mut folders: Vec<_> = made.map(|folder| folder.join("heaptrace")).collect();
    folders.dedup();
    folders.push(Path::new("/tmp").join(format!("heaptrace-{user}")));
    folders
}
