//! Who calls whom, and what each costs: pprof's `internal/graph/graph.go`.
//!
//! A node is a function, or a line, file or address, by the granularity asked for. Its flat value
//! is of samples in which it is the leaf, its cum value of samples that it is in at all, counted
//! once a sample however often it recurs.

use std::cmp::Reverse;

use clap::ValueEnum;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::view::filter::Selection;
use crate::view::node::{NodeInfo, Nodes, Shape};
use crate::view::noise::{Estimate, Sampling};

/// How to order nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// By flat value.
    Flat,
    /// By cum value.
    Cum,
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

impl<'a> Graph<'a> {
    /// The graph of a selection for one sample type. With `kept`, only of the nodes for which it
    /// holds true; edges then pass over the others.
    pub fn new(selection: &'a Selection, index: usize, shape: &Shape, kept: Option<&[bool]>) -> Graph<'a> {
        let nodes = Nodes::new(selection, shape);
        let mut builder = Builder::new(&nodes, kept);
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
            match (node.flat.value, node.cum.value) {
                (0, 0) => false,
                // The sign is that of the flat value, where there is one (`isNegative`).
                (0, value) | (value, _) => shape.negative || value > 0,
            }
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

    /// For each node whether it is shown.
    pub fn is_shown(&self) -> Vec<bool> {
        let mut is_shown = vec![false; self.nodes.len()];
        for &i in &self.order {
            is_shown[i as usize] = true;
        }
        is_shown
    }

    /// Orders the shown nodes, largest first (`CumNameOrder`). Of those with the same flat value, such
    /// as 0, the first is the one with most in all, which pprof orders by name.
    pub fn sort(&mut self, by: Sort) {
        self.sort_by_name(by);
        if by == Sort::Flat {
            let node = |i: u32| &self.nodes[i as usize];
            let key = |&i: &u32| Reverse((node(i).flat.value.abs(), node(i).cum.value.abs()));
            self.order.sort_by_key(key);
        }
    }

    /// The same, with those of the same value by name (`FlatNameOrder`).
    pub fn sort_by_name(&mut self, by: Sort) {
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
            Some(sampling) => sampling.estimate(row, sample, value, gross),
            None => Estimate { value, ..Estimate::default() },
        });
    }
    let sums = sums.into_iter().enumerate();
    sums.filter_map(|(stack, sum)| Some((stack as u32, sum?)))
}

/// Adds up nodes and edges, stack by stack.
struct Builder<'n> {
    nodes: &'n Nodes<'n>,
    kept: Option<&'n [bool]>,
    flat: Vec<Estimate>,
    cum: Vec<Estimate>,
    /// For each node the stack, plus one, that was added to it last.
    last_stack: Vec<u32>,
    edges: HashMap<(u32, u32), Edge>,
}

impl<'n> Builder<'n> {
    fn new(nodes: &'n Nodes, kept: Option<&'n [bool]>) -> Builder<'n> {
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
                if self.kept.is_some_and(|kept| !kept[node as usize]) {
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
