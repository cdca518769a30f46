//! Running `heaptrace report` and `go tool pprof`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::builder::Builder;

/// A folder of a test's own, removed with all that is in it.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Writes a profile.
    pub fn profile(&self, name: &str, builder: &Builder) -> String {
        self.file(name, builder.encode())
    }
}

/// `heaptrace report` with these arguments.
pub fn report(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heaptrace"));
    command.arg("report").args(arguments).env("TZ", "UTC").stdin(Stdio::null());
    command
}

/// What it writes.
pub fn report_text(arguments: &[&str]) -> String {
    text(report(arguments).output().unwrap(), arguments)
}

/// What it writes, if it does not refuse.
pub fn try_report(arguments: &[&str]) -> Option<String> {
    written(report(arguments).output().unwrap())
}

fn written(output: Output) -> Option<String> {
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// The one line with which it refuses.
pub fn report_error(arguments: &[&str]) -> String {
    let output = report(arguments).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(output.stdout.is_empty());
    error.trim_end().strip_prefix("heaptrace: ").unwrap().to_owned()
}

fn text(output: Output, arguments: &[&str]) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// What `go tool pprof` writes, without symbolizing, so that the profile is all there is to show.
pub fn pprof_text(arguments: &[&str]) -> String {
    text(pprof(arguments), arguments)
}

/// The same, if it does not refuse.
pub fn try_pprof(arguments: &[&str]) -> Option<String> {
    written(pprof(arguments))
}

fn pprof(arguments: &[&str]) -> Output {
    let mut command = Command::new("go");
    command.args(["tool", "pprof", "-symbolize=none"]).args(arguments);
    command.env("TZ", "UTC").env("PPROF_TMPDIR", std::env::temp_dir()).output().unwrap()
}

/// The profiles that a tiny Go program writes of itself; made once, and left in the target folder.
pub fn go_profiles() -> &'static Path {
    static PROFILES: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
        fs::create_dir_all(&folder).unwrap();
        let (source, program) = (folder.join("allocate.go"), folder.join("allocate"));
        fs::write(&source, include_str!("allocate.go")).unwrap();
        let built = Command::new("go")
            .args(["build", "-o"])
            .args([&program, &source])
            .env("GOCACHE", folder.join("cache"))
            .status();
        assert!(built.unwrap().success());
        let run = Command::new(program).arg(&folder).status();
        assert!(run.unwrap().success());
        folder
    });
    &PROFILES
}
