//! `heaptrace`: a heap profiler for unmodified native Linux programs.
//!
//! The C library calls `main`, and not Rust's runtime. That looks for the end of the stack in /proc/self/maps, and gives
//! each thread a second one, to say on it that its own is full: a tenth of a millisecond before each program that is
//! started, for a sentence beside the signal.

#![cfg_attr(not(test), no_main)]

use std::ffi::{OsString, c_char, c_int};
use std::{env, io, panic, process};

use clap::{CommandFactory, Parser};
use heaptrace::{check, collect, library, live, pages, run, stat, symbolize};
use heaptrace_collector::symbolize::panics_are_contained;
use heaptrace_report as report;
use heaptrace_report::say::say;

/// A heap profiler for unmodified native Linux programs
#[derive(Debug, clap::Parser)]
#[command(version)]
enum Cli {
    #[command(flatten)]
    First(First),
    Stat(stat::Args),
    Report(Box<report::Args>),
    Check(Box<check::Args>),
    Symbolize(symbolize::Args),
    Top(live::TopArgs),
    Ps(live::PsArgs),
    Snapshot(live::SnapshotArgs),
    Mark(live::MarkArgs),
    Rate(live::RateArgs),
    Lib(library::Args),
    #[command(hide = true)]
    Waste(check::Waste),
    #[command(hide = true)]
    Pages(pages::Args),
}

/// What another program waits for, and so is looked for first: to know all other commands takes half a millisecond.
#[derive(Debug, clap::Parser)]
#[command(version)]
enum First {
    Run(Box<run::Args>),
    /// What the library starts when there is no `heaptrace run`
    #[command(hide = true)]
    Collect,
}

/// Before anything changes what the program is to inherit.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = run::keep_inherited;

/// What the C library calls.
#[cfg_attr(not(test), unsafe(export_name = "main"))]
#[cfg_attr(test, expect(dead_code, reason = "the tests have a main of their own"))]
extern "C" fn start(_: c_int, _: *const *const c_char) -> c_int {
    /// What Rust's programs exit with that panic.
    const PANICKED: u8 = 101;
    panic::set_hook(Box::new(tell_fault));
    let status = panic::catch_unwind(command).unwrap_or(PANICKED);
    process::exit(status.into()) // writes what is still to be written
}

/// Does what the command line says, and answers what to exit with.
fn command() -> u8 {
    let arguments = arguments();
    let first = First::try_parse_from(&arguments).map(Cli::First);
    let cli = match first.or_else(|_| Cli::try_parse_from(&arguments)) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let result = match cli {
        Cli::First(First::Run(args)) => return run::run(&args),
        Cli::First(First::Collect) => collect::run(),
        Cli::Stat(args) => return stat::run(args),
        Cli::Check(args) => return check::run(&args),
        Cli::Report(args) => report::run(&args),
        Cli::Symbolize(args) => symbolize::run(&args),
        Cli::Top(args) => live::top(&args),
        Cli::Ps(args) => live::ps(&args),
        Cli::Snapshot(args) => live::snapshot(&args),
        Cli::Mark(args) => live::mark(&args),
        Cli::Rate(args) => live::rate(&args),
        Cli::Lib(args) => library::run(&args),
        Cli::Waste(waste) => waste.run(),
        Cli::Pages(args) => pages::run(&Cli::command(), &args),
    };
    match result {
        Ok(()) => 0,
        Err(error) if is_broken_pipe(&error) => 0,
        Err(error) => {
            say(format_args!("{error:#}"));
            1
        }
    }
}

/// The command line. That of `report` may be spelled as pprof's is.
fn arguments() -> Vec<OsString> {
    let mut arguments = env::args_os();
    let command: Vec<_> = arguments.by_ref().take(2).collect();
    match command.get(1).is_some_and(|command| command == "report") {
        true => command.into_iter().chain(report::two_dashes(arguments)).collect(),
        false => command.into_iter().chain(arguments).collect(),
    }
}

/// Tells of a fault of ours in one line, unless all that it costs is a name, which is told at the end.
fn tell_fault(fault: &panic::PanicHookInfo<'_>) {
    if !panics_are_contained() {
        let text = fault.to_string().replace('\n', " ");
        say(format_args!("this is a fault of heaptrace's, please report it: {text}"));
    }
}

/// Says what is wrong with the arguments in one line; help and version are no errors.
fn refuse(error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        // A reader that leaves early, such as `head`, is no error.
        let _ = error.print();
        return 0;
    }
    let text = error.to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = paragraph.trim_start_matches("error: ").split_whitespace().collect();
    say(format_args!("{} (see heaptrace --help)", words.join(" ")));
    let command = std::env::args_os().nth(1);
    let has_own_failures =
        command.is_some_and(|command| command == "run" || command == "stat" || command == "check");
    if has_own_failures { run::FAILED } else { 2 }
}

/// Whether the reader of our output, such as `head`, has had enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
