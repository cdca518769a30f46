//! Who calls whom, and what each costs: pprof's `internal/graph/graph.go`.
//!
//! A node is a function, or a line, file or address, by the granularity asked for. Its flat value
//! is of samples in which it is the leaf, its cum value of samples that it is in at all, counted
//! once a sample however often it recurs.

use std::borrow::Cow;
use std::cmp::Reverse;

use clap::ValueEnum;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::filter::Selection;
use super::noise::{Estimate, Sampling};
use super::paths;
use super::profile::{Line, Location};

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

/// How to order nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// By flat value.
    Flat,
    /// By cum value.
    Cum,
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

/// A node with its values.
#[derive(Debug)]
pub struct Node<'a> {
    /// What it is.
    pub info: NodeInfo<'a>,
    /// Its own share.
    pub flat: Estimate,
    /// With what it calls.
    pub cum: Estimate,
}

/// A call, or several with one caller and callee.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// Index of the calling node.
    pub caller: u32,
    /// Index of the called node.
    pub callee: u32,
    /// The value of the samples with this call.
    pub weight: i64,
    /// Whether it passes over nodes that are not shown.
    pub residual: bool,
    /// Whether all of its calls are inlined.
    pub inline: bool,
    /// The stack that was added last, so that recursion counts once.
    last_stack: u32,
}

/// The nodes and edges of a selection.
#[derive(Debug)]
pub struct Graph<'a> {
    /// All nodes.
    pub nodes: Vec<Node<'a>>,
    /// All edges.
    pub edges: Vec<Edge>,
    /// The nodes to show, in order.
    pub order: Vec<u32>,
}

/// How to build a graph.
#[derive(Clone, Debug)]
pub struct Shape<'a> {
    /// What nodes stand for.
    pub granularity: Granularity,
    /// For listings: tell functions of different mappings and start lines apart.
    pub objects: bool,
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
            let lines = code.lines(i as u32);
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

impl<'a> Graph<'a> {
    /// The graph of a selection for one sample type. With `kept`, of these nodes only; edges then
    /// pass over the others.
    pub fn new(
        selection: &'a Selection,
        index: usize,
        shape: &Shape,
        kept: Option<&dyn Fn(&NodeInfo) -> bool>,
    ) -> Graph<'a> {
        let nodes = Nodes::new(selection, shape);
        let kept: Vec<bool> = nodes.infos.iter().map(|info| kept.is_none_or(|kept| kept(info))).collect();
        let mut builder = Builder::new(&nodes, &kept);
        for (stack, sum) in stack_sums(selection, index) {
            builder.add(stack, selection.stack(stack), sum);
        }
        let Builder { flat, cum, edges, .. } = builder;
        let nodes: Vec<Node> = nodes
            .infos
            .into_iter()
            .zip(flat.into_iter().zip(cum))
            .map(|(info, (flat, cum))| Node { info, flat, cum })
            .collect();
        let order = (0..nodes.len() as u32).filter(|&i| {
            let node = &nodes[i as usize];
            node.flat.value != 0 || node.cum.value != 0
        });
        Graph { order: order.collect(), nodes, edges: edges.into_values().collect() }
    }

    /// The sum of the flat values of the shown nodes.
    pub fn flat_sum(&self) -> i64 {
        self.shown().map(|node| node.flat.value).sum()
    }

    /// The nodes to show.
    pub fn shown(&self) -> impl Iterator<Item = &Node<'a>> {
        self.order.iter().map(|&i| &self.nodes[i as usize])
    }

    /// Orders the shown nodes, largest first (`FlatNameOrder`, `CumNameOrder`).
    pub fn sort(&mut self, by: Sort) {
        let nodes = &self.nodes;
        self.order.sort_by(|&a, &b| {
            let (a, b) = (&nodes[a as usize], &nodes[b as usize]);
            let (flat_a, flat_b) = (Reverse(a.flat.value.abs()), Reverse(b.flat.value.abs()));
            let (cum_a, cum_b) = (Reverse(a.cum.value.abs()), Reverse(b.cum.value.abs()));
            let names = || a.info.name().cmp(&b.info.name());
            let order = match by {
                Sort::Flat => flat_a.cmp(&flat_b).then_with(names).then(cum_a.cmp(&cum_b)),
                Sort::Cum => cum_a.cmp(&cum_b).then_with(names).then(flat_a.cmp(&flat_b)),
            };
            order.then_with(|| a.info.cmp(&b.info))
        });
    }

    /// For each node the edges from its callers and to its callees, heaviest first.
    pub fn neighbours(&self) -> Neighbours<'_> {
        let mut callers: Vec<Vec<&Edge>> = vec![Vec::new(); self.nodes.len()];
        let mut callees = callers.clone();
        for edge in &self.edges {
            callers[edge.callee as usize].push(edge);
            callees[edge.caller as usize].push(edge);
        }
        let name = |node: u32| self.nodes[node as usize].info.name();
        for edges in callers.iter_mut().chain(&mut callees) {
            edges.sort_by(|a, b| {
                let weights = b.weight.abs().cmp(&a.weight.abs());
                weights
                    .then_with(|| name(a.caller).cmp(&name(b.caller)))
                    .then_with(|| name(a.callee).cmp(&name(b.callee)))
            });
        }
        Neighbours { callers, callees }
    }

    /// For each node, how it is called.
    pub fn inlining(&self) -> Vec<Inlining> {
        let mut inlining = vec![Inlining::None; self.nodes.len()];
        let mut called = vec![false; self.nodes.len()];
        for edge in &self.edges {
            let i = edge.callee as usize;
            let so_far = std::mem::replace(&mut called[i], true).then_some(inlining[i]);
            inlining[i] = match (so_far, edge.inline) {
                (None | Some(Inlining::All), true) => Inlining::All,
                (None | Some(Inlining::None), false) => Inlining::None,
                _ => Inlining::Some,
            };
        }
        inlining
    }
}

