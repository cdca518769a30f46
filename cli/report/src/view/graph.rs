//! Who calls whom, and what each costs: pprof's `internal/graph/graph.go`.
//!
//! A node is a function, or a line, file or address, by the granularity asked for. Its flat value
//! is of samples in which it is the leaf, its cum value of samples that it is in at all, counted
//! once a sample however often it recurs. For averages, each value has a divisor beside it. In a call
//! tree a function is several nodes, one for each way that leads to it.

use std::cmp::Reverse;

use clap::ValueEnum;
use hashbrown::HashMap;

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

/// An order of nodes, the largest first. Those of equal value are by the next that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As pprof's graphs and tables.
    Flat,
    /// As our tables: of the functions with the same flat value, such as 0, those matter more that
    /// hold more in all.
    FlatThenCum,
    /// By cum.
    Cum,
}

impl Sort {
    /// The order of graphs.
    pub fn of_graph(self) -> Order {
        match self {
            Sort::Flat => Order::Flat,
            Sort::Cum => Order::Cum,
        }
    }

    /// The order of tables.
    pub fn of_table(self) -> Order {
        match self {
            Sort::Flat => Order::FlatThenCum,
            Sort::Cum => Order::Cum,
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
    /// What to divide both by for averages.
    divisors: [i64; 2],
}

impl Node<'_> {
    /// Its own share, or the average of that.
    pub fn flat_value(&self) -> i64 {
        average(self.flat.value, self.divisors[0])
    }

    /// The same with what it calls.
    pub fn cum_value(&self) -> i64 {
        average(self.cum.value, self.divisors[1])
    }
}

/// The flat and the cum value of nodes together, or the averages of these.
pub fn sum<'n>(nodes: impl IntoIterator<Item = &'n &'n Node<'n>>) -> (i64, i64) {
    let (mut values, mut divisors) = ([0i64; 2], [0; 2]);
    for node in nodes {
        for (i, estimate) in [node.flat, node.cum].iter().enumerate() {
            values[i] += estimate.value;
            divisors[i] += node.divisors[i];
        }
    }
    (average(values[0], divisors[0]), average(values[1], divisors[1]))
}

/// What `sum` is on average of `divisor` things; the sum itself where nothing is divided.
pub fn average(sum: i64, divisor: i64) -> i64 {
    if divisor == 0 { sum } else { sum.saturating_div(divisor) }
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
    /// What to divide it by for an average.
    divisor: i64,
    /// Whether it passes over nodes that are not shown.
    pub residual: bool,
    /// Whether all of its calls are inlined.
    pub inline: bool,
    /// The stack that was added last, so that recursion counts once.
    last_stack: u32,
}

impl Edge {
    /// The value of the samples with this call, or the average of that.
    pub fn value(&self) -> i64 {
        average(self.weight, self.divisor)
    }
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
        let mut builder = Builder::new(&nodes, shape.call_tree, kept);
        for (stack, sum) in stack_sums(selection, index, shape.mean) {
            builder.add(stack, selection.stack(stack), sum);
        }
        let Builder { sums, edges, .. } = builder;
        let nodes: Vec<Node> = sums
            .into_iter()
            .map(|sum| Node {
                info: nodes.infos[sum.info as usize].clone(),
                flat: sum.flat,
                cum: sum.cum,
                divisors: sum.divisors,
            })
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

