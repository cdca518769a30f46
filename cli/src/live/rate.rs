//! `heaptrace rate`.

use anyhow::{Result, anyhow};
use heaptrace_channel::config::{RateText, parse_rate_or_off};

use super::session::LiveSession;
use crate::messages;
use crate::serve::RATE;

/// Sample a process at another rate from now on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The process, as `heaptrace ps` lists it
    pid: u32,
    /// Mean bytes between samples, such as 64KiB; 1 records every allocation, off none
    #[arg(value_name = "BYTES|off", value_parser = rate)]
    rate: u64,
}

fn rate(text: &str) -> Result<u64> {
    parse_rate_or_off(text.as_bytes()).ok_or_else(|| anyhow!(messages::options::BAD_RATE_OR_OFF))
}

/// `heaptrace rate`.
///
/// # Errors
/// If the process is not profiled.
pub fn run(args: &Args) -> Result<()> {
    let (pid, rate) = (args.pid.to_string(), RateText(args.rate).to_string());
    LiveSession::of(args.pid)?.ask(RATE, &[("pid", &pid), ("bytes", &rate)]).map(drop)
}
