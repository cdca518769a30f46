//! The arguments of `heaptrace run`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args as _, FromArgMatches as _};
use heaptrace_channel::config::{parse_rate, parse_rate_or_off};
use heaptrace_collector::naming::{DEFAULT_PATTERN, Pattern};
use heaptrace_collector::summary::MOST_NAMED;
use heaptrace_collector::symbolize::Mode;
use heaptrace_http::Address;
use heaptrace_push::{Label, Target};

use crate::{interval, messages};

/// Profile a program
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Profile to write: %n program name, %p process id, %h host, %t UTC time
    #[arg(short, long, value_name = "PATTERN", default_value = DEFAULT_PATTERN, value_parser = OsStringValueParser::new().try_map(|text| Pattern::parse(&text)))]
    pub output: Pattern,
    /// Mean bytes between samples, such as 64KiB; 1 records every allocation, off none until `heaptrace rate`
    #[arg(short, long, value_name = "BYTES", default_value = "512KiB", value_parser = rate_or_off)]
    pub rate: u64,
    /// Also write a profile every DURATION, such as 10s or 5m, beside the final one
    #[arg(long, value_name = "DURATION", value_parser = interval::parse)]
    pub interval: Option<Duration>,
    /// Serve the live endpoints while the program runs: HOST:PORT, :PORT or unix:PATH
    #[arg(long, value_name = "ADDR")]
    pub http: Option<Address>,
    /// Send profiles to Pyroscope (http://HOST:4040) or by OTLP (http://HOST:4318) while the program runs, and at
    /// the end of each process
    #[arg(long, value_name = "URL")]
    pub push: Option<Target>,
    /// Send them every DURATION; 15s if this is not said
    #[arg(long, value_name = "DURATION", requires = "push", value_parser = interval::parse)]
    pub push_interval: Option<Duration>,
    /// Label them, with %n, %p, %h and %t as above in VALUE; service_name=VALUE names the service; can be given
    /// several times
    #[arg(long, value_name = "NAME=VALUE", requires = "push")]
    pub label: Vec<Label>,
    /// Profile the processes that PROGRAM starts too, or only PROGRAM
    #[arg(long, value_name = "all|none", default_value = "all")]
    pub children: Children,
    /// Leave allocators alone that are linked into programs: what they allocate is not seen then
    #[arg(long)]
    pub no_patch: bool,
    /// Make the sampling decisions reproducible
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Which names to look up: all, those in symbol tables, or none
    #[arg(long, value_name = "none|symbols|full", default_value = "full")]
    pub symbolize: Mode,
    /// Search DIR, laid out like /usr/lib/debug, for debug files; can be given several times
    #[arg(long, value_name = "DIR")]
    pub debug_dir: Vec<PathBuf>,
    /// Neither use nor keep what was read of programs: names in debug information, allocators inside
    #[arg(long)]
    pub no_cache: bool,
    /// Say nothing at the end
    #[arg(short, long)]
    pub quiet: bool,
    /// Of how many processes the summary names the profiles
    #[arg(skip = MOST_NAMED)]
    pub named: usize,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    pub command: Vec<OsString>,
}

/// Which of the processes that the program starts are profiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Children {
    /// All of them, and what they start.
    All,
    /// None.
    None,
}

impl Args {
    /// The arguments in these words, as after `heaptrace run`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Args> {
        let command = Args::augment_args(clap::Command::new("run").no_binary_name(true));
        Ok(Args::from_arg_matches(&command.try_get_matches_from(words)?)?)
    }
}

/// Reads a rate.
///
/// # Errors
/// If it is none.
pub fn rate(text: &str) -> Result<u64> {
    parse_rate(text.as_bytes()).ok_or_else(|| anyhow!(messages::options::BAD_RATE))
}

fn rate_or_off(text: &str) -> Result<u64> {
    parse_rate_or_off(text.as_bytes()).ok_or_else(|| anyhow!(messages::options::BAD_RATE_OR_OFF))
}
