//! A test's own folder, and how programs are launched in it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use tempfile::TempDir;

use super::launch::How;
use super::{Counts, HEAPTRACE, Launch, Profile, library, program, wait_until};

/// A folder of a test's own, in which its programs run.
pub struct Room(TempDir);

impl Room {
    pub fn new() -> Room {
        let mut folder = tempfile::Builder::new();
        let for_all_users = fs::Permissions::from_mode(0o755);
        Room(folder.prefix("heaptrace-test-").permissions(for_all_users).tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program on its own.
    pub fn bare(&self, source: &str) -> Launch {
        self.launch(How::Bare, program(source))
    }

    /// `heaptrace run -r 1 -o out.prof -- PROGRAM`.
    pub fn run(&self, source: &str) -> Launch {
        self.run_path(program(source))
    }

    /// As [`Room::run`], any program.
    pub fn run_path(&self, path: impl Into<PathBuf>) -> Launch {
        let mut launch = self.launch(How::Run, path.into());
        launch.options = ["-r", "1", "-o", "out.prof"].map(OsString::from).to_vec();
        launch
    }

    /// `heaptrace stat --json out.json -- PROGRAM`.
    pub fn stat(&self, source: &str) -> Launch {
        self.stat_path(program(source))
    }

    /// As [`Room::stat`], any program.
    pub fn stat_path(&self, path: impl Into<PathBuf>) -> Launch {
        self.launch(How::Stat, path.into()).options(["--json", "out.json"])
    }

    /// What `heaptrace stat` has written there.
    #[track_caller]
    pub fn counts(&self) -> Counts {
        Counts::read(&self.path("out.json"))
    }

    /// The program with the library preloaded, rate 1 and out.prof.
    pub fn manual(&self, source: &str) -> Launch {
        self.manual_path(program(source))
    }

    /// As [`Room::manual`], any program.
    pub fn manual_path(&self, path: impl Into<PathBuf>) -> Launch {
        self.launch(How::Bare, path.into())
            .env("LD_PRELOAD", library())
            .env("HEAPTRACE_COLLECTOR", HEAPTRACE)
            .env("HEAPTRACE_RATE", "1")
            .env("HEAPTRACE_OUT", "out.prof")
    }

    /// Any program on its own.
    pub fn bare_path(&self, path: impl Into<PathBuf>) -> Launch {
        self.launch(How::Bare, path.into())
    }

    fn launch(&self, how: How, program: PathBuf) -> Launch {
        let mut command = Command::new(if how == How::Bare { program.as_path() } else { HEAPTRACE.as_ref() });
        command.current_dir(self.0.path()).stdin(Stdio::null());
        let ours = std::env::vars_os().map(|(name, _)| name);
        ours.filter(|name| name.as_encoded_bytes().starts_with(b"HEAPTRACE")).for_each(|name| {
            command.env_remove(name);
        });
        Launch { how, command, program, options: Vec::new(), arguments: Vec::new() }
    }

    /// The profile of that name.
    #[track_caller]
    pub fn profile(&self, name: &str) -> Profile {
        assert!(self.path(name).exists(), "no {name} among {:?}", self.files());
        Profile::read(&self.path(name))
    }

    /// The profile of that name, which may still be on its way.
    #[track_caller]
    pub fn awaited_profile(&self, name: &str) -> Profile {
        wait_until(&format!("there is a {name}"), || self.path(name).exists());
        self.profile(name)
    }

    /// The names of the files in the room, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The profiles in the room whose names begin so.
    pub fn profiles(&self, prefix: &str) -> Vec<Profile> {
        let names =
            self.files().into_iter().filter(|name| name.starts_with(prefix) && name.ends_with(".prof"));
        names.map(|name| self.profile(&name)).collect()
    }

    /// Only the owner may read the file.
    #[track_caller]
    pub fn assert_private(&self, name: &str) {
        assert_eq!(fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o7777, 0o600, "{name}");
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.disable_cleanup(thread::panicking()); // for whoever wants to know why
    }
}
