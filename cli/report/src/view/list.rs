//! Annotated source: what each line of a function costs.
//!
//! After pprof's `internal/report/source.go`, `printSource` and `getSourceFromFile`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;

use crate::measure::Scale;
use crate::pattern::Pattern;
use crate::view::basis::View;
use crate::view::graph::{self, Graph, Node};
use crate::view::node::{Granularity, Shape};

/// Lines shown around those with samples.
const MARGIN: i64 = 5;
/// Most lines of a function that are shown; line numbers come from a file that may say anything.
const LINES_LIMIT: i64 = 100_000;

/// Annotated source.
#[derive(Clone, Debug)]
pub struct List {
    /// How to write values.
    pub scale: Scale,
    /// What percentages are of.
    pub total: i64,
    /// The functions by name.
    pub routines: Vec<Routine>,
}

/// A function in one source file.
#[derive(Clone, Debug)]
pub struct Routine {
    /// Its name.
    pub name: String,
    /// Its source file; empty if unknown.
    pub file: String,
    /// The lines of the source file, if it was found.
    pub source_lines: Option<usize>,
    /// The sum over its lines.
    pub flat: i64,
    /// The sum over its lines.
    pub cum: i64,
    /// Its lines; only those with values if the source was not found.
    pub lines: Vec<SourceLine>,
}

/// A line of source.
#[derive(Clone, Debug)]
pub struct SourceLine {
    /// Its number, from 1; 0 for what has no line.
    pub number: i64,
    /// Its text; none if the source does not have it.
    pub text: Option<String>,
    /// Its own share.
    pub flat: i64,
    /// With what it calls.
    pub cum: i64,
}

impl List {
    /// The functions whose name matches `regex`, with what `read` knows of their source files. It is an
    /// error if there are none.
    pub fn new(view: &View, regex: &Pattern, read: impl Fn(&str) -> Option<String>) -> anyhow::Result<List> {
        let shape = Shape { granularity: Granularity::Lines, objects: true, ..view.shape() };
        let graph = Graph::new(&view.selection, view.index, &shape, None);
        let mut routines: BTreeMap<(&str, &str), Vec<&Node>> = BTreeMap::new();
        for node in graph.shown().filter(|node| regex.is_match(node.info.name)) {
            let key = (node.info.name, &*node.info.file);
            routines.entry(key).or_default().push(node);
        }
        ensure!(!routines.is_empty(), "no function matches {regex}");
        let routines = routines.into_iter();
        Ok(List {
            scale: view.scale(),
            total: view.total,
            routines: routines.map(|((name, file), nodes)| routine(name, file, &nodes, read(file))).collect(),
        })
    }
}

fn routine(name: &str, file: &str, nodes: &[&Node], source: Option<String>) -> Routine {
    let mut values: BTreeMap<i64, Vec<&Node>> = BTreeMap::new();
    for node in nodes {
        values.entry(node.info.line).or_default().push(node);
    }
    let (flat, cum) = graph::sum(nodes);
    let texts: Vec<&str> = source.iter().flat_map(|source| source.lines()).collect();
    let context = source.is_some().then(|| context(nodes, texts.len()));
    // A line with a value is shown in any case, also where the source does not have it.
    let numbers: BTreeSet<i64> = context.into_iter().flatten().chain(values.keys().copied()).collect();
    let line = |number: i64| {
        let (flat, cum) = values.get(&number).map_or((0, 0), graph::sum);
        let text = usize::try_from(number - 1).ok().and_then(|i| texts.get(i));
        // A terminal obeys control characters.
        let printable = |text: &&str| text.replace(|c: char| c.is_control() && c != '\t', "\u{fffd}");
        SourceLine { number, text: text.map(printable), flat, cum }
    };
    Routine {
        name: name.to_owned(),
        file: file.to_owned(),
        source_lines: source.is_some().then_some(texts.len()),
        flat,
        cum,
        lines: numbers.into_iter().map(line).collect(),
    }
}

/// The lines to show of a source file of `count` lines: from where the function starts, if that is
/// known, and some around the lines with samples.
fn context(nodes: &[&Node], count: usize) -> impl Iterator<Item = i64> + use<> {
    let starts = nodes.iter().map(|node| match node.info.start_line {
        // What the function includes may have lines of another file, before its own.
        start if (1..=node.info.line).contains(&start) => start,
        _ => node.info.line.saturating_sub(MARGIN),
    });
    let ends = nodes.iter().map(|node| node.info.line.saturating_add(MARGIN));
    let start = starts.min().unwrap_or(1).max(1);
    let end = ends.max().unwrap_or(1).min(count as i64);
    start..=end.min(start.saturating_add(LINES_LIMIT))
}
