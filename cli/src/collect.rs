//! The collector's process: a session, apart from the program and from whoever started it.

use std::env;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result};
use crossbeam_channel::{Sender, bounded, unbounded};
use heaptrace_channel::config::{self, Session};
use heaptrace_collector::Program;
use heaptrace_collector::naming::{DEFAULT_PATTERN, Pattern};
use heaptrace_collector::session::{self, Config, Request};
use heaptrace_collector::symbolize::Options;

use crate::messages;

/// The listening socket that the library passes on.
const LISTENER: RawFd = 3;

/// `heaptrace collect`: what the library starts in manual mode.
pub fn run() -> Result<()> {
    let variable = env::var_os(config::SESSION).context("the library starts this, not you")?;
    let session = Session::parse(variable.as_bytes()).context("malformed session")?;
    let token = session.token.try_into().context("malformed session")?;
    // SAFETY: the library leaves this descriptor open for us, and nobody else here knows of it.
    let listener = unsafe { OwnedFd::from_raw_fd(LISTENER) };
    let text = |name| env::var_os(name).filter(|value| !value.is_empty());
    let pattern = text(config::OUT).and_then(|text| Pattern::parse(text.to_str()?).ok());
    let rate = text(config::RATE).and_then(|text| config::parse_rate(text.as_bytes()));
    let mode = text(config::SYMBOLIZE).and_then(|text| text.to_str()?.parse().ok());
    let config = Config {
        listener,
        token,
        pattern: pattern.map_or_else(|| Pattern::parse(DEFAULT_PATTERN), Ok)?,
        rate: rate.unwrap_or(config::DEFAULT_RATE),
        program: Some(running_program(session.program)),
        symbolize: Options { mode: mode.unwrap_or_default(), ..Options::default() },
    };
    Ok(session::run(config, None)?)
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
/// started and when it has ended, and then gets the summary as text.
pub fn serve(config: Config, program: Program, control: UnixStream) -> io::Result<()> {
    let (sender, requests) = unbounded();
    thread::spawn(move || obey(&sender, program, control));
    session::run(config, Some(requests))
}

/// Messages to the collector: the program's pid in decimal and a newline, then, at its end, a dot.
fn obey(requests: &Sender<Request>, program: Program, mut control: UnixStream) -> Option<()> {
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
                control.write_all(messages::summary(&summary.recv().ok()?).as_bytes()).ok()?;
                return control.shutdown(Shutdown::Both).ok();
            }
            digit => line.push(digit),
        }
    }
    None
}

/// What a supervisor says.
pub mod supervisor {
    use super::*;

    /// The program was started under this process id.
    pub fn started(control: &mut UnixStream, pid: u32) {
        writeln!(control, "{pid}").ok();
    }

    /// The program has ended. Returns the summary; `None` if the collector is gone.
    pub fn ended(control: &mut UnixStream) -> Option<String> {
        control.write_all(b".").ok()?;
        let mut summary = String::new();
        control.read_to_string(&mut summary).ok()?;
        (!summary.is_empty()).then_some(summary)
    }
}