    /// The sum of the averages of the shown nodes.
    pub fn flat_value_sum(&self) -> i64 {
        self.shown().map(Node::flat_value).sum()
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

    /// Orders the shown nodes.
    pub fn sort(&mut self, order: Order) {
        let nodes = &self.nodes;
        self.order.sort_by(|&a, &b| {
            let (a, b) = (&nodes[a as usize], &nodes[b as usize]);
            let flat = || Reverse(a.flat.value.abs()).cmp(&Reverse(b.flat.value.abs()));
            let cum = || Reverse(a.cum.value.abs()).cmp(&Reverse(b.cum.value.abs()));
            let name = || a.info.name().cmp(&b.info.name());
            let values = match order {
                Order::Flat => flat().then_with(name).then_with(cum),
                Order::FlatThenCum => flat().then_with(cum).then_with(name),
                Order::Cum => cum().then_with(name).then_with(flat),
            };
            values.then_with(|| a.info.cmp(&b.info))
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
    /// What to divide it by for an average.
    divisor: i64,
    /// Whether a sample is not 0. If all are, because a base cancelled them out, they say nothing but
    /// how uncertain that is.
    counts: bool,
}

/// The sum of each stack that has samples; with `mean`, with what the first sample type counts of them.
fn stack_sums(selection: &Selection, index: usize, mean: bool) -> impl Iterator<Item = (u32, Sum)> {
    let profile = selection.profile;
    let sampling = Sampling::new(profile, index);
    let types = profile.sample_types.len();
    let mut sums: Vec<Option<Sum>> = vec![None; profile.stacks.len()];
    let gross = profile.gross.as_ref();
    for (row, sample, value) in selection.samples(index) {
        let gross = gross.map_or(value, |gross| gross[row * types + index]).abs();
        let divisor = if mean { profile.values[row * types] } else { 0 };
        if gross == 0 && divisor == 0 {
            continue;
        }
        let sum = sums[sample.stack as usize].get_or_insert_default();
        sum.counts |= value != 0 || divisor != 0;
        sum.divisor += divisor;
        sum.estimate.add(match &sampling {
            Some(sampling) => sampling.estimate(row, sample, value, gross),
            None => Estimate { value, ..Estimate::default() },
        });
    }
    let sums = sums.into_iter().enumerate();
    sums.filter_map(|(stack, sum)| Some((stack as u32, sum?)))
}

/// What is added up for a node.
#[derive(Clone, Copy, Default)]
struct NodeSum {
    /// Index of what the node is.
    info: u32,
    flat: Estimate,
    cum: Estimate,
    divisors: [i64; 2],
    /// The stack, plus one, that was added last.
    last_stack: u32,
}

/// Adds up nodes and edges, stack by stack.
struct Builder<'n> {
    nodes: &'n Nodes<'n>,
    kept: Option<&'n [bool]>,
    sums: Vec<NodeSum>,
    edges: HashMap<(u32, u32), Edge>,
    /// In a call tree, the node of each function called by a node.
    callees: Option<HashMap<(Option<u32>, u32), u32>>,
}

impl<'n> Builder<'n> {
    fn new(nodes: &'n Nodes, call_tree: bool, kept: Option<&'n [bool]>) -> Builder<'n> {
        let count = if call_tree { 0 } else { nodes.infos.len() as u32 };
        Builder {
            nodes,
            kept,
            sums: (0..count).map(|info| NodeSum { info, ..NodeSum::default() }).collect(),
            edges: HashMap::new(),
            callees: call_tree.then(HashMap::new),
        }
    }

    fn add(&mut self, stack: u32, locations: impl DoubleEndedIterator<Item = u32>, sum: Sum) {
        let nodes = self.nodes;
        let mut caller: Option<u32> = None;
        let (mut way, mut residual, mut inline) = (None, false, true);
        for location in locations.rev() {
            let own = nodes.of(location);
            for (i, &info) in own.iter().enumerate().rev() {
                let node = self.node(way, info);
                way = Some(node);
                let is_inlined = i + 1 != own.len();
                inline = is_inlined && (inline || self.callees.is_none());
                if self.kept.is_some_and(|kept| !kept[node as usize]) {
                    residual = true;
                    continue;
                }
                let known = &mut self.sums[node as usize];
                if std::mem::replace(&mut known.last_stack, stack + 1) != stack + 1 {
                    known.cum.add(sum.estimate);
                    known.divisors[1] += sum.divisor;
                }
                if let Some(caller) = caller.filter(|&caller| caller != node && sum.counts) {
                    self.add_call(stack, (caller, node), sum, residual, inline);
                }
                caller = Some(node);
                (residual, inline) = (false, true);
            }
        }
        if let Some(leaf) = caller.filter(|_| !residual) {
            let leaf = &mut self.sums[leaf as usize];
            leaf.flat.add(sum.estimate);
            leaf.divisors[0] += sum.divisor;
        }
    }

    /// The node of a function; in a call tree, of the one that is called this way.
    fn node(&mut self, way: Option<u32>, info: u32) -> u32 {
        let Some(callees) = &mut self.callees else {
            return info;
        };
        *callees.entry((way, info)).or_insert_with(|| {
            self.sums.push(NodeSum { info, ..NodeSum::default() });
            self.sums.len() as u32 - 1
        })
    }

    fn add_call(&mut self, stack: u32, call: (u32, u32), sum: Sum, residual: bool, inline: bool) {
        let edge = self.edges.entry(call).or_insert(Edge {
            caller: call.0,
            callee: call.1,
            weight: 0,
            divisor: 0,
            residual,
            inline,
            last_stack: 0,
        });
        if std::mem::replace(&mut edge.last_stack, stack + 1) != stack + 1 {
            edge.weight += sum.estimate.value;
            edge.divisor += sum.divisor;
            edge.residual |= residual;
            edge.inline &= inline;
        }
    }
}
