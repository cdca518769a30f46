//! `heaptrace snapshot`.

use std::io::Write;
use std::time::SystemTime;

use anyhow::{Context, Result};
use clap::builder::{OsStringValueParser, TypedValueParser};
use heaptrace_collector::naming::{Pattern, Subject};
use heaptrace_pprof::GzippedFile;
use heaptrace_report::say::say;

use super::session::LiveSession;
use crate::messages;
use crate::serve::SNAPSHOT;

/// Write a profile of a process that goes on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The process, as `heaptrace ps` lists it
    pid: u32,
    /// Profile to write: %n program name, %p process id, %h host, %t UTC time
    #[arg(short, long, value_name = "PATTERN", default_value = "heaptrace.%n.%p.%t.prof", value_parser = OsStringValueParser::new().try_map(|text| Pattern::parse(&text)))]
    output: Pattern,
    /// Only what came since this mark: allocated, and more in use
    #[arg(long, value_name = "MARK")]
    since: Option<String>,
    /// Up to this mark, and not to now
    #[arg(long, value_name = "MARK")]
    until: Option<String>,
}

/// `heaptrace snapshot`.
///
/// # Errors
/// If the process is not profiled, there is no such mark, or the profile cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let session = LiveSession::of(args.pid)?;
    let pid = args.pid.to_string();
    let marks = [("since", &args.since), ("until", &args.until)];
    let marks = marks.into_iter().filter_map(|(name, mark)| Some((name, mark.as_deref()?)));
    let query: Vec<_> = [("pid", pid.as_str())].into_iter().chain(marks).collect();
    let answer = session.ask(SNAPSHOT, &query)?;
    let process = session.processes.iter().find(|process| process.pid == args.pid);
    let name = process.map(|process| process.name.clone()).unwrap_or_default();
    let now = SystemTime::now();
    let path = args.output.path(&Subject { name: &name, pid: args.pid, started: now, is_program: true });
    let cannot = || messages::live::cannot_write_here(&path);
    let mut file = GzippedFile::create(&path).with_context(cannot)?;
    answer.in_pieces(|piece| file.write_all(piece).with_context(cannot))?;
    file.finish().with_context(cannot)?;
    say(messages::live::snapshot_written(&path, &name, args.pid));
    if path.is_file() {
        say(messages::summary::next(&path));
    }
    Ok(())
}
