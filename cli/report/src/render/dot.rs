//! The call graph as a picture, in the language of graphviz: `dot -Tsvg`.
//!
//! Larger boxes cost more themselves, redder ones with what they call. Sizes and widths are those
//! of pprof's `internal/graph/dotgraph.go`.

use std::cmp::Reverse;
use std::io::{self, Write};

use crate::measure::percentage;
use crate::view::basis::{Trimmed, View};
use crate::view::graph::{Edge, Sort};
use crate::view::tree;

/// Writes the graph of the largest functions.
pub fn write(out: &mut dyn Write, view: &View) -> io::Result<()> {
    let trimmed = view.graph(tree::LIMIT, Sort::Cum, true);
    let largest = trimmed.graph.shown().map(|node| node.flat.value.abs()).max();
    writeln!(out, "digraph heaptrace {{")?;
    writeln!(out, "node [style=filled fillcolor=\"#f8f8f8\" shape=box]")?;
    writeln!(
        out,
        "label=\"{}: {} of {}\" labelloc=t",
        escaped(&view.sample_type().name),
        trimmed.scale.label(trimmed.showing.flat),
        trimmed.scale.label(trimmed.showing.total)
    )?;
    for &i in &trimmed.graph.order {
        node(out, &trimmed, i, largest.unwrap_or(0))?;
    }
    // Graphviz draws the calls that come first as straight as it can.
    let mut edges: Vec<&Edge> = trimmed.graph.edges.iter().collect();
    edges.sort_by_key(|edge| (Reverse(edge.weight.abs()), edge.caller, edge.callee));
    for edge in edges {
        call(out, &trimmed, edge)?;
    }
    writeln!(out, "}}")
}

fn node(out: &mut dyn Write, trimmed: &Trimmed, i: u32, largest: i64) -> io::Result<()> {
    let node = &trimmed.graph.nodes[i as usize];
    let total = trimmed.showing.total;
    let (flat, cum) = (node.flat.value, node.cum.value);
    let value = |value| {
        let share = percentage(value, total);
        format!("{} ({})", trimmed.scale.label(value), share.trim_start())
    };
    let values = match flat {
        flat if flat == cum => value(flat),
        0 => format!("0 of {}", value(cum)),
        flat => format!("{}\\nof {}", value(flat), value(cum)),
    };
    let size = match largest {
        0 => 0.0,
        largest => 16.0 * (flat.abs() as f64 / largest as f64).sqrt(),
    };
    let name = node.info.name();
    writeln!(
        out,
        "N{i} [label=\"{}\\n{values}\" tooltip=\"{}\" fontsize={:.0} fillcolor=\"{}\"]",
        escaped(&name).replace("::", "::\\n"),
        escaped(&name),
        8.0 + size.ceil(),
        colour(cum, total)
    )
}

fn call(out: &mut dyn Write, trimmed: &Trimmed, edge: &Edge) -> io::Result<()> {
    let share = match trimmed.showing.total {
        0 => 0.0,
        total => (edge.weight as f64 / total as f64).abs().min(1.0),
    };
    writeln!(
        out,
        "N{} -> N{} [label=\" {}{}\" weight={} penwidth={}{}]",
        edge.caller,
        edge.callee,
        trimmed.scale.label(edge.weight),
        if edge.inline { "\\n (inline)" } else { "" },
        1 + (share * 100.0) as u32,
        1 + (share * 5.0) as u32,
        if edge.residual { " style=dotted" } else { "" }
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
