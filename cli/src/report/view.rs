//! What all views of a profile start from: the samples that are left, the sample type shown, the
//! total that percentages are of, and the graph with what is too small to see taken out.
//!
//! After pprof's `internal/report/report.go`.

use super::filter::{Filters, Selection};
use super::graph::{Graph, Sort};
use super::load::DIFF_BASE;
use super::measure::Scale;
use super::node::{Granularity, Shape};
use super::noise::Sampling;
use super::paths::SourcePaths;
use super::profile::{LabelValue, Profile, SampleType};

/// A share of the total below which a node is not worth a row, and an edge not worth a line.
const NODE_FRACTION: f64 = 0.005;
const EDGE_FRACTION: f64 = 0.001;

/// What a user asked for, whatever the view.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name or number of the sample type; empty: the profile's default.
    pub sample_index: String,
    /// Most nodes to show; 0: all, however small. Without one, as many as suits the view.
    pub limit: Option<usize>,
    /// How to order nodes.
    pub sort: Sort,
    /// What nodes stand for.
    pub granularity: Granularity,
    /// Unit of the values shown; `minimum`: the one that suits the smallest.
    pub unit: String,
    /// Which samples and frames to show.
    pub filters: Filters,
    /// Where sources are.
    pub paths: SourcePaths,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            sample_index: String::new(),
            limit: None,
            sort: Sort::Flat,
            granularity: Granularity::Functions,
            unit: "minimum".to_owned(),
            filters: Filters::default(),
            paths: SourcePaths::default(),
        }
    }
}

/// A profile as the options show it.
#[derive(Debug)]
pub struct View<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The options.
    pub options: &'a Options,
    /// The samples and frames that are left.
    pub selection: Selection<'a>,
    /// Index of the sample type.
    pub index: usize,
    /// What percentages are of: the sum of all samples, before the filters, without their signs; in
    /// a diff, of those of the base.
    pub total: i64,
}

impl<'a> View<'a> {
    /// The view of `profile` that `options` ask for.
    pub fn new(profile: &'a Profile, options: &'a Options) -> anyhow::Result<View<'a>> {
        let index = profile.sample_index(&options.sample_index).map_err(anyhow::Error::msg)?;
        Ok(View {
            profile,
            options,
            selection: Selection::new(profile, &options.filters),
            index,
            total: total(profile, index),
        })
    }

    /// The sample type shown.
    pub fn sample_type(&self) -> &'a SampleType {
        &self.profile.sample_types[self.index]
    }

    /// Whether values are differences.
    pub fn is_difference(&self) -> bool {
        self.profile.gross.is_some()
    }

    /// Whether the error of values is known.
    pub fn is_sampled(&self) -> bool {
        Sampling::new(self.profile, self.index).is_some()
    }

    /// How the graph is built.
    pub fn shape(&self) -> Shape<'a> {
        Shape { granularity: self.options.granularity, objects: false, paths: &self.options.paths }
    }

    /// The scale for the nodes of a graph.
    pub fn scale(&self, graph: &Graph) -> Scale {
        let unit = &self.sample_type().unit;
        if self.options.unit != "minimum" {
            return Scale { from: unit.clone(), to: self.options.unit.clone() };
        }
        let smallest = graph.shown().filter_map(|node| {
            let values = [node.flat.value, node.cum.value];
            values.into_iter().find(|&v| v != 0).map(i64::unsigned_abs)
        });
        Scale::fitting(unit, smallest.min(), self.total)
    }

    /// The graph of the nodes to show (`newTrimmedGraph`): at most `default` of them unless the
    /// options say otherwise. `edges` tells whether edges are shown too.
    pub fn graph(&self, default: usize, sort: Sort, edges: bool) -> Trimmed<'_> {
        let limit = self.options.limit.unwrap_or(default);
        let shape = self.shape();
        let mut graph = Graph::new(&self.selection, self.index, &shape, None);
        let total = graph.flat_sum() as f64;
        let cutoff = |fraction: f64| match limit {
            0 => 0,
            _ => ((total * fraction) as i64).abs(),
        };
        let (node_cutoff, edge_cutoff) = (cutoff(NODE_FRACTION), cutoff(EDGE_FRACTION));
        let all = graph.order.len();
        let Graph { nodes, order, .. } = &mut graph;
        order.retain(|&i| nodes[i as usize].cum.value.abs() >= node_cutoff);
        let worthy = order.len();
        graph.sort(sort);
        if limit > 0 {
            graph.order.truncate(limit);
        }
        if edges {
            // Edges pass over what is not shown, which takes another look at the stacks.
            graph = Graph::new(&self.selection, self.index, &shape, Some(&graph.is_shown()));
            graph.sort(sort);
            graph.edges.retain(|edge| edge.weight.abs() >= edge_cutoff);
        }
        Trimmed {
            scale: self.scale(&graph),
            showing: Showing {
                flat: graph.flat_sum(),
                total: self.total,
                nodes: graph.order.len(),
                of: worthy,
                dropped: all - worthy,
                dropped_below: (self.total as f64 * NODE_FRACTION) as i64,
            },
            graph,
        }
    }
}

/// A graph with the nodes that are shown, and what was taken out.
#[derive(Debug)]
pub struct Trimmed<'a> {
    /// The graph.
    pub graph: Graph<'a>,
    /// How to write its values.
    pub scale: Scale,
    /// What of the profile it shows.
    pub showing: Showing,
}

/// How much of a profile a view shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Showing {
    /// The sum of the flat values shown.
    pub flat: i64,
    /// The total of the profile.
    pub total: i64,
    /// Nodes shown.
    pub nodes: usize,
    /// Nodes that are large enough.
    pub of: usize,
    /// Nodes that are too small.
    pub dropped: usize,
    /// The cum value below which they are.
    pub dropped_below: i64,
}

/// What percentages are of (`computeTotal`).
fn total(profile: &Profile, index: usize) -> i64 {
    let is_base: Vec<bool> = profile
        .label_sets
        .iter()
        .map(|labels| {
            labels.iter().any(|label| {
                profile.text(label.key) == DIFF_BASE.0
                    && matches!(label.value, LabelValue::Text(v) if profile.text(v) == DIFF_BASE.1)
            })
        })
        .collect();
    let base = profile.values_of(index);
    let base = base.filter(|(sample, _)| is_base[sample.labels as usize]);
    match base.map(|(_, value)| value.abs()).sum() {
        0 => profile.sum(index),
        base => base,
    }
}
