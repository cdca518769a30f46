//! The call graph as text: each function between its callers and its callees. `--tree` shows the
//! largest functions, `--peek` those that match, and then with all callers and callees.

use anyhow::ensure;

use crate::measure::Scale;
use crate::pattern::Pattern;
use crate::view::basis::{Options, Showing, View};
use crate::view::graph::{Edge, Graph, Sort};

/// Nodes without `-n`; pprof's.
pub const LIMIT: usize = 80;

/// The call graph.
#[derive(Clone, Debug)]
pub struct Tree {
    /// How to write values.
    pub scale: Scale,
    /// What of the profile the nodes are.
    pub showing: Showing,
    /// The functions.
    pub entries: Vec<FunctionCalls>,
}

/// A function with its callers and callees.
#[derive(Clone, Debug)]
pub struct FunctionCalls {
    /// Its name.
    pub name: String,
    /// Its own share.
    pub flat: i64,
    /// With what it calls.
    pub cum: i64,
    /// Who calls it.
    pub callers: Vec<CallEdge>,
    /// Whom it calls.
    pub callees: Vec<CallEdge>,
}

/// A call, as seen from one of its two functions.
#[derive(Clone, Debug)]
pub struct CallEdge {
    /// The other function.
    pub name: String,
    /// The value of the samples with this call.
    pub weight: i64,
    /// Whether it is inlined.
    pub inline: bool,
}

impl Tree {
    /// The largest functions of a view.
    pub fn new(view: &View) -> Tree {
        Tree::of(view, view.options.sort, LIMIT, |_| true)
    }

    /// The functions that match `regex`. It is an error if there are none.
    pub fn peek(view: &View, regex: &Pattern) -> anyhow::Result<Tree> {
        let options = Options { limit: Some(0), ..view.options.clone() };
        let all = View::new(view.profile, &options)?;
        let tree = Tree::of(&all, options.sort, LIMIT, |name| regex.is_match(name));
        ensure!(!tree.entries.is_empty(), "no function matches {regex}");
        Ok(tree)
    }

    fn of(view: &View, sort: Sort, limit: usize, show: impl Fn(&str) -> bool) -> Tree {
        let trimmed = view.graph(&view.shape(), limit, sort.of_graph(), true);
        let graph = &trimmed.graph;
        let neighbours = graph.neighbours();
        let mut entries = Vec::new();
        for &i in &graph.order {
            let node = &graph.nodes[i as usize];
            let name = node.info.name();
            if show(&name) {
                entries.push(FunctionCalls {
                    name: name.into_owned(),
                    flat: node.flat_value(),
                    cum: node.cum_value(),
                    callers: calls(graph, &neighbours.callers[i as usize], |e| e.caller),
                    callees: calls(graph, &neighbours.callees[i as usize], |e| e.callee),
                });
            }
        }
        Tree { entries, scale: trimmed.scale, showing: trimmed.showing }
    }
}

fn calls(graph: &Graph, edges: &[&Edge], other: impl Fn(&Edge) -> u32) -> Vec<CallEdge> {
    let edges = edges.iter();
    edges
        .map(|edge| CallEdge {
            name: graph.nodes[other(edge) as usize].info.name().into_owned(),
            weight: edge.value(),
            inline: edge.inline,
        })
        .collect()
}
