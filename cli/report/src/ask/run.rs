//! `heaptrace report` from its arguments to what it writes.

use crate::ask::args::Args;
use crate::ask::command::Command;
use crate::ask::prompt;
use crate::profile::tables::Profile;
use crate::profile::{load, prune};
use crate::render::output::Output;
use crate::render::text;
use crate::view::basis::{Options, View};
use crate::view::graph::Sort;
use crate::view::header::Header;
use crate::view::top::Top;

/// Lines of own code on the first screen.
const OWN_LIMIT: usize = 10;

/// Runs `heaptrace report`.
pub fn run(args: &Args) -> anyhow::Result<()> {
    show(args, &mut Output::stdout())
}

/// Writes what is asked for to `out`, or to the file that is asked for.
pub fn show(args: &Args, out: &mut Output) -> anyhow::Result<()> {
    let command = args.command()?;
    let options = args.options()?;
    let mut profile = load::load(args.files(), args.subtracted()?.as_ref())?;
    prune::prune(&mut profile);
    if args.interactive {
        prompt::run(&profile, options, out)?;
        return out.flush();
    }
    match args.output() {
        Some(path) => Output::to_file(&path, |out| show_view(&command, &profile, &options, out)),
        None => show_view(&command, &profile, &options, out),
    }
}

fn show_view(
    command: &Command,
    profile: &Profile,
    options: &Options,
    out: &mut Output,
) -> anyhow::Result<()> {
    let view = View::new(profile, options)?;
    if let Command::Top = command {
        text::header(&mut out.text(), &Header::new(&view))?;
        first_screen(profile, options, out)?;
    }
    command.run(&view, out)?;
    out.flush()
}

/// Lines of the program's own code before the table of all functions, where there is other code too.
fn first_screen(profile: &Profile, options: &Options, out: &mut Output) -> anyhow::Result<()> {
    let own =
        Options { limit: Some(OWN_LIMIT), sort: Sort::Flat, granularity: None, ..options.of_own_code() };
    let view = View::new(profile, &own)?;
    if !options.filters.own && view.selection.has_foreign_frames() {
        let (top, width) = (Top::new(&view), out.width());
        if top.rows.iter().any(|row| row.flat != 0) {
            text::own(&mut out.text(), &top, width)?;
        }
    }
    Ok(())
}
