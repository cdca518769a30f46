//! The collector's process: a session, apart from the program and from whoever started it.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context, Result};
use heaptrace_channel::config::{self, SOCKET_FOLDER, SessionAddress};
use heaptrace_collector::naming::Pattern;
use heaptrace_collector::news::news;
use heaptrace_collector::question::{Asker, questions};
use heaptrace_collector::request::{Config, Witness};
use heaptrace_collector::session;
use heaptrace_collector::stderr::Stderr;
use heaptrace_collector::summary::{Series, Written};
use heaptrace_collector::symbolize::{Options, Symbolizer};
use heaptrace_collector::{Bed, Program, Sockets};
use heaptrace_http::Address;
use heaptrace_push::{Label, Pushed, Pushing, Settings, Target};
use heaptrace_report::say;

use crate::control::{self, Report};
use crate::serve::{Endpoints, TOKEN};
use crate::starter::Starter;
use crate::{apart, interval, messages};

/// The listening socket that the library passes on.
const LISTENER: RawFd = 3;

/// `heaptrace collect`: what the library starts in manual mode.
pub fn run() -> Result<()> {
    apart::ignore_requests();
    let variable = env::var_os(config::SESSION).context("the library starts this, not you")?;
    let session = SessionAddress::parse(variable.as_bytes()).context("malformed session")?;
    let token = session.token.try_into().context("malformed session")?;
    // SAFETY: the library leaves this descriptor open for us, and nobody else here knows of it.
    let listener = unsafe { OwnedFd::from_raw_fd(LISTENER) };
    let sockets = Sockets::inherited(listener, OsStr::from_bytes(session.name), SOCKET_FOLDER.as_ref());
    let text = |name| env::var_os(name).filter(|value| !value.is_empty());
    let pattern = text(config::OUT).and_then(|text| Pattern::parse(&text).ok());
    let rate = text(config::RATE).and_then(|text| config::parse_rate_or_off(text.as_bytes()));
    let mode = text(config::SYMBOLIZE).and_then(|text| text.to_str()?.parse().ok());
    let kept = Options::kept_folder().filter(|_| text(config::NO_CACHE).is_none());
    let options = Options { mode: mode.unwrap_or_default(), kept, ..Options::default() };
    let pattern = pattern.unwrap_or_default().on_behalf_of(session.program);
    let program = running_program(session.program);
    let complaints = Stderr::of(session.program).map(|stderr| Complaints::begin(stderr, &pattern, &program));
    let complain = |line: String| {
        complaints.iter().for_each(|complaints| complaints.stderr.write(&say::line(&line)));
    };
    let interval = given(config::INTERVAL, interval::parse, complain);
    let address = given(config::HTTP, |text| Ok(text.parse::<Address>()?), complain);
    let secret = env::var(TOKEN).ok().filter(|token| !token.is_empty());
    let endpoints = Endpoints::listen_soon(address.as_ref(), secret).or_else(|why| {
        address.iter().for_each(|address| complain(messages::collect::cannot_serve(address, &why)));
        Endpoints::listen(None, None)
    })?;
    let push = push_settings(&program, complain);
    let bed = Bed::new()?;
    let (asker, questions) = questions(bed.waker().clone());
    let mut config = Config {
        sockets,
        token,
        pattern,
        file: None, // it is not known which files there will be
        rate: rate.unwrap_or(config::DEFAULT_RATE),
        program: Some(program),
        expected: Vec::new(), // it asks already
        symbolizer: Arc::new(Symbolizer::new(&options)),
        process_events: None, // nobody would hear of it
        children: true,
        named: 0, // nobody asks
        interval,
        bed,
        door: None,
        questions,
        news: None,
        witness: complaints.map(|complaints| Box::new(complaints) as Box<dyn Witness>),
    };
    let symbolizer = keep_names(&config);
    let complain_later = || {
        let stderr = Stderr::of(session.program);
        move |line: String| stderr.iter().for_each(|stderr| stderr.write(&say::line(&line)))
    };
    let complain = complain_later();
    let not_pushed = move |pushed: &Pushed| complain(messages::collect::cannot_push(pushed));
    let pushing = push.map(|push| start_pushing(push, &mut config, &asker, not_pushed)).transpose()?;
    let complain = complain_later();
    let not_served =
        move |address: &Address, why: &io::Error| complain(messages::collect::cannot_serve(address, why));
    let pushes = pushing.as_ref().map(Pushing::account);
    let (_serving, door) = endpoints.serve(asker, Arc::clone(&config.symbolizer), pushes, not_served)?;
    config.door = Some(door);
    let plans = config.plans();
    session::run(config, plans, None)?;
    symbolizer.keep();
    Ok(())
}

/// The value of a variable, if it is set. If it is not understood, that is said, and it is as if it were not.
fn given<T>(name: &str, parse: impl Fn(&str) -> Result<T>, complain: impl Fn(String)) -> Option<T> {
    let text = env::var_os(name).filter(|text| !text.is_empty())?;
    let parsed = parse(&text.to_string_lossy());
    parsed.map_err(|why| complain(messages::collect::bad_variable(name, &why))).ok()
}

