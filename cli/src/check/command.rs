//! `heaptrace check` from its arguments to its exit status.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use heaptrace_report::Output;
use heaptrace_report::cost::Cost;
use heaptrace_report::say::{self, say};

use super::args::{Args, Format};
use super::budgets::Budgets;
use super::judge::judge;
use super::recording::{Room, Run};
use super::render::{github, json, junit, markdown, text};
use super::verdict::{Outcome, Verdict};
use super::{self_test, update};
use crate::messages::{budgets, verdict as words};
use crate::run::FAILED;

/// What a program costs more than it may.
const OVER: u8 = 3;
/// Nobody knows whether it does.
const UNDECIDED: u8 = 4;

/// `heaptrace check`.
pub fn run(args: &Args) -> u8 {
    check(args).unwrap_or_else(|error| {
        say(format_args!("{error:#}"));
        FAILED
    })
}

fn check(args: &Args) -> Result<u8> {
    // What is wrong with the budgets is told before a long run.
    let budgets = match args.budgets.exists() {
        true => Some(Budgets::read(&args.budgets)?),
        false if args.update => None,
        false => bail!(budgets::no_file(&args.budgets)),
    };
    let room = Room::new()?;
    let named = args.baseline.clone().or_else(|| budgets.as_ref()?.baseline.clone());
    let baseline = match &args.vs {
        Some(program) => Some(room.run_apart(args, program)?),
        None => named.clone().map(|file| vec![file]),
    };
    let files = match args.command.is_empty() {
        true => args.files.clone(),
        false => match room.run(args)? {
            Run::Profiles(files) => files,
            Run::NotStarted(status) => return Ok(status),
            Run::Failed(status) => {
                say(words::program_failed(status));
                return Ok(status);
            }
        },
    };
    let cost = Cost::read(&files)?;
    let never_allocates = !args.command.is_empty() && cost.is_exact();
    ensure!(!cost.is_empty() || !cost.is_exact() || never_allocates, budgets::NOTHING_MEASURED);
    let Some(budgets) = budgets.filter(|_| !args.update) else {
        update::update(&args.budgets, &cost, named.as_deref(), args.headroom)?;
        return Ok(0);
    };
    let baseline = baseline.map(|files| Cost::read(&files).context(budgets::BAD_BASELINE)).transpose()?;
    if args.self_test {
        return self_test::run(&budgets, &cost, &files, baseline.as_ref(), &room);
    }
    let verdict = judge(&budgets, &cost, baseline.as_ref())?;
    show(args, &verdict)?;
    Ok(match verdict.outcome() {
        Outcome::Within => 0,
        Outcome::Over => OVER,
        Outcome::Undecided => UNDECIDED,
    })
}

/// Writes the verdict where it is to go. A program's standard output is its own.
fn show(args: &Args, verdict: &Verdict) -> Result<()> {
    let text = written(args.format, verdict);
    match &args.output {
        Some(path) => {
            write_file(path, &text)?;
            say(words::verdict(verdict));
        }
        None if args.command.is_empty() => {
            let mut out = Output::stdout();
            out.text().write_all(text.as_bytes())?;
            out.flush()?;
        }
        None if args.format == Format::Text => {
            say::begin_line();
            text::lines(verdict).iter().for_each(say);
        }
        // That nobody can read it is no reason for another outcome.
        None => io::stderr().write_all(text.as_bytes()).unwrap_or_default(),
    }
    Ok(())
}

fn write_file(path: &PathBuf, text: &str) -> Result<()> {
    Output::to_file(Path::new(path), |out| Ok(out.text().write_all(text.as_bytes())?))
}

fn written(format: Format, verdict: &Verdict) -> String {
    match format {
        Format::Text => text::lines(verdict).join("\n") + "\n",
        Format::Json => json::text(verdict),
        Format::Junit => junit::text(verdict),
        Format::Markdown => markdown::text(verdict),
        Format::Github => github::text(verdict),
    }
}
