//! One run of a program.

use std::ffi::OsString;
use std::time::Instant;

use anyhow::{Context, Result};
use heaptrace_collector::ProcessEvents;
use heaptrace_collector::counting::{Config, Counted};

use super::metric::Usage;
use super::session::CountingSession;
use crate::library;
use crate::run::{self, Children, Command, Invitation, Obstacle, Signals, supervise};

/// What a run has come to.
#[derive(Debug)]
pub struct Run {
    /// What to exit with.
    pub status: u8,
    /// What the system measured.
    pub usage: Usage,
    /// What was counted.
    pub counted: Counted,
    /// Why the program was not counted, if it was known before.
    pub obstacle: Option<Obstacle>,
}

/// Runs a program to its end.
///
/// # Errors
/// If it cannot be started, or nobody could count.
pub fn run(words: &[OsString], children: Children, signals: &Signals) -> Result<Run> {
    let mut command = Command::find(words)?;
    let obstacle = run::obstacle(&command.path);
    let invitation = Invitation::put(&mut command, library::COUNTER, obstacle.as_ref(), children)?;
    let session = CountingSession::start(Config {
        sockets: invitation.sockets,
        token: invitation.token,
        process_events: ProcessEvents::listen(std::process::id()),
        children: children == Children::All,
    })
    .context("cannot start who counts")?;
    let start = Instant::now();
    let pid = command
        .start(signals, |pid| session.program_started(pid))
        .with_context(|| format!("cannot start {}", command.path.display()))?;
    let end = supervise(signals, pid, |_, _| {});
    let usage = Usage { wall: start.elapsed(), cpu: end.cpu, resident: end.most_resident };
    Ok(Run { status: end.status, usage, counted: session.counted(end.most_resident)?, obstacle })
}
