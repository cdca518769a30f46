//! What `heaptrace report` is asked for on the command line.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::Args as _;
use heaptrace_http::{Address, BadAddress};

use crate::ask::command::Command;
use crate::ask::config::Configs;
use crate::ask::option_args::OptionArgs;
use crate::ask::view_args::ViewArgs;
use crate::profile::part::Base;
use crate::profile::place;
use crate::view::basis::Options;

/// Show what is in a profile: by default what it is, the lines of the program's own code, and the
/// functions that hold most
///
/// Reads any pprof profile, whoever wrote it. Several are added up.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Profiles to read: files, URLs, - for standard input
    #[arg(required = true, value_name = "PROFILE")]
    profiles: Vec<PathBuf>,

    #[command(flatten)]
    options: OptionArgs,

    /// Subtract an older profile; given several times, all of them
    #[arg(long, value_name = "OLD")]
    base: Vec<PathBuf>,

    /// The same, with percentages of the older total
    #[arg(long, alias = "diff_base", value_name = "OLD", conflicts_with = "base")]
    diff_base: Vec<PathBuf>,

    /// Scale the profile to the total of the older one before subtracting that
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    normalize: Option<bool>,

    /// From URLs, ask for what comes in this many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,

    /// Add a comment to the profile
    #[arg(long, alias = "add_comment", value_name = "TEXT")]
    pub add_comment: Option<String>,

    /// pprof's: where to look up names
    #[arg(long, hide = true)]
    symbolize: Option<String>,

    /// Write to this file: whole, or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Take the options that were saved under this name, at the prompt with config save NAME
    #[arg(long, value_name = "NAME")]
    config: Option<String>,

    /// Read commands from a prompt, or from a pipe
    #[arg(short, long)]
    pub interactive: bool,

    /// Serve the viewer for browsers at this address: HOST:PORT, or :PORT for this machine only
    #[arg(long, value_name = "ADDR", value_parser = address, conflicts_with_all = ["view", "interactive", "output"])]
    pub http: Option<Address>,

    /// With --http, do not open a browser
    #[arg(long, alias = "no_browser")]
    pub no_browser: bool,

    #[command(flatten)]
    view: ViewArgs,
}

impl Args {
    /// The view asked for.
    pub fn command(&self) -> anyhow::Result<Command> {
        self.view.command()
    }

    /// The options, whatever the view.
    pub fn options(&self) -> anyhow::Result<Options> {
        let mut options = Options::default();
        if let Some(name) = &self.config {
            Configs::read()?.apply(name, &mut options)?;
        }
        self.options.set(&mut options)?;
        Ok(options)
    }

    /// The file to write, if there is one.
    pub fn output(&self) -> Option<PathBuf> {
        self.output.clone().or_else(|| self.view.file())
    }

    /// The profiles. As for pprof, the program that they are of may precede them.
    pub fn files(&self) -> Vec<PathBuf> {
        let files = match &self.profiles[..] {
            [program, profiles @ ..] if !profiles.is_empty() && is_program(program) => profiles,
            files => files,
        };
        match self.seconds {
            None => files.to_vec(),
            Some(seconds) => files.iter().map(|file| place::of_seconds(file, seconds)).collect(),
        }
    }

    /// Whether names should be looked up, which is another command's.
    pub fn wants_names(&self) -> bool {
        self.symbolize.as_ref().is_some_and(|how| how != "none")
    }

    /// What to subtract.
    pub fn subtracted(&self) -> anyhow::Result<Option<Base>> {
        let files = [&*self.base, &*self.diff_base].concat();
        let normalize = self.normalize.unwrap_or(false);
        ensure!(!files.is_empty() || !normalize, "--normalize needs --base or --diff-base");
        let diff = !self.diff_base.is_empty();
        Ok((!files.is_empty()).then_some(Base { files, diff, normalize }))
    }
}

fn is_program(path: &Path) -> bool {
    let start = || {
        let mut start = [0; 4];
        File::open(path)?.read_exact(&mut start).map(|()| start)
    };
    // Reading from what is no regular file would take its bytes from whoever reads it next.
    path.is_file() && start().is_ok_and(|start| start == *b"\x7fELF")
}

/// The address of a server; as in pprof, without its port it is at any.
fn address(text: &str) -> Result<Address, String> {
    let port = if text.ends_with(':') { "0" } else { "" };
    format!("{text}{port}").parse().map_err(|error: BadAddress| error.to_string())
}

/// Options of pprof that have no place here, so that an error names them.
const OTHERS: [&str; 12] = [
    "topproto",
    "kcachegrind",
    "eog",
    "evince",
    "gv",
    "buildid",
    "timeout",
    "tools",
    "total_delay",
    "contentions",
    "mean_delay",
    "tls_ca",
];

/// The arguments of a command line, with two dashes before the names of options that have one, as in
/// pprof.
pub fn two_dashes(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let command = Args::augment_args(clap::Command::new("report"));
    let is_option = |name: &str| {
        command.get_arguments().any(|argument| {
            argument.get_long() == Some(name)
                || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
        })
    };
    let with_two = |argument: OsString| {
        let name = argument.to_str().and_then(|text| text.strip_prefix('-'));
        let name = name.and_then(|text| text.split('=').next()).filter(|name| name.len() > 1);
        match name.is_some_and(|name| is_option(name) || OTHERS.contains(&name)) {
            true => [OsString::from("-"), argument].into_iter().collect(),
            false => argument,
        }
    };
    arguments.map(with_two).collect()
}
