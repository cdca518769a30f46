//! The call graph as a picture, in the language of graphviz: `dot -Tsvg`.
//!
//! Larger boxes cost more themselves, redder ones with what they call. Sizes and widths are those
//! of pprof's `internal/graph/dotgraph.go`.

use std::io::{self, Write};

use crate::measure::percentage;
use crate::view::call_graph::{CallGraph, Node};
use crate::view::graph::Edge;

/// Writes the graph.
pub fn write(out: &mut dyn Write, graph: &CallGraph) -> io::Result<()> {
    let largest = graph.nodes.iter().map(|node| node.flat.abs()).max().unwrap_or(0);
    writeln!(out, "digraph heaptrace {{")?;
    writeln!(out, "node [style=filled fillcolor=\"#f8f8f8\" shape=box]")?;
    writeln!(
        out,
        "label=\"{}: {} of {}{}\" labelloc=t",
        escaped(&graph.sample_type),
        graph.scale.label(graph.showing.flat),
        graph.scale.label(graph.showing.total),
        graph.showing.filters.iter().map(|filter| format!("\\n{}", escaped(filter))).collect::<String>()
    )?;
    for one in &graph.nodes {
        node(out, graph, one, largest)?;
    }
    // Graphviz draws the calls that come first as straight as it can.
    for one in &graph.calls {
        call(out, graph, one)?;
    }
    writeln!(out, "}}")
}

fn node(out: &mut dyn Write, graph: &CallGraph, node: &Node, largest: i64) -> io::Result<()> {
    let total = graph.showing.total;
    let value = |value| {
        let share = percentage(value, total);
        format!("{} ({})", graph.scale.label(value), share.trim_start())
    };
    let values = match node.flat {
        flat if flat == node.cum => value(flat),
        0 => format!("0 of {}", value(node.cum)),
        flat => format!("{}\\nof {}", value(flat), value(node.cum)),
    };
    let size = match largest {
        0 => 0.0,
        largest => 16.0 * (node.flat.abs() as f64 / largest as f64).sqrt(),
    };
    let name = escaped(&node.name);
    writeln!(
        out,
        "N{} [label=\"{}\\n{values}\" tooltip=\"{name}\" fontsize={:.0} fillcolor=\"{}\"]",
        node.id,
        name.replace("::", "::\\n"),
        8.0 + size.ceil(),
        colour(node.cum, total)
    )
}

fn call(out: &mut dyn Write, graph: &CallGraph, call: &Edge) -> io::Result<()> {
    let share = match graph.showing.total {
        0 => 0.0,
        total => (call.value() as f64 / total as f64).abs().min(1.0),
    };
    writeln!(
        out,
        "N{} -> N{} [label=\" {}{}\" weight={} penwidth={}{}]",
        call.caller,
        call.callee,
        graph.scale.label(call.value()),
        if call.inline { "\\n (inline)" } else { "" },
        1 + (share * 100.0) as u32,
        1 + (share * 5.0) as u32,
        if call.residual { " style=dotted" } else { "" }
    )
}

/// From grey to red for growing shares of the total, to green for negative ones.
fn colour(value: i64, total: i64) -> String {
    let share = match total {
        0 => 0.0,
        total => (value as f64 / total as f64).clamp(-1.0, 1.0),
    };
    let strong = 0xf0;
    let weak = (240.0 - 72.0 * share.abs().powf(0.3) * f64::from(share != 0.0)) as u8;
    match share < 0.0 {
        true => format!("#{weak:02x}{strong:02x}{weak:02x}"),
        false => format!("#{strong:02x}{weak:02x}{weak:02x}"),
    }
}

/// `text` as it may stand between the quotes of a dot string.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
