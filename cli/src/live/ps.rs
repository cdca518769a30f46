//! `heaptrace ps`.

use std::io::{Write, stdout};

use anyhow::Result;
use heaptrace_channel::config::RateText;
use heaptrace_collector::Profiled;
use heaptrace_report::{grouped, running};

use super::session::LiveSession;
use crate::table;

/// List the processes of yours that are being profiled
#[derive(Debug, clap::Args)]
pub struct Args {}

/// `heaptrace ps`.
///
/// # Errors
/// If there is no standard output.
pub fn run(_: &Args) -> Result<()> {
    let mut processes: Vec<_> = LiveSession::all().flat_map(|session| session.processes).collect();
    processes.sort_by_key(|process| process.pid);
    let head = ["PID", "RUNNING", "RATE", "SAMPLES", "IN USE", "COMMAND"].map(str::to_owned);
    let rows: Vec<_> = [head].into_iter().chain(processes.iter().map(row)).collect();
    let mut out = stdout().lock();
    for line in table::lines(&rows, |column| column < 5) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn row(process: &Profiled) -> [String; 6] {
    let Profiled { pid, command, started, rate, in_use: (in_use, _), counters, .. } = process;
    let running = running(started.elapsed().map_or(0, |elapsed| elapsed.as_secs()));
    // It is what the program says of itself, and goes to a terminal.
    let command = command.join(" ").replace(char::is_control, " ");
    let in_use = format!("{} B", grouped(*in_use as u64));
    let rate = RateText(*rate).to_string();
    [pid.to_string(), running, rate, grouped(counters.samples), in_use, command]
}
