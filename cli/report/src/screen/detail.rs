//! A function, in the views of `report`.

use ansi_to_tui::IntoText;
use ratatui::text::Text;

use crate::ask::source_files;
use crate::measure::Scale;
use crate::pattern::Pattern;
use crate::profile::tables::Profile;
use crate::render::{growth, listing, text};
use crate::screen::words;
use crate::view::basis::{Options, View};
use crate::view::filter::Filters;
use crate::view::growth::Growth;
use crate::view::list::List;
use crate::view::traces::Traces;
use crate::view::tree::{FunctionCalls, Tree};

/// Traces that are shown, the largest.
const TRACES: usize = 500;

/// A view of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// Who calls it, and whom it calls.
    Callers,
    /// Its source.
    Source,
    /// The call graph around it.
    Tree,
    /// The stacks that it is in.
    Traces,
    /// What of it grows, since the program started.
    Growth,
}

impl Face {
    /// All of them, with their names.
    pub const ALL: [(Face, &str); 5] = [
        (Face::Callers, "callers"),
        (Face::Source, "source"),
        (Face::Tree, "tree"),
        (Face::Traces, "traces"),
        (Face::Growth, "growth"),
    ];

    /// The one after it.
    pub fn next(self) -> Face {
        let at = Face::ALL.iter().position(|&(face, _)| face == self).unwrap_or(0);
        Face::ALL[(at + 1) % Face::ALL.len()].0
    }
}

/// Sample types that a function can be looked at by, with what they are called.
pub const INDEXES: [(&str, &str); 3] =
    [("inuse_space", "in use"), ("alloc_space", "allocated"), ("peak_space", "at the peak")];

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The function.
    pub function: String,
    /// The view.
    pub face: Face,
    /// Which of the [`INDEXES`].
    pub index: usize,
    /// The first line that is shown, or the row of the callers that is chosen.
    pub line: usize,
    /// The first column.
    pub column: usize,
    /// The functions that led here, the first one first.
    pub back: Vec<String>,
}

/// What is seen of it.
#[derive(Debug)]
pub enum Body {
    /// Rows that can be chosen.
    Calls(Vec<CallRow>),
    /// Lines.
    Text(Text<'static>),
    /// Why there is nothing.
    Nothing(String),
}

/// A row of callers and callees.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRow {
    /// What the row's function is to the one that is looked at.
    pub role: Role,
    /// The row's function.
    pub name: String,
    /// What goes through it.
    pub value: String,
    /// The share of all that goes through the function that is looked at.
    pub share: f64,
}

/// What a function is to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It calls it.
    Caller,
    /// It is the one.
    Itself,
    /// It is called by it.
    Callee,
}

impl Detail {
    /// A function, at first by who calls it.
    pub fn new(function: String, index: usize) -> Detail {
        Detail { function, face: Face::Callers, index, line: 0, column: 0, back: Vec::new() }
    }

    /// What a profile has of it, in lines of `width` columns.
    pub fn body(&self, profile: &Profile, width: usize) -> Body {
        let body = self.try_body(profile, width);
        body.unwrap_or_else(|error| Body::Nothing(format!("{error:#}")))
    }

    fn try_body(&self, profile: &Profile, width: usize) -> anyhow::Result<Body> {
        let pattern = format!("^{}$", Pattern::escaped(&self.function));
        let pattern = Pattern::of_option("function", &pattern)?;
        let all = Options { sample_index: INDEXES[self.index].0.to_owned(), ..Options::default() };
        let focus = Filters { focus: Some(pattern.clone()), ..Filters::default() };
        let focused = Options { filters: focus, ..all.clone() };
        let (whole, part) = (View::new(profile, &all)?, View::new(profile, &focused)?);
        if part.selection.samples(part.index).all(|(_, _, value)| value == 0) && self.face != Face::Source {
            return Ok(Body::Nothing(words::nothing_of(INDEXES[self.index].1)));
        }
        let width = Some(width);
        let written = match self.face {
            Face::Callers => {
                let tree = Tree::peek(&whole, &pattern)?;
                return Ok(Body::Calls(tree.entries.iter().flat_map(|e| calls(e, &tree.scale)).collect()));
            }
            Face::Source => {
                let list = List::new(&whole, &pattern, |file| source_files::read(&all.paths, file))?;
                lines(|out| listing::write(out, &list, width))
            }
            // The filter is what is looked at: to name it would say nothing.
            Face::Tree => {
                let mut tree = Tree::new(&part);
                tree.showing.filters.clear();
                lines(|out| text::tree(out, &tree, width))
            }
            Face::Traces => {
                let mut traces = Traces::new(&part);
                traces.traces.retain(|trace| trace.value != 0);
                traces.traces.sort_by_key(|trace| std::cmp::Reverse(trace.value.abs()));
                traces.traces.truncate(TRACES);
                lines(|out| text::traces(out, &traces, width))
            }
            Face::Growth => {
                let growth = Growth::new(&mut [part])?;
                lines(|out| growth::write(out, &growth, width))
            }
        };
        Ok(Body::Text(written?))
    }
}

impl Body {
    /// How many lines or rows it has.
    pub fn len(&self) -> usize {
        match self {
            Body::Calls(calls) => calls.len(),
            Body::Text(text) => text.lines.len(),
            Body::Nothing(_) => 0,
        }
    }
}

/// What is written for a terminal, as lines.
fn lines(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> anyhow::Result<Text<'static>> {
    let mut written = Vec::new();
    write(&mut written)?;
    // Source may have tabs, which a cell of the screen cannot hold.
    let written = String::from_utf8_lossy(&written).replace('\t', "    ");
    Ok(written.into_text()?)
}

fn calls(entry: &FunctionCalls, scale: &Scale) -> Vec<CallRow> {
    let share = |weight: i64| if entry.cum == 0 { 0.0 } else { weight as f64 / entry.cum as f64 };
    let row = |role: Role, name: &str, value: i64| CallRow {
        role,
        name: name.to_owned(),
        value: scale.label(value),
        share: share(value),
    };
    let callers = entry.callers.iter().map(|call| row(Role::Caller, &call.name, call.weight));
    let itself = row(Role::Itself, &entry.name, entry.cum);
    let callees = entry.callees.iter().map(|call| row(Role::Callee, &call.name, call.weight));
    callers.chain([itself]).chain(callees).collect()
}
