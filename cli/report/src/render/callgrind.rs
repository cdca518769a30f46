//! The call graph in the format of Callgrind, for KCachegrind: `printCallgrind` in pprof's
//! `internal/report/report.go`.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::view::basis::View;
use crate::view::graph::Graph;
use crate::view::node::{Granularity, NodeInfo, Shape};

/// Writes the graph of all addresses.
pub fn write(out: &mut dyn Write, view: &View) -> io::Result<()> {
    let shape = Shape { granularity: Granularity::Addresses, objects: true, inlines: true, ..view.shape() };
    let mut graph = Graph::new(&view.selection, view.index, &shape, None);
    graph.sort(view.options.sort);
    let scale = view.scale_for_whole_numbers(&graph);
    let callees = graph.neighbours().callees;
    let distinct = distinct_names(&graph);
    let (mut objects, mut files, mut names) = (Names::default(), Names::default(), Names::default());
    writeln!(out, "positions: instr line")?;
    writeln!(out, "events: {}({})", view.sample_type().name, scale.to)?;
    let mut previous: Option<&NodeInfo> = None;
    for &i in &graph.order {
        let node = &graph.nodes[i as usize];
        let info = &node.info;
        let function =
            |info: &NodeInfo| (info.object.to_owned(), info.file.to_string(), info.name.to_owned());
        if previous.is_none_or(|previous| function(previous) != function(info)) {
            writeln!(out, "\nob={}", objects.short(info.object))?;
            writeln!(out, "fl={}", files.short(&info.file))?;
            writeln!(out, "fn={}", names.short(info.name))?;
        }
        let value = scale.number(node.flat.value) as i64;
        writeln!(out, "{} {} {value}", address(previous, info), info.line)?;
        for edge in &callees[i as usize] {
            let callee = &graph.nodes[edge.callee as usize].info;
            writeln!(out, "cfl={}", files.short(&callee.file))?;
            writeln!(out, "cfn={}", names.short(&distinct[edge.callee as usize]))?;
            writeln!(out, "calls=0 {} {}", address(previous, callee), callee.line)?;
            writeln!(out, "* * {}", scale.number(edge.weight) as i64)?;
        }
        previous = Some(info);
    }
    Ok(())
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

/// Names that are written once, and after that by number.
#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn short(&mut self, name: &str) -> String {
        if name.is_empty() {
            return String::new();
        }
        if let Some(number) = self.0.get(name) {
            return format!("({number})");
        }
        let number = self.0.len() + 1;
        self.0.insert(name.to_owned(), number);
        format!("({number}) {name}")
    }
}

/// An address, relative to the previous one if that is shorter.
fn address(previous: Option<&NodeInfo>, info: &NodeInfo) -> String {
    let absolute = format!("{:#x}", info.address);
    match previous.map(|previous| info.address.wrapping_sub(previous.address) as i64) {
        Some(0) => "*".to_owned(),
        Some(difference) => {
            let relative = format!("{difference:+}");
            if relative.len() < absolute.len() { relative } else { absolute }
        }
        None => absolute,
    }
}
