//! The arguments of `heaptrace stat`.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::run::Children;

/// Count a program's allocations exactly
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run PROGRAM so often; 10 times where something is compared
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: Option<u32>,
    /// Run it so often before, without counting those
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub warmup: u32,
    /// A run does N operations: show allocs/op, B/op and ns/op
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub per: Option<u64>,
    /// Compare with another program, which was there before; ends with --
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true, value_terminator = "--")]
    pub vs: Vec<OsString>,
    /// Compare with what --json has written before
    #[arg(long, value_name = "FILE", conflicts_with = "vs")]
    pub baseline: Option<PathBuf>,
    /// Write all numbers to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Show Go's benchmark format, for benchstat
    #[arg(long, conflicts_with = "markdown")]
    pub bench: bool,
    /// Show a Markdown table
    #[arg(long)]
    pub markdown: bool,
    /// Write to FILE and not to standard error
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Count in the processes that PROGRAM starts too, or only in PROGRAM
    #[arg(long, value_name = "all|none", default_value = "all")]
    pub children: Children,
    /// Do not run both programs once more to name the stacks that differ
    #[arg(long)]
    pub no_stacks: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    pub command: Vec<OsString>,
}

/// Runs where two programs are compared.
const TO_COMPARE: u32 = 10;

impl Args {
    /// How often each program is run.
    pub fn runs(&self) -> u32 {
        self.runs.unwrap_or(if self.vs.is_empty() && self.baseline.is_none() { 1 } else { TO_COMPARE })
    }
}
