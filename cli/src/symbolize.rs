//! `heaptrace symbolize`: names for a profile that was written without them.

use std::path::PathBuf;

use anyhow::{Context, Result};
use heaptrace_collector::symbolize::{Options, Symbolizer};
use heaptrace_collector::{Filled, add_names};
use heaptrace_pprof::Source;
use heaptrace_report::say::say;

use crate::{messages, progress};

/// Fill in the names that a profile lacks, on any machine that has the programs or their debug files
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The profile
    #[arg(value_name = "PROFILE")]
    input: PathBuf,
    /// Where to write the profile with names
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Search DIR for programs, libraries and debug files: by build id, by path, by name; can be given
    /// several times
    #[arg(long, value_name = "DIR")]
    debug_dir: Vec<PathBuf>,
    /// Neither use nor keep names that were found in debug information
    #[arg(long)]
    no_cache: bool,
}

/// Runs the command.
///
/// # Errors
/// If the profile cannot be read, or the one with names not be written.
pub fn run(args: &Args) -> Result<()> {
    let source = Source::read(&args.input)?;
    let mut profile = source.tables.clone();
    source.each_sample(|sample| {
        profile.sample.push(sample.clone());
        Ok(())
    })?;
    let symbolizer = Symbolizer::new(&Options {
        debug_folders: args.debug_dir.clone(),
        kept: Options::kept_folder().filter(|_| !args.no_cache),
        ..Options::default()
    });
    let fill = || add_names(&mut profile, &symbolizer);
    let Filled { named, unnamed, modules } = progress::shown_during(&symbolizer, fill);
    heaptrace_pprof::write_file(&args.output, &profile)
        .with_context(|| format!("cannot write {}", args.output.display()))?;
    symbolizer.complaints().iter().map(messages::names::complaint).for_each(say);
    modules.iter().filter_map(messages::names::sought).for_each(say);
    let left = if unnamed > 0 { format!(", {unnamed} still have none") } else { String::new() };
    say(format_args!("{}: {named} addresses got a name{left}", args.output.display()));
    symbolizer.keep();
    Ok(())
}
