//! The views by the commands that ask for them, of the command line and of the prompt.

use std::path::PathBuf;

use heaptrace_pprof::encode;

use crate::ask::source_files;
use crate::pattern::Pattern;
use crate::render::callgrind;
use crate::render::dot;
use crate::render::flame;
use crate::render::json;
use crate::render::output::Output;
use crate::render::picture::{self, Format};
use crate::render::raw;
use crate::render::text;
use crate::say::say;
use crate::view::basis::View;
use crate::view::call_graph::CallGraph;
use crate::view::flame::Flame;
use crate::view::instructions::Instructions;
use crate::view::list::List;
use crate::view::pack::pack;
use crate::view::tags::Tags;
use crate::view::top::Top;
use crate::view::traces::{Folded, Traces};
use crate::view::tree::Tree;

/// A view and what it needs to know beside the options.
#[derive(Clone, Debug)]
pub enum Command {
    /// The top table.
    Top,
    /// The top table as JSON.
    Json,
    /// Callers and callees of the largest functions.
    Tree,
    /// Callers and callees of these functions.
    Peek(Pattern),
    /// Source of these functions.
    List(Pattern),
    /// Each sample with its stack.
    Traces,
    /// Labels.
    Tags,
    /// Lines for flame graph tools.
    Folded,
    /// The call graph for graphviz.
    Dot,
    /// The call graph, drawn.
    Picture(Format),
    /// The call graph, drawn and shown in a browser.
    Web,
    /// The profile as text.
    Raw,
    /// The profile as a file of `profile.proto`.
    Proto,
    /// The call graph for KCachegrind.
    Callgrind,
    /// A flame graph, written to this file.
    Flamegraph(PathBuf),
}

impl Command {
    /// Computes the view and writes it to `out`; says which filters matched nothing.
    pub fn run(&self, view: &View, out: &mut Output) -> anyhow::Result<()> {
        for filter in &view.selection.unmatched {
            say(format_args!("{filter} matches nothing in this profile"));
        }
        let width = out.width();
        let read = |file: &str| source_files::read(&view.options.paths, file);
        match self {
            Command::Top => text::top(&mut out.text(), &Top::new(view), width)?,
            Command::Json => json::top(&mut out.text(), &Top::new(view))?,
            Command::Tree => text::tree(&mut out.text(), &Tree::new(view))?,
            Command::Peek(regex) => text::tree(&mut out.text(), &Tree::peek(view, regex)?)?,
            Command::List(regex) => text::list(&mut out.text(), &List::new(view, regex, read)?)?,
            Command::Traces => text::traces(&mut out.text(), &Traces::new(view))?,
            Command::Tags => text::tags(&mut out.text(), &Tags::new(view))?,
            Command::Folded => text::folded(&mut out.text(), &Folded::new(view))?,
            Command::Raw => raw::write(&mut out.text(), &pack(view))?,
            Command::Dot => dot::write(&mut out.text(), &CallGraph::new(view))?,
            Command::Picture(format) => {
                let picture = picture::draw(&CallGraph::new(view), *format)?;
                out.data(format.name(), |out| Ok(out.write_all(&picture)?))?;
            }
            Command::Web => picture::show(&CallGraph::new(view))?,
            Command::Proto => out.data("pb.gz", |out| Ok(out.write_all(&encode(&pack(view)))?))?,
            Command::Callgrind => {
                out.data("callgrind", |out| Ok(callgrind::write(out, &Instructions::new(view))?))?
            }
            Command::Flamegraph(path) => {
                let flame = Flame::new(view)?;
                Output::to_file(path, |file| file.data("svg", |out| Ok(flame::write(out, &flame)?)))?;
            }
        }
        Ok(())
    }
}
