//! Flame graphs: the stacks as a picture. In a diff, what grew is red and what shrank is blue.

use std::io::Write;

use anyhow::{Context, ensure};
use inferno::flamegraph::color::{BasicPalette, Palette};
use inferno::flamegraph::{self, Options};

use super::traces::Folded;
use super::view::View;

/// Writes the flame graph of a view as SVG.
pub fn write(out: &mut dyn Write, view: &View) -> anyhow::Result<()> {
    let folded = Folded::new(view);
    let difference = view.is_difference();
    let lines: Vec<String> = folded
        .lines()
        .filter_map(|(stack, net, gross)| match difference {
            // Of the new value and the old one, net is the difference and gross the sum.
            true => Some(format!("{stack} {} {}", (gross - net) / 2, (gross + net) / 2)),
            false => (net > 0).then(|| format!("{stack} {net}")),
        })
        .collect();
    ensure!(!lines.is_empty(), "{} is zero, there is nothing to draw", view.sample_type().name);
    let mut options = Options::default();
    options.title = view.sample_type().name.clone();
    options.colors = Palette::Basic(BasicPalette::Mem);
    options.count_name = view.sample_type().unit.clone();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), out).context("flame graph")
}
