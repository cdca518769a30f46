//! The arguments of `heaptrace check`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;

use super::budgets::NAME;
use crate::run;

/// Hold profiles, or a run of a program, against the budgets in heaptrace.toml
///
/// Exit status: 0 within budget, 3 over it, 4 undecided, 125 if heaptrace failed, else the program's own.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "heaptrace check [OPTIONS] FILE…\n       heaptrace check [OPTIONS] -- PROGRAM [ARGS]…"
)]
pub struct Args {
    /// Profiles to check; several are added up
    #[arg(value_name = "FILE", required_unless_present = "command")]
    pub files: Vec<PathBuf>,
    /// The budgets
    #[arg(short, long, value_name = "FILE", default_value = NAME)]
    pub budgets: PathBuf,
    /// The profile that relative limits are of, instead of the one that the budgets name
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Relative limits are of this program, which is run first with the same arguments
    #[arg(long, value_name = "PROGRAM", requires = "command", conflicts_with_all = ["baseline", "files"])]
    pub vs: Option<OsString>,
    /// How the verdict is written
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Write the verdict to this file: whole, or not at all
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Rewrite the limits from what is measured, or write a first file of budgets
    #[arg(long, conflicts_with_all = ["self_test", "vs"])]
    pub update: bool,
    /// With --update: allow that much more than was measured
    #[arg(long, value_name = "PERCENT", default_value = "0", requires = "update", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub headroom: u32,
    /// Add an allocation and a leak to what is measured: is the gate shut then?
    #[arg(long)]
    pub self_test: bool,
    /// Mean bytes between samples of a run; 1 records every allocation
    #[arg(short, long, value_name = "BYTES", default_value = "1", conflicts_with = "files", value_parser = run::rate)]
    pub rate: u64,
    /// Of a run, count the processes that PROGRAM starts too, or only PROGRAM
    #[arg(long, value_name = "all|none", default_value = "all", conflicts_with = "files")]
    pub children: run::Children,
    /// Keep the profiles of a run, named as by heaptrace run --output
    #[arg(long, value_name = "PATTERN", conflicts_with = "files")]
    pub profile: Option<OsString>,
    /// The program and its arguments
    #[arg(last = true, value_name = "PROGRAM", conflicts_with = "files")]
    pub command: Vec<OsString>,
}

/// How a verdict is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// A test report for CI servers.
    Junit,
    /// A table for the summary of a job.
    Markdown,
    /// Annotations of GitHub's.
    Github,
}
