//! `heaptrace`: a heap profiler for unmodified native Linux programs.

use std::io;
use std::process::ExitCode;

use clap::Parser;

mod collect;
mod library;
mod messages;
mod report;
mod run;

/// A heap profiler for unmodified native Linux programs
#[derive(Debug, clap::Parser)]
#[command(version)]
enum Cli {
    Run(run::Args),
    Report(report::Args),
    Lib(library::Args),
    /// What the library starts when there is no `heaptrace run`
    #[command(hide = true)]
    Collect,
}

/// Before Rust's runtime has SIGPIPE ignored.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = run::keep_sigpipe;

fn main() -> ExitCode {
    let result = match Cli::parse() {
        Cli::Run(args) => return run::run(args),
        Cli::Report(args) => report::run(args),
        Cli::Lib(args) => library::run(&args),
        Cli::Collect => collect::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("heaptrace: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the reader of our output, such as `head`, has had enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
