//! The collector's process: a session, apart from the program and from whoever started it.

use std::env;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use heaptrace::progress;
use heaptrace_channel::config::{self, Session};
use heaptrace_collector::Program;
use heaptrace_collector::naming::Pattern;
use heaptrace_collector::session::{self, Config, Request, Summary};
use heaptrace_collector::symbolize::{Options, Symbolizer};

use crate::{apart, messages};

/// The listening socket that the library passes on.
const LISTENER: RawFd = 3;

/// `heaptrace collect`: what the library starts in manual mode.
pub fn run() -> Result<()> {
    apart::ignore_requests();
    let variable = env::var_os(config::SESSION).context("the library starts this, not you")?;
    let session = Session::parse(variable.as_bytes()).context("malformed session")?;
    let token = session.token.try_into().context("malformed session")?;
    // SAFETY: the library leaves this descriptor open for us, and nobody else here knows of it.
    let listener = unsafe { OwnedFd::from_raw_fd(LISTENER) };
    let text = |name| env::var_os(name).filter(|value| !value.is_empty());
    let pattern = text(config::OUT).and_then(|text| Pattern::parse(&text).ok());
    let rate = text(config::RATE).and_then(|text| config::parse_rate(text.as_bytes()));
    let mode = text(config::SYMBOLIZE).and_then(|text| text.to_str()?.parse().ok());
    let options = Options { mode: mode.unwrap_or_default(), ..Options::default() };
    let config = Config {
        listener,
        token,
        pattern: pattern.unwrap_or_default().on_behalf_of(session.program),
        rate: rate.unwrap_or(config::DEFAULT_RATE),
        program: Some(running_program(session.program)),
        symbolizer: Arc::new(Symbolizer::new(&options)),
    };
    keep_names(&config);
    Ok(session::run(config, None)?)
}

/// What was read to look names up goes with the process: to free it bit by bit takes a millisecond.
fn keep_names(config: &Config) {
    std::mem::forget(Arc::clone(&config.symbolizer));
}

fn running_program(pid: u32) -> Program {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
    let command = command.split(|&byte| byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    let executable = std::fs::read_link(process.join("exe")).unwrap_or_default();
    Program {
        pid,
        started_as: executable.clone(),
        executable,
        command: command.filter(|text| !text.is_empty()).collect(),
    }
}

/// Runs a session for a supervisor at the other end of `control`, which says when the program was
/// started and when it has ended, and then gets the summary as text, and before that a line now and
/// then about how far looking names up has come.
pub fn serve(config: Config, program: Program, control: UnixStream) -> io::Result<()> {
    keep_names(&config);
    let (sender, requests) = unbounded();
    let symbolizer = Arc::clone(&config.symbolizer);
    thread::spawn(move || obey(&sender, program, control, &symbolizer));
    session::run(config, Some(requests))
}

/// Messages to the collector: the program's pid in decimal and a newline, then, at its end, a dot.
fn obey(
    requests: &Sender<Request>,
    program: Program,
    mut control: UnixStream,
    symbolizer: &Symbolizer,
) -> Option<()> {
    let mut line = Vec::new();
    let mut byte = [0];
    while control.read_exact(&mut byte).is_ok() {
        match byte[0] {
            b'\n' => {
                let pid = str::from_utf8(&line).ok()?.parse().ok()?;
                requests.send(Request::Started(Program { pid, ..program.clone() })).ok()?;
            }
            b'.' => {
                let (answer, summary) = bounded(1);
                requests.send(Request::Ended(answer)).ok()?;
                let summary = wait(&summary, &mut control, symbolizer)?;
                control.write_all(messages::summary(&summary).as_bytes()).ok()?;
                return control.shutdown(Shutdown::Both).ok();
            }
            digit => line.push(digit),
        }
    }
    None
}

/// Waits for the summary, and tells meanwhile how far looking names up has come.
fn wait(summary: &Receiver<Summary>, control: &mut UnixStream, symbolizer: &Symbolizer) -> Option<Summary> {
    loop {
        match summary.recv_timeout(progress::INTERVAL) {
            Ok(summary) => return Some(summary),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {
                let text = progress::text(&symbolizer.progress());
                writeln!(control, "{}{text}", messages::PROGRESS).ok()?;
            }
        }
    }
}

/// What a supervisor says.
pub mod supervisor {
    use std::io::{BufRead, BufReader};

    use super::*;

    /// The program was started under this process id.
    pub fn started(control: &mut UnixStream, pid: u32) {
        writeln!(control, "{pid}").ok();
    }

    /// Why there is nothing to say about a session.
    #[derive(Debug)]
    pub enum NoSummary {
        /// The user does not want to wait for it.
        Interrupted,
        /// The collector is gone.
        CollectorGone,
    }

    impl From<io::Error> for NoSummary {
        fn from(_: io::Error) -> NoSummary {
            NoSummary::CollectorGone
        }
    }

    /// The program has ended. Returns the summary. Gives `show` the lines about how far the collector
    /// has come until then, as long as it answers that somebody waits.
    pub fn ended(control: &mut UnixStream, show: impl Fn(&str) -> bool) -> Result<String, NoSummary> {
        control.write_all(b".")?;
        let mut summary = String::new();
        for line in BufReader::new(control).lines() {
            let line = line?;
            match line.strip_prefix(messages::PROGRESS) {
                Some(progress) if show(progress) => {}
                Some(_) => return Err(NoSummary::Interrupted),
                None => summary.extend([&line, "\n"]),
            }
        }
        if summary.is_empty() { Err(NoSummary::CollectorGone) } else { Ok(summary) }
    }
}
