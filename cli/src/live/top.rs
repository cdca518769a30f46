//! `heaptrace top`.

use std::io;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Result, bail};
use heaptrace_collector::Profiled;
use heaptrace_report::Output;
use heaptrace_report::screen::{self, Choice, Watched};

use super::session::LiveSession;
use crate::serve::SNAPSHOT;
use crate::{interval, messages};

/// Watch the heap of a process while it runs
///
/// Without PID: the one that is profiled, or a list to choose from.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The process, as `heaptrace ps` lists it
    pid: Option<u32>,
    /// How often to look
    #[arg(short, long, value_name = "DURATION", default_value = "1s", value_parser = interval::parse)]
    interval: Duration,
    /// Print the table once, and leave
    #[arg(long)]
    once: bool,
}

/// `heaptrace top`.
///
/// # Errors
/// If the process is not profiled, or there is none, or no terminal.
pub fn run(args: &Args) -> Result<()> {
    let mut sessions = Sessions { known: None };
    let pid = match args.pid {
        Some(pid) => {
            sessions.known = Some((pid, LiveSession::of(pid)?));
            Some(pid)
        }
        None => match &sessions.choices()[..] {
            [] => bail!(messages::live::NOTHING_PROFILED),
            [only] => Some(only.pid),
            several if args.once || !io::stdout().is_terminal() => {
                let pids: Vec<u32> = several.iter().map(|choice| choice.pid).collect();
                bail!(messages::live::name_one(&pids))
            }
            _ => None,
        },
    };
    match pid {
        Some(pid) if args.once => screen::once(sessions, pid, args.interval, &mut Output::stdout()),
        _ => screen::run(sessions, pid, args.interval),
    }
}

/// The sessions of this user.
struct Sessions {
    /// The one that was asked last, which is likely asked again.
    known: Option<(u32, LiveSession)>,
}

impl Watched for Sessions {
    fn choices(&mut self) -> Vec<Choice> {
        let mut all: Vec<_> = LiveSession::all().flat_map(|session| session.processes).collect();
        all.sort_by_key(|process| process.pid);
        all.iter().map(choice).collect()
    }

    fn profile(&mut self, pid: u32) -> Result<Vec<u8>> {
        let known = self.known.take().filter(|(known, _)| *known == pid);
        let session = known.map_or_else(|| LiveSession::of(pid), |(_, session)| Ok(session))?;
        let profile = session.ask(SNAPSHOT, &[("pid", &pid.to_string())])?.whole()?;
        self.known = Some((pid, session));
        Ok(profile)
    }
}

fn choice(process: &Profiled) -> Choice {
    Choice {
        pid: process.pid,
        command: process.command.join(" ").replace(char::is_control, " "),
        seconds: process.started.elapsed().map_or(0, |elapsed| elapsed.as_secs()),
        in_use: process.in_use.0 as i64,
        samples: process.counters.samples,
    }
}
