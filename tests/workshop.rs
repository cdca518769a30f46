//! Building programs for tests, and pretending that they were loaded.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use heaptrace_symbolize::Module;

/// A folder for what one test builds.
pub struct Workshop(PathBuf);

impl Workshop {
    /// An empty folder for the test of that name.
    pub fn new(test: &str) -> Workshop {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("symbolize").join(test);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Workshop(path)
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs a command line in the folder; words are separated by spaces, `@` is the folder of the
    /// programs' sources.
    #[track_caller]
    pub fn run(&self, line: &str) {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let sources =
            folders.map(|folder| folder.join("tests/programs/symbols")).find(|path| path.exists()).unwrap();
        let line = line.replace('@', &format!("{}/", sources.display()));
        let output = Command::new("timeout")
            .arg("60")
            .args(line.split(' '))
            .current_dir(&self.0)
            .output()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The module that a process has which loaded `file` at `bias`.
pub fn module(file: &Path, bias: u64) -> Module {
    Module {
        start: bias,
        end: bias + (1 << 32),
        bias,
        path: file.to_owned(),
        build_id: build_id(file),
        file: File::open(file).ok().map(Arc::new),
    }
}

/// The build id that readelf shows.
fn build_id(file: &Path) -> Vec<u8> {
    let output = Command::new("readelf").arg("--notes").arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let hex = text.split_once("Build ID: ").map_or("", |(_, rest)| rest.lines().next().unwrap());
    let byte = |digits: &[u8]| u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(byte).collect()
}
