//! The top table: which functions cost most.

use crate::measure::Scale;
use crate::view::basis::{Showing, View};
use crate::view::graph::{Inlining, Sort};
use crate::view::noise::Estimate;

/// Rows without `-n`.
pub const LIMIT: usize = 20;

/// The top table.
#[derive(Clone, Debug)]
pub struct Top {
    /// The name of the sample type.
    pub type_name: String,
    /// Its unit.
    pub unit: String,
    /// How to write values.
    pub scale: Scale,
    /// What of the profile the rows are.
    pub showing: Showing,
    /// Whether the errors of the rows are known.
    pub sampled: bool,
    /// Whether values are differences.
    pub difference: bool,
    /// The rows, largest first.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The function, or what else the granularity makes of it.
    pub name: String,
    /// Whether it is inlined.
    pub inlining: Inlining,
    /// Its own share.
    pub flat: i64,
    /// With what it calls.
    pub cum: i64,
    /// The value that the rows are sorted by, with its error.
    pub estimate: Estimate,
}

impl Top {
    /// The top table of a view.
    pub fn new(view: &View) -> Top {
        let sort = view.options.sort;
        let trimmed = view.graph(&view.shape(), LIMIT, sort.of_table(), false);
        let inlining = trimmed.graph.inlining();
        let rows = trimmed.graph.order.iter().map(|&i| {
            let node = &trimmed.graph.nodes[i as usize];
            Row {
                name: node.info.name().into_owned(),
                inlining: inlining[i as usize],
                flat: node.flat_value(),
                cum: node.cum_value(),
                estimate: match sort {
                    Sort::Flat => node.flat,
                    Sort::Cum => node.cum,
                },
            }
        });
        Top {
            type_name: view.type_name(),
            unit: view.sample_type().unit.clone(),
            rows: rows.collect(),
            scale: trimmed.scale,
            showing: trimmed.showing,
            sampled: view.is_sampled(),
            difference: view.is_difference(),
        }
    }
}
