//! What all views of a profile start from: the samples that are left, the sample type shown, the
//! total that percentages are of, and the graph with what is too small to see taken out.
//!
//! After pprof's `internal/report/report.go`.

use std::borrow::Cow;

use heaptrace_pprof::SampleType;

use crate::measure::Scale;
use crate::profile::label_frames::{self, LabelFrames};
use crate::profile::tables::{Profile, Sample};
use crate::view::filter::{Filters, Selection};
use crate::view::graph::{Graph, Order, Sort, average};
use crate::view::label;
use crate::view::node::{Granularity, Shape};
use crate::view::noise::Sampling;
use crate::view::paths::SourcePaths;

/// The share of the total below which a node is not worth a row, unless asked for.
pub const NODE_FRACTION: f64 = 0.005;
/// The share of the total below which an edge is not worth a line, unless asked for.
pub const EDGE_FRACTION: f64 = 0.001;

/// What a user asked for, whatever the view.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name or number of the sample type; empty: the profile's default.
    pub sample_index: String,
    /// Most nodes to show; 0: all, however small. Without one, as many as suits the view.
    pub limit: Option<usize>,
    /// Whether small nodes and edges are left out at all.
    pub trim: bool,
    /// The share of the total below which nodes are left out.
    pub node_fraction: f64,
    /// The share of the total below which edges are left out.
    pub edge_fraction: f64,
    /// Whether to leave out nodes with a negative value.
    pub drop_negative: bool,
    /// How to order nodes.
    pub sort: Sort,
    /// Whether an inlined function counts for the one that it is inlined into.
    pub no_inlines: bool,
    /// Whether percentages are of what the filters leave.
    pub relative_percentages: bool,
    /// What values are divided by when they are shown.
    pub divide_by: f64,
    /// Whether values are averages: divided by those of the first sample type.
    pub mean: bool,
    /// Whether pictures of the call graph show a function for each chain of its callers.
    pub call_tree: bool,
    /// Whether machine code is written as Intel does.
    pub intel_syntax: bool,
    /// Whether tables have no header.
    pub compact_labels: bool,
    /// Keys of labels that are shown as callers of all, separated by commas, the outermost first.
    pub tag_root: String,
    /// Keys of labels that are shown as called by all, the innermost last.
    pub tag_leaf: String,
    /// What nodes stand for; by default functions, and lines of the program's own code.
    pub granularity: Option<Granularity>,
    /// Unit of the values shown; `minimum`: the one that suits the smallest.
    pub unit: String,
    /// Which samples and frames to show.
    pub filters: Filters,
    /// Where sources are.
    pub paths: SourcePaths,
    /// Whether the viewer is to have no lines of source.
    pub no_source: bool,
    /// Calls that the viewer is given at most.
    pub page_nodes: Option<usize>,
}

impl Options {
    /// What nodes stand for.
    pub fn granularity(&self) -> Granularity {
        self.granularity.unwrap_or(match self.filters.own {
            true => Granularity::Lines,
            false => Granularity::Functions,
        })
    }

    /// The profile with the frames that stand for labels, if any are asked for.
    pub fn with_label_frames<'p>(&self, profile: &'p Profile) -> Cow<'p, Profile> {
        let frames = LabelFrames { root: &self.tag_root, leaf: &self.tag_leaf, unit: &self.unit };
        let mut profile = Cow::Borrowed(profile);
        if !(frames.root.is_empty() && frames.leaf.is_empty()) {
            label_frames::add(profile.to_mut(), &frames);
        }
        profile
    }

    /// The same for the program's own code.
    pub fn of_own_code(&self) -> Options {
        Options { filters: Filters { own: true, ..self.filters.clone() }, ..self.clone() }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            sample_index: String::new(),
            limit: None,
            trim: true,
            node_fraction: NODE_FRACTION,
            edge_fraction: EDGE_FRACTION,
            drop_negative: false,
            sort: Sort::Flat,
            no_inlines: false,
            relative_percentages: false,
            divide_by: 1.0,
            mean: false,
            call_tree: false,
            intel_syntax: false,
            compact_labels: false,
            tag_root: String::new(),
            tag_leaf: String::new(),
            granularity: None,
            unit: "minimum".to_owned(),
            filters: Filters::default(),
            paths: SourcePaths::default(),
            no_source: false,
            page_nodes: None,
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
    /// What percentages are of: the sum without signs of all samples, or of those that the filters
    /// leave; in a diff, of those of the base.
    pub total: i64,
}

