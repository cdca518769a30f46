//! The call graph of the functions that hold most, as a value to be drawn.

use std::cmp::Reverse;

use crate::measure::Scale;
use crate::view::basis::{Showing, View};
use crate::view::graph::{Edge, Order};
use crate::view::node::Shape;
use crate::view::tree;

/// The graph.
#[derive(Clone, Debug)]
pub struct CallGraph {
    /// The name of the sample type.
    pub sample_type: String,
    /// How to write values.
    pub scale: Scale,
    /// What of the profile the nodes are.
    pub showing: Showing,
    /// The functions, the largest first.
    pub nodes: Vec<Node>,
    /// Who calls whom, what costs most first.
    pub calls: Vec<Edge>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Node {
    /// How calls refer to it.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its own share.
    pub flat: i64,
    /// With what it calls.
    pub cum: i64,
}

impl CallGraph {
    /// The graph of a view.
    pub fn new(view: &View) -> CallGraph {
        let shape = Shape { call_tree: view.options.call_tree, ..view.shape() };
        let trimmed = view.graph(&shape, tree::LIMIT, Order::Cum, true);
        let graph = &trimmed.graph;
        let nodes = graph.order.iter().map(|&id| {
            let node = &graph.nodes[id as usize];
            Node { id, name: node.info.name().into_owned(), flat: node.flat_value(), cum: node.cum_value() }
        });
        let mut calls = graph.edges.clone();
        calls.sort_by_key(|call| (Reverse(call.weight.abs()), call.caller, call.callee));
        CallGraph {
            sample_type: view.type_name(),
            nodes: nodes.collect(),
            calls,
            scale: trimmed.scale,
            showing: trimmed.showing,
        }
    }
}
