//! Profiles that a check makes for itself, in a folder of its own.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use heaptrace_collector::summary::{Malloc, Outcome, Written};
use heaptrace_report::say::say;
use tempfile::TempDir;

use crate::check::args::Args;
use crate::messages::budgets as words;
use crate::run;

/// Where profiles are that go with the check.
#[derive(Debug)]
pub struct Room(TempDir);

/// What a run came to.
#[derive(Debug)]
pub enum Run {
    /// Its profiles.
    Profiles(Vec<PathBuf>),
    /// The program did not succeed: what to exit with.
    Failed(u8),
    /// It could not be started, which has been said: what to exit with.
    NotStarted(u8),
}

impl Room {
    /// An empty one.
    ///
    /// # Errors
    /// If there can be no folder.
    pub fn new() -> Result<Room> {
        Ok(Room(tempfile::Builder::new().prefix("heaptrace-check-").tempdir()?))
    }

    /// Runs the program as `heaptrace run` does.
    ///
    /// # Errors
    /// If it ran, but there is no profile of it.
    pub fn run(&self, args: &Args) -> Result<Run> {
        let pattern = args.profile.clone().unwrap_or_else(|| self.pattern());
        let options = options(args, &pattern).into_iter().chain(["--quiet".into(), "--".into()]);
        let run = run::Args::parse(options.chain(args.command.iter().cloned()))?;
        let run = run::Args { named: usize::MAX, ..run }; // each of its profiles is read
        let recorded = match run::record(&run) {
            Ok(recorded) => recorded,
            Err(status) => return Ok(Run::NotStarted(status)),
        };
        recorded.tell();
        recorded.go_on();
        if recorded.status != 0 {
            return Ok(Run::Failed(recorded.status));
        }
        let Ok(summary) = &recorded.summary else { bail!(words::NOT_PROFILED) };
        let (counted, others): (Vec<_>, Vec<_>) =
            summary.profiles.iter().partition(|&written| is_counted(written));
        ensure!(counted.iter().any(|written| written.is_program), words::NOT_PROFILED);
        let turned_away = summary.turned_away.iter().map(|children| children.count as usize).sum::<usize>();
        let missed = summary.missed.iter().map(|missed| missed.count as usize).sum::<usize>();
        let refused = summary.refused.len() + summary.other_refused as usize;
        let unseen = others.len() + refused + missed + turned_away;
        words::not_counted(unseen, summary.running).iter().for_each(say);
        Ok(Run::Profiles(counted.into_iter().map(|written| written.path.clone()).collect()))
    }

    /// Runs another program instead, of which nothing is heard but errors.
    ///
    /// # Errors
    /// If it fails.
    pub fn run_apart(&self, args: &Args, program: &OsStr) -> Result<Vec<PathBuf>> {
        let words = args.command.iter().skip(1).map(OsString::as_os_str);
        self.record_apart(options(args, &self.pattern()), [program].into_iter().chain(words))
            .with_context(|| words::baseline_failed(program))
    }

    /// Allocates `count` blocks of `size` bytes and frees them, and leaks one of `leaked`, as a profiled
    /// program.
    ///
    /// # Errors
    /// If that cannot be.
    pub fn waste(&self, rate: u64, [count, size, leaked]: [u64; 3]) -> Result<Vec<PathBuf>> {
        let options = vec!["--rate".into(), rate.to_string().into(), "--output".into(), self.pattern()];
        let numbers = [count, size, leaked].map(|number| OsString::from(number.to_string()));
        let waste = [run::OURSELVES, "waste"].map(OsStr::new).into_iter();
        self.record_apart(options, waste.chain(numbers.iter().map(OsString::as_os_str)))
            .context(words::NO_WASTE)
    }

    fn record_apart<'a>(
        &self,
        options: Vec<OsString>,
        command: impl Iterator<Item = &'a OsStr>,
    ) -> Result<Vec<PathBuf>> {
        let before = self.profiles()?;
        let status = run::record_apart(options, command, Stdio::null())?;
        ensure!(status.success(), "{status}");
        let mut files = self.profiles()?;
        files.retain(|file| !before.contains(file));
        ensure!(!files.is_empty(), words::NOT_PROFILED);
        Ok(files)
    }

    fn profiles(&self) -> Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(self.0.path())?;
        let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        files.sort();
        Ok(files)
    }

    /// A name for each process.
    fn pattern(&self) -> OsString {
        run::pattern_in(self.0.path())
    }
}

/// Whether there is a profile of a process, with all that it allocated.
fn is_counted(written: &Written) -> bool {
    let is_seen = match written.malloc {
        Malloc::Hooked | Malloc::NeverCalled => true,
        Malloc::Own => written.counters.samples > 0,
        Malloc::Unseen => false,
    };
    is_seen && written.outcome == Outcome::File
}

fn options(args: &Args, pattern: &OsStr) -> Vec<OsString> {
    let rate = args.rate.to_string();
    let children = match args.children {
        run::Children::All => "all",
        run::Children::None => "none",
    };
    let words = ["--rate", &rate, "--children", children, "--output"].map(OsString::from);
    words.into_iter().chain([pattern.to_owned()]).collect()
}
