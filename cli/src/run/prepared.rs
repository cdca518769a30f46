//! A run: all that can fail, then the program, then what is said of it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use heaptrace_channel::config::{self, RateText};
use heaptrace_collector::naming::Pattern;
use heaptrace_collector::question::questions;
use heaptrace_collector::request::Config;
use heaptrace_collector::summary::Summary;
use heaptrace_collector::symbolize::{Options, Symbolizer};
use heaptrace_collector::{Bed, Nameless, ProcessEvents, Program};
use heaptrace_push::{Pushed, Settings};
use heaptrace_report::say::{self, say};

use super::args::{Args, Children};
use super::collector::Collector;
use super::invitation::Invitation;
use super::no_summary::NoSummary;
use super::preflight::{self, Obstacle};
use super::program::{Command, NotStarted};
use super::signals::Signals;
use super::supervise::supervise;
use crate::collect::Live;
use crate::messages::unrecorded::Work;
use crate::progress::StatusLine;
use crate::serve::{Endpoints, TOKEN};
use crate::{library, messages};

/// `heaptrace run`.
pub fn run(args: &Args) -> u8 {
    record(args).map_or_else(
        |status| status,
        |recorded| {
            recorded.tell();
            recorded.status
        },
    )
}

/// A program that has run, and what became of its profiles.
#[expect(missing_debug_implementations, reason = "a set of signals has no text")]
pub struct Recorded {
    /// What it would have exited with under a shell.
    pub status: u8,
    /// The profiles.
    pub summary: Result<Summary, NoSummary>,
    lines: Vec<String>,
    signals: Signals,
}

impl Recorded {
    /// Says what is to be said at the end.
    pub fn tell(&self) {
        if !self.lines.is_empty() {
            say::begin_line();
        }
        self.lines.iter().for_each(say);
    }

    /// Lets signals reach this process again, which does more than to stand in for the program.
    pub fn go_on(&self) {
        self.signals.restore();
    }
}

/// Runs a program and records it. Where it could not be started, that is said, and this answers what to
/// exit with.
///
/// # Errors
/// See there.
pub fn record(args: &Args) -> Result<Recorded, u8> {
    let started = prepare(args).and_then(|prepared| prepared.go(args));
    started.map_err(|error| {
        say(format_args!("{error:#}"));
        NotStarted::status(&error)
    })
}

/// All that can fail is done before the program starts.
struct Prepared {
    command: Command,
    /// Why the program will not be recorded.
    obstacle: Option<Obstacle>,
    collector: Collector,
}

fn prepare(args: &Args) -> Result<Prepared> {
    let mut command = Command::find(&args.command)?;
    let file = check_output(&args.output, &command.path)?;
    let obstacle = preflight::obstacle(&command.path);
    let invitation = Invitation::put(&mut command, library::RECORDER, obstacle.as_ref(), args.children)?;
    command.set(config::RATE, RateText(args.rate).to_string().into());
    command.set(config::PATCH, if args.no_patch { "none" } else { "all" }.into());
    match args.seed {
        Some(seed) => command.set(config::SEED, seed.to_string().into()),
        None => command.unset(config::SEED),
    }
    let endpoints = endpoints(args, &mut command)?;
    let url = endpoints.url();
    let push = push(args, &mut command)?;
    let collector = start_collector(args, &command, file, obstacle.as_ref(), invitation, endpoints, push)?;
    if let Some(url) = url.filter(|_| !args.quiet) {
        say(messages::run::serving(&url));
    }
    Ok(Prepared { command, obstacle, collector })
}

/// Said before the program starts and not after its hours of work.
fn check_output(pattern: &Pattern, program: &Path) -> Result<Option<Nameless>> {
    let name = program.file_name().unwrap_or_default();
    pattern.check(name).map_err(|(path, why)| anyhow!(messages::collect::cannot_write(&path, &why)))
}

/// Listens for clients, who may have to know a token, which is not the program's to know.
fn endpoints(args: &Args, command: &mut Command) -> Result<Endpoints> {
    let token = command.get(TOKEN).map(|token| token.to_string_lossy().into_owned());
    command.unset(TOKEN);
    let token = token.filter(|token| !token.is_empty());
    let address = args.http.as_ref();
    Endpoints::listen(address, token)
        .with_context(|| address.map(messages::collect::cannot_listen).unwrap_or_default())
}

/// What is sent where, if it is to be. The token is not the program's to know.
fn push(args: &Args, command: &mut Command) -> Result<Option<Settings>> {
    let text = |name: &str| Some(command.get(name)?.to_string_lossy().into_owned());
    let program = command.path.file_name().unwrap_or_default().to_string_lossy();
    let settings = args
        .push
        .clone()
        .map(|target| Settings::new(target, args.push_interval, &args.label, &program, text))
        .transpose()?;
    command.unset(heaptrace_push::TOKEN);
    Ok(settings)
}

