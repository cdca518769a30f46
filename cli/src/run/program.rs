//! The program: found as a shell would, and started as if nobody stood between.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{env, fmt, io};

use heaptrace_channel::config;
use heaptrace_report::say::say;
use rustix::process::Signal;

use super::inherited::{self, Timers};
use super::signals::Signals;
use super::spawn::{Image, spawn};
use super::status::{FAILED, NOT_EXECUTABLE, NOT_FOUND};

/// What is to be executed, with its environment.
#[derive(Debug)]
pub struct Command {
    /// The executable.
    pub path: PathBuf,
    /// The session's name and token.
    pub session: String,
    arguments: Vec<OsString>,
    /// Entries `NAME=VALUE`, or whatever else there was.
    environment: Vec<Vec<u8>>,
}

/// Why a program cannot be started.
#[derive(Debug)]
pub enum NotStarted {
    /// There is no such program.
    NotFound(OsString),
    /// It is there, but may not be executed.
    NotExecutable(PathBuf, io::Error),
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotStarted::NotFound(name) => write!(f, "{}: no such program", name.display()),
            NotStarted::NotExecutable(path, why) => write!(f, "{} cannot be executed: {why}", path.display()),
        }
    }
}

impl std::error::Error for NotStarted {}

impl NotStarted {
    /// What to exit with on an error, which is one of these or heaptrace's own.
    pub fn status(error: &anyhow::Error) -> u8 {
        match error.downcast_ref() {
            Some(NotStarted::NotFound(_)) => NOT_FOUND,
            Some(NotStarted::NotExecutable(..)) => NOT_EXECUTABLE,
            None => FAILED,
        }
    }
}

impl Command {
    /// Finds the program: a name with a slash is a path, any other is looked for in PATH.
    ///
    /// # Errors
    /// [`NotStarted`] if there is none that can be executed.
    pub fn find(words: &[OsString]) -> Result<Command, NotStarted> {
        let name = words.first().cloned().unwrap_or_default();
        let path = if name.as_bytes().contains(&b'/') {
            PathBuf::from(&name)
        } else {
            let folders = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/bin:/usr/bin".into());
            let candidates: Vec<_> = env::split_paths(&folders).map(|folder| folder.join(&name)).collect();
            let executable = candidates.iter().find(|path| check(path).is_ok());
            let found = executable.or_else(|| candidates.iter().find(|path| path.is_file()));
            found.filter(|_| !name.is_empty()).cloned().ok_or_else(|| NotStarted::NotFound(name.clone()))?
        };
        match check(&path) {
            Ok(()) => Ok(Command {
                path,
                session: String::new(),
                arguments: words.to_vec(),
                environment: inherited::environment(),
            }),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Err(NotStarted::NotFound(name)),
            Err(why) => Err(NotStarted::NotExecutable(path, why)),
        }
    }

    /// Sets a variable of the program's environment.
    pub fn set(&mut self, name: &str, value: OsString) {
        self.unset(name);
        self.environment.push([name.as_bytes(), b"=", value.as_bytes()].concat());
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|entry| value(entry, name).is_none());
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.environment.iter().find_map(|entry| value(entry, name)).map(OsStr::from_bytes)
    }

    /// Starts the program as a child of this process, which must have one thread. The child calls
    /// `announce` with its id before it becomes the program, so that nobody hears of that earlier.
    ///
    /// # Errors
    /// If no process can be made.
    pub fn start(&mut self, signals: &Signals, announce: impl Fn(u32)) -> io::Result<u32> {
        let (us, timers) = (std::process::id(), Timers::take());
        spawn(|| {
            end_with(us);
            announce(std::process::id());
            timers.give();
            // From here on a signal may end the child, so the memory of both is left as it is.
            let image = self.image(std::process::id());
            inherited::restore();
            signals.restore();
            let why = image.map_or_else(|why| why, |image| self.execute(&image));
            say(format_args!("cannot execute {}: {why}", self.path.display()));
            NOT_EXECUTABLE
        })
    }

    /// What the process of that id is to execute.
    fn image(&self, pid: u32) -> io::Result<Image> {
        let session = format!("{}={}:{pid}:go", config::SESSION, self.session).into_bytes();
        let others = self.environment.iter().filter(|entry| value(entry, config::SESSION).is_none());
        let entries = others.cloned().chain([session]);
        Image::new(&self.path, &self.arguments, entries)
    }

    /// Returns only if it could not be executed.
    fn execute(&self, image: &Image) -> io::Error {
        let why = image.execute();
        if why.raw_os_error() != Some(libc::ENOEXEC) {
            return why;
        }
        // As execvp does: a text without #! is a shell's.
        let shell = OsString::from("/bin/sh");
        let script = self.path.clone().into_os_string();
        let words: Vec<_> = [shell, script].into_iter().chain(self.arguments[1..].iter().cloned()).collect();
        let shell = Image::new(Path::new("/bin/sh"), &words, image.variables());
        shell.map_or_else(|why| why, |shell| shell.execute())
    }
}

/// The value of the variable in an entry that is its.
fn value<'a>(entry: &'a [u8], name: &str) -> Option<&'a [u8]> {
    entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

/// Has this process killed when `parent` ends before it, which can only have been killed: that is
/// one more signal that is meant for the program.
fn end_with(parent: u32) {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).ok();
    if std::os::unix::process::parent_id() != parent {
        // SAFETY: takes no memory.
        unsafe { libc::raise(libc::SIGKILL) };
    }
}

fn check(path: &Path) -> io::Result<()> {
    if path.metadata()?.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::EISDIR));
    }
    Ok(rustix::fs::access(path, rustix::fs::Access::EXEC_OK)?)
}
