//! `heaptrace mark`.

use anyhow::Result;

use super::session::LiveSession;
use crate::serve::MARK;

/// Name this moment of a process, for `heaptrace snapshot --since`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The process, as `heaptrace ps` lists it
    pid: u32,
    /// A name of your choice; one that is there already is moved
    name: String,
}

/// `heaptrace mark`.
///
/// # Errors
/// If the process is not profiled.
pub fn run(args: &Args) -> Result<()> {
    let pid = args.pid.to_string();
    LiveSession::of(args.pid)?.ask(MARK, &[("pid", &pid), ("name", &args.name)]).map(drop)
}
