//! `heaptrace report`: reading profiles, ours and those of any other writer of `profile.proto`.
//!
//! ```text
//! load ─ prune ─┬─ filter ─ graph ─ top, tree, list, traces, tags ─┬─ text
//!   │           │                                                  ├─ json
//! fields        └─ view: all of it, as the options say             └─ flame, dot, pack
//! ```
//!
//! A view is computed once, as a value; what writes it knows nothing of profiles.

pub use args::Args;
use command::Command;
use header::Header;
pub use measure::grouped;
pub use output::Output;
use view::View;

mod args;
mod callgrind;
mod command;
mod common;
mod dot;
mod filter;
mod flame;
mod flame_svg;
mod graph;
mod header;
mod history;
mod ids;
mod intern;
mod json;
mod list;
mod load;
mod measure;
mod merge;
mod node;
mod noise;
mod output;
mod pack;
mod part;
mod paths;
mod pattern;
mod picture;
mod profile;
mod prompt;
mod prune;
mod raw;
mod row;
mod setting;
mod shorten;
mod tags;
mod text;
mod top;
mod traces;
mod tree;
mod view;

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
        view.warn();
        if let Command::Top = command {
            text::header(&mut out.text(), &Header::new(&view))?;
        }
        command.run(&view, out)?;
    }
    out.flush()
}