/// Starts the collector, which has nothing of the terminal, so that it outlives a Ctrl-C and goes on
/// for what the program leaves running.
fn start_collector(
    args: &Args,
    command: &Command,
    file: Option<Nameless>,
    obstacle: Option<&Obstacle>,
    invitation: Invitation,
    endpoints: Endpoints,
    push: Option<Settings>,
) -> Result<Collector> {
    let us = std::process::id();
    let events = ProcessEvents::listen(us);
    let heard = events.as_ref().map(ProcessEvents::descriptor);
    let own = heard.into_iter().chain(file.as_ref().map(Nameless::descriptor));
    let kept: Vec<_> = invitation.sockets.descriptors().chain(own).chain(endpoints.descriptors()).collect();
    let begin = || {
        let executable = fs::canonicalize(&command.path).unwrap_or_else(|_| command.path.clone());
        let asks = !args.no_patch && obstacle.is_none();
        let expected = if asks { vec![executable.clone(), invitation.library] } else { Vec::new() };
        let words = args.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let program = Program { pid: 0, executable, started_as: command.path.clone(), command: words };
        let options = Options {
            mode: args.symbolize,
            debug_folders: args.debug_dir.clone(),
            kept: Options::kept_folder().filter(|_| !args.no_cache),
            ..Options::default()
        };
        let bed = Bed::new()?;
        let (asker, questions) = questions(bed.waker().clone());
        let config = Config {
            sockets: invitation.sockets,
            token: invitation.token,
            pattern: args.output.clone().on_behalf_of(us),
            file,
            rate: args.rate,
            program: None,
            expected,
            symbolizer: Arc::new(Symbolizer::new(&options)),
            process_events: events,
            children: args.children == Children::All,
            named: args.named,
            interval: args.interval,
            bed,
            door: None, // nobody is there yet who would open it
            questions,
            news: None, // there are no threads yet that would follow them
            witness: None,
        };
        Ok((config, program, Live { endpoints, asker, push }))
    };
    Collector::start(kept.into_iter(), begin).context("cannot start the collector")
}

impl Prepared {
    fn go(mut self, args: &Args) -> Result<Recorded> {
        let signals = Signals::block();
        let started = self.command.start(&signals, |pid| self.collector.program_started(pid));
        let pid = started.with_context(|| format!("cannot start {}", self.command.path.display()))?;
        let end = supervise(&signals, pid, |pid, status| self.collector.note_end(pid, status));
        signals.interrupted(); // what ended the program is not meant for us
        let line = StatusLine::new(args.quiet);
        let ended = self.collector.summary(end.most_resident, |stage| {
            line.show(&messages::run::stage(stage));
            !signals.interrupted()
        });
        drop(line);
        let (summary, pushed) = match ended {
            Ok((summary, pushed)) => (Ok(summary), pushed),
            Err(why) => (Err(why), None),
        };
        let status = end.status;
        let lines = self.lines(&summary, pushed.as_ref(), args.quiet);
        Ok(Recorded { status, summary, lines, signals })
    }

    /// The summary, without the program as one that was missed if it is known why.
    fn without_known(&self, summary: &Summary) -> Summary {
        let mut summary = summary.clone();
        let program = summary.profiles.iter().find(|written| written.is_program).map(|program| program.pid);
        summary.missed.retain(|missed| self.obstacle.is_none() || Some(missed.pid) != program);
        summary
    }

    /// What is said at the end. Advice is left out where it is known what stands in the way.
    fn lines(
        &self,
        summary: &Result<Summary, NoSummary>,
        pushed: Option<&Pushed>,
        quiet: bool,
    ) -> Vec<String> {
        let is_wanted = |line| match line {
            messages::summary::Line::Important(text) => Some(text),
            messages::summary::Line::Plain(text) if !quiet => Some(text),
            messages::summary::Line::Advice(text) if !quiet && self.obstacle.is_none() => Some(text),
            messages::summary::Line::Plain(_) | messages::summary::Line::Advice(_) => None,
        };
        let mut lines = Vec::new();
        lines.extend(
            self.obstacle
                .as_ref()
                .map(|why| messages::unrecorded::obstacle(&self.command.path, why, Work::Profile)),
        );
        match summary {
            Ok(summary) => {
                let summary = self.without_known(summary);
                let told = messages::summary::lines(&summary, pushed, preflight::obstacle);
                lines.extend(told.into_iter().filter_map(is_wanted));
            }
            Err(why) => lines.push(messages::run::no_summary(why)),
        }
        lines
    }
}
