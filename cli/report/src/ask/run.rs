//! `heaptrace report` from its arguments to what it writes.

use crate::ask::args::Args;
use crate::ask::command::Command;
use crate::ask::prompt;
use crate::profile::{load, prune};
use crate::render::output::Output;
use crate::render::text;
use crate::view::basis::View;
use crate::view::header::Header;

/// Runs `heaptrace report`.
pub fn run(args: &Args) -> anyhow::Result<()> {
    show(args, &mut Output::stdout())
}

/// Writes what is asked for to `out`.
pub fn show(args: &Args, out: &mut Output) -> anyhow::Result<()> {
    let command = args.command()?;
    let options = args.options()?;
    let mut profile = load::load(&args.files, args.subtracted()?.as_ref())?;
    prune::prune(&mut profile);
    if args.interactive {
        prompt::run(&profile, options, out)?;
    } else {
        let view = View::new(&profile, &options)?;
        if let Command::Top = command {
            text::header(&mut out.text(), &Header::new(&view))?;
        }
        command.run(&view, out)?;
    }
    out.flush()
}
