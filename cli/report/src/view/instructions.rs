//! What each address costs and calls, for tools that show code: `printCallgrind` in pprof's
//! `internal/report/report.go`.

use std::collections::HashMap;

use crate::view::basis::View;
use crate::view::graph::Graph;
use crate::view::node::{Granularity, NodeInfo, Shape};

/// All addresses of a profile.
#[derive(Clone, Debug)]
pub struct Instructions {
    /// The name of the sample type.
    pub sample_type: String,
    /// The unit of the values: the one in which the smallest is still a whole number.
    pub unit: String,
    /// The addresses, in the order of the view.
    pub all: Vec<Instruction>,
}

/// An address.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// Where it is.
    pub place: CodeLocation,
    /// Its own share.
    pub value: i64,
    /// What it calls, and what that costs; those called have the names that tell them apart.
    pub calls: Vec<(CodeLocation, i64)>,
}

/// Where an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeLocation {
    /// The mapped file.
    pub object: String,
    /// The source file.
    pub file: String,
    /// The function.
    pub function: String,
    /// The address.
    pub address: u64,
    /// The line.
    pub line: i64,
}

impl Instructions {
    /// The addresses of a view.
    pub fn new(view: &View) -> Instructions {
        let shape = Shape {
            granularity: Granularity::Addresses,
            objects: true,
            inlines: true,
            call_tree: view.options.call_tree,
            ..view.shape()
        };
        let mut graph = Graph::new(&view.selection, view.index, &shape, None);
        graph.sort(view.options.sort.of_graph());
        let scale = view.scale_for_whole_numbers(&graph);
        let callees = graph.neighbours().callees;
        let distinct = distinct_names(&graph);
        let all = graph.order.iter().map(|&i| {
            let node = &graph.nodes[i as usize];
            let calls = callees[i as usize].iter().map(|edge| {
                let callee = &graph.nodes[edge.callee as usize].info;
                let name = &distinct[edge.callee as usize];
                (place(callee, name), scale.number(edge.value()) as i64)
            });
            Instruction {
                place: place(&node.info, node.info.name),
                value: scale.number(node.flat_value()) as i64,
                calls: calls.collect(),
            }
        });
        Instructions { sample_type: view.type_name(), all: all.collect(), unit: scale.to }
    }
}

fn place(info: &NodeInfo, function: &str) -> CodeLocation {
    CodeLocation {
        object: info.object.to_owned(),
        file: info.file.to_string(),
        function: function.to_owned(),
        address: info.address,
        line: info.line,
    }
}

/// The names of called functions; those that differ only in what Callgrind does not look at get a
/// number (`getDisambiguatedNames`). Nodes that are not shown have none.
fn distinct_names(graph: &Graph) -> Vec<String> {
    type Alike<'g> = Vec<(&'g str, i64)>;
    let mut alike: HashMap<(&str, &str), Alike> = HashMap::new();
    for node in graph.shown() {
        let known = alike.entry((&node.info.file, node.info.name)).or_default();
        let own = (node.info.object, node.info.start_line);
        if !known.contains(&own) {
            known.push(own);
        }
    }
    let mut names = vec![String::new(); graph.nodes.len()];
    for &i in &graph.order {
        let info = &graph.nodes[i as usize].info;
        let alike = &alike[&(&*info.file, info.name)];
        let own = alike.iter().position(|&known| known == (info.object, info.start_line));
        names[i as usize] = match (alike.len(), own) {
            (2.., Some(own)) => format!("{} [{}/{}]", info.name, own + 1, alike.len()),
            _ => info.name.to_owned(),
        };
    }
    names
}
