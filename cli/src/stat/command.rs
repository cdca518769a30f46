//! `heaptrace stat`: the runs, and what is said of them.

use std::ffi::OsString;
use std::io::Write;

use anyhow::{Context, Result};
use heaptrace_report::Output;
use heaptrace_report::say::{self, say};

use super::args::Args;
use super::comparison::{MetricPair, Verdict, compare};
use super::launch::{self, Run};
use super::metric::values;
use super::runs::{Runs, totals};
use super::stdin::Stdin;
use super::{bench, json, markdown, stacks, text};
use crate::messages::stat as words;
use crate::run::{self, NotStarted, Signals};

/// `heaptrace stat`.
pub fn run(args: Args) -> u8 {
    match stat(&args) {
        Ok(status) => status,
        Err(error) => {
            say(format_args!("{error:#}"));
            NotStarted::status(&error)
        }
    }
}

/// A program with its runs so far.
struct Measured<'a> {
    command: &'a [OsString],
    runs: Runs,
    /// Who was not counted in the last run.
    not_counted: Vec<String>,
    /// The first status that is not 0.
    status: u8,
}

impl Measured<'_> {
    fn new(command: &[OsString], per: Option<u64>) -> Measured<'_> {
        let words = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let runs = Runs { command: words, per, values: Vec::new(), last: Default::default() };
        Measured { command, runs, not_counted: Vec::new(), status: 0 }
    }

    fn add(&mut self, run: Run) {
        let Run { status, usage, counted, obstacle } = run;
        self.runs.values.push(values(&totals(&counted), &usage));
        let name = self.runs.command.first().map_or("", String::as_str);
        self.not_counted = words::not_counted(&counted, name, obstacle.as_ref(), run::obstacle);
        self.runs.last = counted;
        self.status = if self.status == 0 { status } else { self.status };
    }
}

fn stat(args: &Args) -> Result<u8> {
    let before = args.baseline.as_deref().map(json::read).transpose()?;
    let mut programs: Vec<_> = [&args.vs, &args.command]
        .into_iter()
        .filter(|command| !command.is_empty())
        .map(|command| Measured::new(command, args.per))
        .collect();
    let several = programs.len() > 1 || args.runs() + args.warmup > 1;
    let mut stdin = Stdin::new(several).context("cannot read standard input")?;
    let signals = Signals::block();
    if !run_all(args, &mut programs, &mut stdin, &signals)? {
        return Ok(programs.iter().map(|program| program.status).find(|&status| status != 0).unwrap_or(0));
    }
    let after = programs.pop().context("there is a program")?;
    let (before, vs) = match programs.pop() {
        Some(vs) => (Some(vs.runs), Some(vs.command)),
        None => (before, None),
    };
    let rows = before.as_ref().map(|before| compare(before, &after.runs)).unwrap_or_default();
    if let Some(path) = &args.json {
        json::write(path, &after.runs, &rows)?;
    }
    let mut lines = shown(args, before.as_ref(), &after.runs, &rows);
    lines.extend(after.not_counted.iter().cloned());
    signals.restore(); // from here on it is us who is asked to end
    if !args.no_stacks {
        lines.extend(stacks::name(vs, after.command, &rows, &mut stdin));
    }
    write(args, &lines)?;
    Ok(after.status)
}

/// Runs all programs in turn, as often as is wanted. False if somebody has interrupted it.
fn run_all(args: &Args, programs: &mut [Measured], stdin: &mut Stdin, signals: &Signals) -> Result<bool> {
    for round in 0..args.warmup + args.runs() {
        // Who comes second finds caches as the first one left them: they take turns.
        let count = programs.len();
        for position in 0..count {
            let index = if round % 2 == 0 { position } else { count - 1 - position };
            let program = &mut programs[index];
            stdin.rewind().context("cannot go back in standard input")?;
            let run = launch::run(program.command, args.children, signals)?;
            if round >= args.warmup {
                program.add(run);
            }
            if signals.interrupted() && round + 1 < args.warmup + args.runs() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn shown(args: &Args, before: Option<&Runs>, after: &Runs, rows: &[MetricPair]) -> Vec<String> {
    match before {
        None if args.bench => bench::lines(&[("after", after)]),
        None if args.markdown => markdown::runs(after),
        None => text::runs(after),
        Some(before) if args.bench => bench::lines(&[("before", before), ("after", after)]),
        Some(_) if args.markdown => markdown::comparison(rows, after),
        Some(before) => {
            let mut lines = text::comparison(rows, before, after);
            let differences = rows.iter().filter(|row| row.verdict.is_difference()).count();
            let is_exact = |row: &&MetricPair| matches!(row.verdict, Verdict::Same | Verdict::Changed);
            let exact = rows.iter().filter(is_exact).count();
            let runs = (before.values.len(), after.values.len());
            lines.push(words::comparison(differences, exact, runs));
            lines
        }
    }
}

/// Writes to the file that is wanted, or says it. What other programs read has no name in front.
fn write(args: &Args, lines: &[String]) -> Result<()> {
    let plain = |out: &mut dyn Write| -> Result<()> {
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        Ok(())
    };
    match &args.output {
        Some(path) => Output::to_file(path, |out| plain(&mut *out.text())),
        None => {
            say::begin_line();
            if args.bench || args.markdown {
                plain(&mut std::io::stderr().lock())?;
            } else {
                lines.iter().for_each(say);
            }
            Ok(())
        }
    }
}
