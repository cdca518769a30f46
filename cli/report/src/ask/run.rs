//! `heaptrace report` from its arguments to what it writes.

use anyhow::ensure;

use crate::ask::args::Args;
use crate::ask::command::Command;
use crate::ask::prompt;
use crate::ask::serve::{self, Served};
use crate::ask::viewer;
use crate::profile::tables::Profile;
use crate::profile::{load, prune};
use crate::render::html::Page;
use crate::render::output::Output;
use crate::render::text;
use crate::say::say;
use crate::view::basis::{Options, View};
use crate::view::growth::Growth;
use crate::view::header::{self, Hint};

/// Runs `heaptrace report`.
pub fn run(args: &Args) -> anyhow::Result<()> {
    show(args, &mut Output::stdout())
}

/// Writes what is asked for to `out`, or to the file that is asked for.
pub fn show(args: &Args, out: &mut Output) -> anyhow::Result<()> {
    let command = args.command()?;
    let options = args.options()?;
    if let Some(address) = &args.http {
        let served = Served { files: args.files(), base: args.subtracted()?, options };
        return serve::run(served, address, !args.no_browser);
    }
    if let Command::Growth | Command::GrowthJson = command {
        return show_growth(&command, args, &options, out);
    }
    let mut profile = load::load(&args.files(), args.subtracted()?.as_ref())?;
    prune::prune(&mut profile);
    profile.comments.extend(args.add_comment.clone());
    if args.wants_names() {
        say("names are those in the profile; heaptrace symbolize PROFILE -o NAMED looks others up");
    }
    if args.interactive {
        prompt::run(&profile, options, out)?;
        return out.flush();
    }
    let parts = match command {
        Command::Html => viewer::parts(&args.files(), args.subtracted()?.as_ref(), &options)?,
        _ => Vec::new(),
    };
    let write = |out: &mut Output| match parts.is_empty() {
        true => show_view(&command, &profile, &options, out),
        false => show_page(&profile, &parts, &options, out),
    };
    match args.output() {
        Some(path) => Output::to_file(&path, write),
        None => write(out),
    }
}

/// The page of several profiles, with all of them together first.
fn show_page(
    profile: &Profile,
    parts: &[(String, Vec<u8>)],
    options: &Options,
    out: &mut Output,
) -> anyhow::Result<()> {
    let page = Page::with(&viewer::pruned_bytes(profile, options, &viewer::Way::default())?, parts);
    out.data("html", |out| Ok(out.write_all(page.html.as_bytes())?))?;
    out.flush()
}

/// Growth is between profiles, which are not added up.
fn show_growth(command: &Command, args: &Args, options: &Options, out: &mut Output) -> anyhow::Result<()> {
    ensure!(args.subtracted()?.is_none(), "--growth takes no base: name all profiles, oldest first");
    ensure!(!args.interactive, "--growth is a command of the prompt, where it looks into one profile");
    let files = args.files();
    let profiles = files.iter().map(|file| {
        let mut profile = load::load(std::slice::from_ref(file), None)?;
        prune::prune(&mut profile);
        Ok(profile)
    });
    let profiles = profiles.collect::<anyhow::Result<Vec<Profile>>>()?;
    let views = profiles.iter().map(|profile| View::new(profile, options));
    let growth = Growth::new(&mut views.collect::<anyhow::Result<Vec<View>>>()?)?;
    let write = |out: &mut Output| {
        command.write_growth(&growth, out)?;
        out.flush()
    };
    match args.output() {
        Some(path) => Output::to_file(&path, write),
        None => write(out),
    }
}

fn show_view(
    command: &Command,
    profile: &Profile,
    options: &Options,
    out: &mut Output,
) -> anyhow::Result<()> {
    let profile = options.with_label_frames(profile);
    // The first screen says so itself.
    if !matches!(command, Command::Top | Command::Html) && header::lacks_names(&profile) {
        say(text::hint_text(&Hint::NoNames));
    }
    command.run(&View::new(&profile, options)?, out)?;
    out.flush()
}