/// What the environment says is to be sent where.
fn push_settings(program: &Program, complain: impl Fn(String) + Copy) -> Option<Settings> {
    let target = given(config::PUSH, |text| Ok(text.parse::<Target>()?), complain)?;
    let interval = given(config::PUSH_INTERVAL, interval::parse, complain);
    let labels = |text: &str| Ok(text.split(',').map(str::parse).collect::<Result<Vec<Label>, _>>()?);
    let labels = given(config::LABELS, labels, complain).unwrap_or_default();
    let name = program.name().to_string_lossy();
    let settings = Settings::new(target, interval, &labels, &name, |name| env::var(name).ok());
    settings.map_err(|why| complain(why.to_string())).ok()
}

/// Sends what is recorded in the session that `config` is for, until that is over.
fn start_pushing(
    push: Settings,
    config: &mut Config,
    asker: &Asker,
    complain: impl FnMut(&Pushed) + Send + 'static,
) -> io::Result<Pushing> {
    let (teller, news) = news();
    config.news = Some(teller);
    Pushing::start(push, asker.clone(), news, Arc::clone(&config.symbolizer), complain)
}

/// How a session is looked at while it goes on.
#[derive(Debug)]
pub struct Live {
    /// Where clients are served.
    pub endpoints: Endpoints,
    /// The way to the session.
    pub asker: Asker,
    /// What is sent where.
    pub push: Option<Settings>,
}

/// Says on the program's own standard error what nobody else will say: that there is no profile.
#[derive(Debug)]
struct Complaints {
    stderr: Stderr,
    /// It was said when the program started: at its end it may not be there to be told.
    said: bool,
}

impl Complaints {
    fn begin(stderr: Stderr, pattern: &Pattern, program: &Program) -> Complaints {
        let checked = pattern.check(program.name());
        if let Err((path, why)) = &checked {
            stderr.write(&say::line(messages::collect::cannot_write(path, why)));
        }
        Complaints { stderr, said: checked.is_err() }
    }
}

impl Witness for Complaints {
    fn not_written(&self, written: &Written) {
        if !self.said {
            self.stderr.write(&say::line(messages::collect::not_written(written)));
        }
    }

    fn no_snapshot(&self, series: &Series) {
        if let Some(line) = messages::collect::no_snapshot(series).filter(|_| !self.said) {
            self.stderr.write(&say::line(line));
        }
    }
}

/// What was read to look names up goes with the process: to free it bit by bit takes a millisecond.
fn keep_names(config: &Config) -> Arc<Symbolizer> {
    std::mem::forget(Arc::clone(&config.symbolizer));
    Arc::clone(&config.symbolizer)
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

/// Runs a session for a `heaptrace run` at the other end of `control`, which gets the summary when the
/// program has ended, or hears why there is no session.
pub fn serve(
    begin: impl FnOnce() -> io::Result<(Config, Program, Live)>,
    control: &UnixStream,
) -> io::Result<()> {
    let served = begin().and_then(|(config, program, live)| record(config, program, live, control));
    if let Err(error) = &served {
        control::send(control, &Report::Failed(error.to_string())).ok();
    }
    served
}

fn record(mut config: Config, program: Program, live: Live, control: &UnixStream) -> io::Result<()> {
    let plans = config.plans(); // first of all, as the program is about to ask
    let symbolizer = keep_names(&config);
    let Live { endpoints, asker, push } = live;
    let has_ended = Arc::new(AtomicBool::new(false));
    let complain = complain_meanwhile(&has_ended);
    let pushing = push.map(|push| start_pushing(push, &mut config, &asker, complain)).transpose()?;
    let account = pushing.as_ref().map(Pushing::account);
    let names = Arc::clone(&config.symbolizer);
    let ours = |_: &Address, _: &io::Error| {}; // it was there at once
    let (_serving, door) = endpoints.serve(asker, Arc::clone(&names), account.clone(), ours)?;
    config.door = Some(door);
    let push = account.zip(config.news.clone());
    let starter = Starter::new(control.try_clone()?, program, names, push, has_ended);
    session::run(config, plans, Some(Box::new(starter)))?;
    symbolizer.keep(); // nobody waits any more
    Ok(())
}

/// Says that a profile could not be sent on the standard error of `heaptrace run`, which started this
/// process, while its program goes on: at the end it says that itself.
fn complain_meanwhile(has_ended: &Arc<AtomicBool>) -> impl FnMut(&Pushed) + Send + 'static {
    let (has_ended, stderr) = (Arc::clone(has_ended), Stderr::of(parent_id()));
    move |pushed: &Pushed| {
        let stderr = stderr.iter().filter(|_| !has_ended.load(Relaxed));
        stderr.for_each(|stderr| stderr.write(&say::line(messages::collect::cannot_push(pushed))));
    }
}
