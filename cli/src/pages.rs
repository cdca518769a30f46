//! `heaptrace pages`: man pages and shell completions, made from the arguments, for whoever packages heaptrace.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;

/// Write man pages and shell completions
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that has, or gets, a `share`
    #[arg(value_name = "PREFIX")]
    prefix: PathBuf,
}

/// Where each shell looks for what it completes, below a prefix.
const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "share/bash-completion/completions"),
    (Shell::Zsh, "share/zsh/site-functions"),
    (Shell::Fish, "share/fish/vendor_completions.d"),
];

/// Writes those of `command` that are meant for users.
///
/// # Errors
/// If a file cannot be written.
pub fn run(command: &Command, args: &Args) -> Result<()> {
    let visible = command.get_subcommands().filter(|known| !known.is_hide_set()).cloned();
    let about = command.get_about().cloned().unwrap_or_default();
    let version = command.get_version().unwrap_or_default().to_owned();
    let mut command = Command::new("heaptrace").version(version).about(about).subcommands(visible);
    clap_mangen::generate_to(command.clone(), made(&args.prefix.join("share/man/man1"))?)?;
    for (shell, folder) in SHELLS {
        clap_complete::generate_to(shell, &mut command, "heaptrace", made(&args.prefix.join(folder))?)?;
    }
    // bash-completion loads what has the command's own name.
    let folder = args.prefix.join(SHELLS[0].1);
    fs::rename(folder.join("heaptrace.bash"), folder.join("heaptrace"))?;
    Ok(())
}

/// The folder, which is there then.
fn made(folder: &Path) -> Result<&Path> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
