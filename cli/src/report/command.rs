//! The views by the commands that ask for them, of the command line and of the prompt.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use regex::Regex;

use super::list::List;
use super::measure::Scale;
use super::tags::Tags;
use super::top::Top;
use super::traces::{Folded, Traces};
use super::tree::Tree;
use super::view::View;
use super::{dot, flame, json, text};

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
    Peek(Regex),
    /// Source of these functions.
    List(Regex),
    /// Each sample with its stack.
    Traces,
    /// Labels.
    Tags,
    /// Lines for flame graph tools.
    Folded,
    /// The call graph for graphviz.
    Dot,
    /// A flame graph, written to this file.
    Flamegraph(PathBuf),
}

impl Command {
    /// Computes the view and writes it to `out`, which is a terminal if it has a width.
    pub fn run(&self, view: &View, out: &mut dyn Write, width: Option<usize>) -> anyhow::Result<()> {
        match self {
            Command::Top => text::top(out, &Top::new(view), width)?,
            Command::Json => json::top(out, &Top::new(view))?,
            Command::Tree => text::tree(out, &Tree::new(view))?,
            Command::Peek(regex) => text::tree(out, &Tree::peek(view, regex)?)?,
            Command::List(regex) => text::list(out, &List::new(view, regex)?)?,
            Command::Traces => text::traces(out, &Traces::new(view))?,
            Command::Folded => text::folded(out, &Folded::new(view))?,
            Command::Dot => dot::write(out, view)?,
            Command::Tags => {
                let scale = Scale { from: view.sample_type().unit.clone(), to: view.options.unit.clone() };
                text::tags(out, &Tags::new(&view.selection, view.index), &scale)?;
            }
            Command::Flamegraph(path) => {
                let name = path.display();
                let file = File::create(path).with_context(|| format!("cannot write {name}"))?;
                let mut file = BufWriter::new(file);
                flame::write(&mut file, view)?;
                file.flush().with_context(|| format!("cannot write {name}"))?;
            }
        }
        Ok(())
    }
}