impl<'a> View<'a> {
    /// The view of `profile` that `options` ask for.
    pub fn new(profile: &'a Profile, options: &'a Options) -> anyhow::Result<View<'a>> {
        let index = profile.sample_index(&options.sample_index).map_err(anyhow::Error::msg)?;
        let mut selection = Selection::new(profile, &options.filters);
        let tags = [("tagroot", &options.tag_root), ("tagleaf", &options.tag_leaf)];
        let is_unmatched = |keys: &str| !keys.is_empty() && !has_label(profile, keys);
        let unmatched = tags.into_iter().filter(|(_, keys)| is_unmatched(keys));
        selection.unmatched.extend(unmatched.map(|(name, _)| name));
        let total = match options.relative_percentages {
            true => total(profile, selection.samples(index), options.mean),
            false => total(profile, all_samples(profile, index), options.mean),
        };
        Ok(View { profile, options, selection, index, total })
    }

    /// What percentages of a sample type are of if they are of the whole profile.
    pub fn total_of(&self, index: usize) -> i64 {
        total(self.profile, all_samples(self.profile, index), false)
    }

    /// The sample type shown.
    pub fn sample_type(&self) -> &'a SampleType {
        &self.profile.sample_types[self.index]
    }

    /// Its name, as averages have it too.
    pub fn type_name(&self) -> String {
        let name = &self.sample_type().name;
        if self.options.mean { format!("mean_{name}") } else { name.clone() }
    }

    /// Whether values are differences.
    pub fn is_difference(&self) -> bool {
        self.profile.gross.is_some()
    }

    /// Whether the error of values is known. That of averages is not.
    pub fn is_sampled(&self) -> bool {
        !self.options.mean && Sampling::new(self.profile, self.index).is_some()
    }

    /// How the graph is built.
    pub fn shape(&self) -> Shape<'a> {
        Shape {
            granularity: self.options.granularity(),
            objects: false,
            inlines: !self.options.no_inlines,
            negative: !self.options.drop_negative,
            call_tree: false,
            mean: self.options.mean,
            paths: &self.options.paths,
        }
    }

    /// The scale for values that stand alone: by default each in the unit that suits it.
    pub fn scale(&self) -> Scale {
        Scale {
            from: self.sample_type().unit.clone(),
            to: self.options.unit.clone(),
            divide_by: self.options.divide_by,
        }
    }

    /// The scale for the nodes of a graph: the smallest still shows with two decimals.
    pub fn scale_for(&self, graph: &Graph) -> Scale {
        self.fitted_scale(smallest(graph), self.total)
    }

    /// The scale for the nodes of a graph in whole numbers.
    pub fn scale_for_whole_numbers(&self, graph: &Graph) -> Scale {
        let smallest = smallest(graph).unwrap_or(self.total);
        self.fitted_scale(Some(smallest), smallest)
    }

    fn fitted_scale(&self, smallest: Option<i64>, total: i64) -> Scale {
        match self.options.unit.as_str() {
            "minimum" => self.scale().fitting(smallest, total),
            _ => self.scale(),
        }
    }

    /// The graph of the nodes to show (`newTrimmedGraph`): at most `default` of them unless the
    /// options say otherwise. `edges` tells whether edges are shown too, which pass over the nodes that
    /// are not.
    pub fn graph(&self, shape: &Shape, default: usize, order: Order, edges: bool) -> Trimmed<'_> {
        let limit = if self.options.trim { self.options.limit.unwrap_or(default) } else { 0 };
        let mut graph = Graph::new(&self.selection, self.index, shape, None);
        let whole = graph.flat_sum();
        let total = whole as f64;
        let cutoff = |fraction: f64| match limit {
            0 => 0,
            _ => ((total * fraction) as i64).abs(),
        };
        let node_cutoff = cutoff(self.options.node_fraction);
        let edge_cutoff = cutoff(self.options.edge_fraction);
        let all = graph.order.len();
        let Graph { nodes, order: shown, .. } = &mut graph;
        shown.retain(|&i| nodes[i as usize].cum.value.abs() >= node_cutoff);
        let worthy = shown.len();
        graph.sort(order);
        if limit > 0 {
            graph.order.truncate(limit);
        }
        if edges && graph.order.len() < all {
            // That takes another look at the stacks.
            graph = Graph::new(&self.selection, self.index, shape, Some(&graph.is_shown()));
            graph.sort(order);
        }
        graph.edges.retain(|edge| edge.weight.abs() >= edge_cutoff);
        Trimmed {
            scale: self.scale_for(&graph),
            showing: Showing {
                flat: graph.flat_value_sum(),
                filters: self.options.filters.described(),
                all: whole,
                total: self.total,
                nodes: graph.order.len(),
                of: worthy,
                dropped: all - worthy,
                dropped_below: (self.total as f64 * self.options.node_fraction) as i64,
            },
            graph,
        }
    }
}

/// The smallest value of a node that is not 0, without its sign: the flat value, or else the cum.
fn smallest(graph: &Graph) -> Option<i64> {
    let values = graph.shown().filter_map(|node| {
        let values = [node.flat_value(), node.cum_value()];
        values.into_iter().find(|&value| value != 0).map(i64::saturating_abs)
    });
    values.min()
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
    /// The filters, each as `name=value`.
    pub filters: Vec<String>,
    /// The sum of all flat values.
    pub all: i64,
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

/// Whether a sample has a label with one of these keys.
fn has_label(profile: &Profile, keys: &str) -> bool {
    let mut labels = profile.label_sets.iter().flatten();
    labels.any(|label| label_frames::keys(keys).any(|key| profile.text(label.key) == key))
}

/// The samples of a profile: index, sample, and its value of one sample type.
fn all_samples(profile: &Profile, index: usize) -> impl Iterator<Item = (usize, &Sample, i64)> {
    let samples = profile.values_of(index).enumerate();
    samples.map(|(row, (sample, value))| (row, sample, value))
}

/// What percentages of `samples` are of (`computeTotal`); with `mean`, the average.
fn total<'a>(profile: &Profile, samples: impl Iterator<Item = (usize, &'a Sample, i64)>, mean: bool) -> i64 {
    let types = profile.sample_types.len();
    let sets = profile.label_sets.iter();
    let is_base: Vec<bool> = sets.map(|labels| labels.iter().any(|l| label::is_mark(profile, l))).collect();
    let (mut all, mut base) = ([0, 0], [0, 0]);
    for (row, sample, value) in samples {
        let divisor = if mean { profile.values[row * types] } else { 0 };
        let add = |sums: &mut [i64; 2]| {
            sums[0] += value.abs();
            sums[1] += divisor;
        };
        add(&mut all);
        if is_base[sample.labels as usize] {
            add(&mut base);
        }
    }
    let [sum, divisor] = if base[0] == 0 { all } else { base };
    average(sum, divisor)
}
