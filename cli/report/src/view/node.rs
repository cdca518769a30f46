//! What the nodes of a graph are: functions, files, lines or addresses.

use std::borrow::Cow;

use clap::ValueEnum;
use hashbrown::HashMap;

use crate::profile::tables::{Line, Location};
use crate::view::filter::Selection;
use crate::view::paths;

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Granularity {
    /// A function, wherever its source is.
    Functions,
    /// A function, by its file.
    Filefunctions,
    /// A source file.
    Files,
    /// A line of a function.
    Lines,
    /// An address.
    Addresses,
}

/// What a node is; equal for equal nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeInfo<'a> {
    /// The function.
    pub name: &'a str,
    /// Its source file.
    pub file: Cow<'a, str>,
    /// The line where it starts; only in listings.
    pub start_line: i64,
    /// The line.
    pub line: i64,
    /// The address.
    pub address: u64,
    /// The file of its mapping, where nothing better is known.
    pub object: &'a str,
}

impl<'a> NodeInfo<'a> {
    /// The name to show (`PrintableName`).
    pub fn name(&self) -> Cow<'a, str> {
        let place = match (self.line, &*self.file) {
            (0, "") => None,
            (0, file) => Some(file.to_owned()),
            (line, file) => Some(format!("{file}:{line}")),
        };
        let name = match (self.name, place) {
            ("", None) if self.object.is_empty() => Cow::Borrowed("<unknown>"),
            ("", None) => Cow::Owned(format!("[{}]", paths::base(self.object))),
            ("", Some(place)) => Cow::Owned(place),
            (name, None) => Cow::Borrowed(name),
            (name, Some(place)) => Cow::Owned(format!("{name} {place}")),
        };
        match self.address {
            0 => name,
            address => Cow::Owned(format!("{address:016x} {name}")),
        }
    }
}

/// How to build a graph.
#[derive(Clone, Debug)]
pub struct Shape<'a> {
    /// What nodes stand for.
    pub granularity: Granularity,
    /// For listings: tell functions of different mappings and start lines apart.
    pub objects: bool,
    /// Whether inlined functions are nodes.
    pub inlines: bool,
    /// Whether nodes with a negative value are shown.
    pub negative: bool,
    /// Whether a function is a node for each chain of its callers.
    pub call_tree: bool,
    /// Whether averages are wanted.
    pub mean: bool,
    /// Where sources are and what to cut off their names.
    pub paths: &'a paths::SourcePaths,
}

/// Which nodes each location stands for: one for each of its lines, innermost first.
pub struct Nodes<'a> {
    /// The distinct nodes.
    pub infos: Vec<NodeInfo<'a>>,
    starts: Vec<u32>,
    nodes: Vec<u32>,
}

impl<'a> Nodes<'a> {
    /// The nodes of all locations of a selection (`CreateNodes`).
    pub fn new(selection: &'a Selection, shape: &Shape) -> Nodes<'a> {
        let code = &selection.code;
        let files = shown_files(selection, shape);
        let mut known: HashMap<NodeInfo, u32> = HashMap::new();
        let mut nodes = Vec::new();
        let mut starts = vec![0];
        let mut add = |info: NodeInfo<'a>| {
            let next = known.len() as u32;
            nodes.push(*known.entry(info).or_insert(next));
            nodes.len() as u32
        };
        for (i, location) in code.locations.iter().enumerate() {
            let mut lines = code.lines(i as u32);
            if !shape.inlines {
                lines = &lines[lines.len().saturating_sub(1)..];
            }
            let mut end = starts[i];
            for line in lines {
                end = add(node_info(selection, shape, &files, location, Some(line)));
            }
            if lines.is_empty() {
                end = add(node_info(selection, shape, &files, location, None));
            }
            starts.push(end);
        }
        let mut infos = vec![NodeInfo::default(); known.len()];
        for (info, i) in known {
            infos[i as usize] = info;
        }
        Nodes { infos, starts, nodes }
    }

    /// The nodes of a location.
    pub fn of(&self, location: u32) -> &[u32] {
        let i = location as usize;
        &self.nodes[self.starts[i] as usize..self.starts[i + 1] as usize]
    }
}

/// The name of each function's file as reports show it; none if they show no files.
fn shown_files<'a>(selection: &'a Selection, shape: &Shape) -> Vec<Cow<'a, str>> {
    let profile = selection.profile;
    let functions = profile.functions.iter();
    functions
        .map(|function| match shape.granularity {
            Granularity::Functions => Cow::Borrowed(""),
            _ => shape.paths.shown(profile.text(function.file)),
        })
        .collect()
}

/// What the node of a line is, at the granularity asked for (`Aggregate`, then `nodeInfo`).
///
/// Files are told apart by their name alone; pprof tells them apart also by mapping and start line
/// of the function, and so lists a file many times.
fn node_info<'a>(
    selection: &'a Selection,
    shape: &Shape,
    files: &[Cow<'a, str>],
    location: &Location,
    line: Option<&Line>,
) -> NodeInfo<'a> {
    use Granularity::{Addresses, Filefunctions, Files, Functions, Lines};
    let profile = selection.profile;
    let granularity = shape.granularity;
    let object = location.mapping.map_or("", |mapping| profile.text(profile.mappings[mapping as usize].file));
    let address = match granularity {
        Addresses => location.address,
        _ => 0,
    };
    let Some(line) = line else {
        return NodeInfo { address, object, ..NodeInfo::default() };
    };
    let function = &profile.functions[line.function as usize];
    let file = files[line.function as usize].clone();
    let name = match granularity {
        Files => "",
        _ => profile.text(function.name),
    };
    let nameless = name.is_empty() && file.is_empty();
    NodeInfo {
        name,
        start_line: if shape.objects { function.start_line } else { 0 },
        line: match granularity {
            Lines | Addresses => line.line,
            Functions | Filefunctions | Files => 0,
        },
        object: if shape.objects || nameless { object } else { "" },
        address,
        file,
    }
}