/// The edges at each node.
#[derive(Debug)]
pub struct Neighbours<'a> {
    /// Edges from the callers of a node.
    pub callers: Vec<Vec<&'a Edge>>,
    /// Edges to the callees of a node.
    pub callees: Vec<Vec<&'a Edge>>,
}

/// Whether calls of a function are inlined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inlining {
    /// None is.
    None,
    /// Some are.
    Some,
    /// All are.
    All,
}

/// What the samples of a stack add up to.
#[derive(Clone, Copy, Default)]
struct Sum {
    estimate: Estimate,
    /// Whether a sample is not 0. If all are, because a base cancelled them out, they say nothing but
    /// how uncertain that is.
    counts: bool,
}

/// The sum of each stack that has samples.
fn stack_sums(selection: &Selection, index: usize) -> impl Iterator<Item = (u32, Sum)> {
    let profile = selection.profile;
    let sampling = Sampling::new(profile, index);
    let types = profile.sample_types.len();
    let mut sums: Vec<Option<Sum>> = vec![None; profile.stacks.len()];
    let gross = profile.gross.as_ref();
    for (row, sample, value) in selection.samples(index) {
        let gross = gross.map_or(value, |gross| gross[row * types + index]).abs();
        if gross == 0 {
            continue;
        }
        let sum = sums[sample.stack as usize].get_or_insert_default();
        sum.counts |= value != 0;
        sum.estimate.add(match &sampling {
            Some(sampling) => sampling.estimate(sample.labels, value, gross),
            None => Estimate { value, ..Estimate::default() },
        });
    }
    let sums = sums.into_iter().enumerate();
    sums.filter_map(|(stack, sum)| Some((stack as u32, sum?)))
}

/// Adds up nodes and edges, stack by stack.
struct Builder<'n> {
    nodes: &'n Nodes<'n>,
    kept: &'n [bool],
    flat: Vec<Estimate>,
    cum: Vec<Estimate>,
    /// For each node the stack, plus one, that was added to it last.
    last_stack: Vec<u32>,
    edges: HashMap<(u32, u32), Edge>,
}

impl<'n> Builder<'n> {
    fn new(nodes: &'n Nodes, kept: &'n [bool]) -> Builder<'n> {
        let count = nodes.infos.len();
        Builder {
            nodes,
            kept,
            flat: vec![Estimate::default(); count],
            cum: vec![Estimate::default(); count],
            last_stack: vec![0; count],
            edges: HashMap::new(),
        }
    }

    fn add(&mut self, stack: u32, locations: impl DoubleEndedIterator<Item = u32>, sum: Sum) {
        let nodes = self.nodes;
        let mut caller: Option<u32> = None;
        let mut residual = false;
        for location in locations.rev() {
            let own = nodes.of(location);
            for (i, &node) in own.iter().enumerate().rev() {
                if !self.kept[node as usize] {
                    residual = true;
                    continue;
                }
                if std::mem::replace(&mut self.last_stack[node as usize], stack + 1) != stack + 1 {
                    self.cum[node as usize].add(sum.estimate);
                }
                if let Some(caller) = caller.filter(|&caller| caller != node && sum.counts) {
                    let inline = i + 1 != own.len();
                    self.add_call(stack, (caller, node), sum.estimate.value, residual, inline);
                }
                caller = Some(node);
                residual = false;
            }
        }
        if let Some(leaf) = caller.filter(|_| !residual) {
            self.flat[leaf as usize].add(sum.estimate);
        }
    }

    fn add_call(&mut self, stack: u32, call: (u32, u32), weight: i64, residual: bool, inline: bool) {
        match self.edges.entry(call) {
            Entry::Occupied(mut entry) => {
                let edge = entry.get_mut();
                if std::mem::replace(&mut edge.last_stack, stack) != stack {
                    edge.weight += weight;
                    edge.residual |= residual;
                    edge.inline &= inline;
                }
            }
            Entry::Vacant(entry) => {
                entry.insert(Edge {
                    caller: call.0,
                    callee: call.1,
                    weight,
                    residual,
                    inline,
                    last_stack: stack,
                });
            }
        }
    }
}
