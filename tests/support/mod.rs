//! Building the test programs, and running them bare, under `heaptrace run`, or in manual mode.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod counts;
pub mod ledger;
pub mod pprof;
pub mod profile;
pub mod tls;
pub mod wanted;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use counts::Counts;
pub use ledger::Ledger;
pub use profile::Profile;

/// The binary under test.
pub const HEAPTRACE: &str = env!("CARGO_BIN_EXE_heaptrace");

/// Nothing here takes a tenth of it: what does has hung.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The path of the library, as `heaptrace lib --path` tells it.
pub fn library() -> PathBuf {
    let output = Command::new(HEAPTRACE).args(["lib", "--path"]).output().unwrap();
    assert!(output.status.success());
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
}

/// The path of the library that counts.
pub fn stat_library() -> PathBuf {
    PathBuf::from(print_of(HEAPTRACE, &["lib", "--path", "--stat"].map(OsStr::new)).trim_end())
}

/// What a tool prints.
#[track_caller]
pub fn print_of(program: &str, arguments: &[&OsStr]) -> String {
    let output =
        Command::new(program).args(arguments).output().unwrap_or_else(|why| panic!("{program}: {why}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The program built from `tests/programs/SOURCE`. Its first line may say how: `flags: …`, where HERE is the
/// folder that it is in.
pub fn program(source: &str) -> PathBuf {
    type Built = HashMap<String, Arc<OnceLock<PathBuf>>>;
    static BUILT: LazyLock<Mutex<Built>> = LazyLock::new(Default::default);
    let cell = BUILT.lock().unwrap().entry(source.to_owned()).or_default().clone();
    cell.get_or_init(|| build(source)).clone()
}

fn build(source: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = std::env::current_exe().unwrap().file_name().unwrap().to_owned();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs").join(test);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    });
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs").join(source);
    let to = FOLDER.join(source.rsplit_once('.').unwrap().0);
    let text = fs::read_to_string(&from).unwrap_or_else(|why| panic!("{source}: {why}"));
    let first = text.lines().next().unwrap();
    let flags = first.split_once("flags:").map_or("", |(_, flags)| flags.trim_end_matches("*/").trim());
    let flags = flags.replace("HERE", from.parent().unwrap().to_str().unwrap());
    let compiler: &[&str] = match from.extension().unwrap().to_str().unwrap() {
        "c" => &["gcc", "-g", "-O1", "-fno-builtin", "-fno-optimize-sibling-calls"],
        "cpp" => &["g++", "-g", "-O1", "-fno-optimize-sibling-calls"],
        "rs" => &["rustc", "-g", "--edition=2024"],
        other => panic!("no compiler for .{other}"),
    };
    let mut command = Command::new(compiler[0]);
    command.args(&compiler[1..]).arg(&from).arg("-o").arg(&to).args(flags.split_whitespace());
    let output = command.current_dir(&*FOLDER).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    to
}

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

/// Waits for what is bound to happen.
#[track_caller]
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[derive(PartialEq)]
enum How {
    Bare,
    Run,
    Stat,
}

/// A program that is about to be run.
pub struct Launch {
    how: How,
    command: Command,
    program: PathBuf,
    options: Vec<OsString>,
    arguments: Vec<OsString>,
}

impl Launch {
    /// Arguments of the program.
    pub fn args<I: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = I>) -> Launch {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Options of `heaptrace run` or `stat`, instead of rate 1 and out.prof or out.json.
    pub fn options<I: AsRef<OsStr>>(mut self, options: impl IntoIterator<Item = I>) -> Launch {
        self.options = options.into_iter().map(|option| option.as_ref().to_owned()).collect();
        self
    }

    /// One more option of it.
    pub fn option(mut self, option: &str) -> Launch {
        self.options.push(option.into());
        self
    }

    pub fn rate(self, rate: &str) -> Launch {
        self.options(["-r", rate, "-o", "out.prof"])
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Launch {
        self.command.env(name, value);
        self
    }

    pub fn no_env(mut self, name: &str) -> Launch {
        self.command.env_remove(name);
        self
    }

    /// The command itself, for what the methods here do not do.
    pub fn with(mut self, change: impl FnOnce(&mut Command)) -> Launch {
        change(&mut self.command);
        self
    }

    /// Called in the new process before exec.
    pub fn before_exec(mut self, prepare: impl FnMut() + Send + Sync + 'static) -> Launch {
        let mut prepare = prepare;
        // SAFETY: the callers make system calls only.
        unsafe {
            self.command.pre_exec(move || {
                prepare();
                Ok(())
            })
        };
        self
    }

    fn command(self) -> Command {
        let mut command = self.command;
        let name = match self.how {
            How::Bare => None,
            How::Run => Some("run"),
            How::Stat => Some("stat"),
        };
        if let Some(name) = name {
            command.arg(name).args(self.options).arg("--").arg(self.program);
        }
        command.args(self.arguments);
        command
    }

    /// Starts it, with pipes for its output.
    pub fn spawn(mut self) -> Running {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.start()
    }

    /// Starts it, with output to wherever it goes.
    pub fn start(self) -> Running {
        let mut command = self.command();
        command.process_group(0);
        // Another test's child may have a program open for writing that was just made, until it execs.
        let is_busy = |why: &io::Error| why.kind() == io::ErrorKind::ExecutableFileBusy;
        let mut child = command.spawn();
        while child.as_ref().is_err_and(is_busy) {
            child = command.spawn();
        }
        Running { child: child.unwrap_or_else(|why| panic!("{command:?}: {why}")) }
    }

    /// Runs it to its end.
    pub fn go(self) -> Ended {
        self.spawn().wait()
    }
}

/// A program that runs.
pub struct Running {
    child: Child,
}

impl Running {
    /// Its process id: heaptrace's own under `heaptrace run`.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The collector of a `heaptrace run`: its child in a session of its own.
    pub fn collector(&self) -> u32 {
        self.child_that(leads_session)
    }

    /// The program of a `heaptrace run`: its other child.
    pub fn program(&self) -> u32 {
        let collector = self.collector(); // which looks like a program until it leads a session
        self.child_that(|&child| child != collector)
    }

    /// Has it ended, and is not waited for yet?
    pub fn is_zombie(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('Z')
    }

    fn child_that(&self, is_wanted: impl Fn(&u32) -> bool) -> u32 {
        let pid = self.pid();
        let mut found = None;
        wait_until("there is such a child", || {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
            found = children.split_whitespace().map(|child| child.parse().unwrap()).find(&is_wanted);
            found.is_some()
        });
        found.unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        signal_process(self.pid(), signal);
    }

    /// Waits until it has written a line, and returns it.
    #[track_caller]
    pub fn read_line(&mut self) -> String {
        let line = self.read_until("\n");
        line.strip_suffix('\n').unwrap_or(&line).to_owned()
    }

    /// Waits until it has written `end`, and returns all up to there; or until it writes no more.
    pub fn read_until(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        let stdout = self.child.stdout.as_mut().unwrap();
        while !text.ends_with(end.as_bytes()) && std::io::Read::read(stdout, &mut byte).unwrap() == 1 {
            text.push(byte[0]);
        }
        String::from_utf8(text).unwrap()
    }

    /// Writes a line to its input.
    pub fn send_line(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        std::io::Write::write_all(stdin, format!("{line}\n").as_bytes()).unwrap();
    }

    /// Writes a line to its input, and returns the line that it answers.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> String {
        self.send_line(line);
        self.read_line()
    }

    /// Waits until it has written a line of errors, and returns it.
    pub fn read_error_line(&mut self) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        let stderr = self.child.stderr.as_mut().unwrap();
        while std::io::Read::read(stderr, &mut byte).unwrap() == 1 && byte != *b"\n" {
            text.push(byte[0]);
        }
        String::from_utf8(text).unwrap()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(self) -> Ended {
        self.wait_within(PATIENCE)
    }

    /// Waits for its end, which takes longer than most.
    #[track_caller]
    pub fn wait_within(self, patience: Duration) -> Ended {
        let group = self.child.id();
        let (sender, receiver) = std::sync::mpsc::channel();
        thread::spawn(move || sender.send(self.child.wait_with_output()));
        let Ok(output) = receiver.recv_timeout(patience) else {
            // SAFETY: the group was made for this child.
            unsafe { libc::killpg(group as i32, libc::SIGKILL) };
            panic!("did not end: {:?}", receiver.recv().unwrap().unwrap());
        };
        let Output { status, stdout, stderr } = output.unwrap();
        Ended { pid: group, status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() }
    }
}

fn leads_session(pid: &u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
    fields.get(3) == Some(&pid.to_string().as_str())
}

/// Sends a signal to a process.
pub fn signal_process(pid: u32, signal: i32) {
    // SAFETY: takes no memory.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0, "process {pid} is gone");
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    pub pid: u32,
    status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ended {
    /// The status as a shell shows it.
    pub fn status(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap())
    }

    /// Its standard output.
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// It ended well.
    #[track_caller]
    pub fn well(self) -> Ended {
        assert_eq!(self.status(), 0, "{self:?}");
        self
    }

    /// What it printed with `print_ledger`.
    #[track_caller]
    pub fn ledger(&self) -> Ledger {
        Ledger::parse(&self.text())
    }

    /// What heaptrace said, line by line; nobody else said anything.
    #[track_caller]
    pub fn said(&self) -> Vec<&str> {
        let line = |line| str::strip_prefix(line, "heaptrace: ").unwrap_or_else(|| panic!("{self:?}"));
        self.stderr.lines().map(line).collect()
    }
}
