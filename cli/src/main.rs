//! `heaptrace`: a heap profiler for unmodified native Linux programs.

use std::io;
use std::process::ExitCode;

use clap::Parser;

mod report;

/// A heap profiler for unmodified native Linux programs
#[derive(Debug, clap::Parser)]
#[command(version)]
enum Cli {
    Report(report::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse() {
        Cli::Report(args) => report::run(args),
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
