//! Every sample with its stack, and the same folded into one line a stack.

use crate::measure::Scale;
use crate::profile::intern::Slices;
use crate::profile::tables::LabelValue;
use crate::view::basis::View;
use crate::view::filter::Selection;
use crate::view::graph::average;
use crate::view::label;
use crate::view::node::Nodes;

/// The samples.
#[derive(Debug)]
pub struct Traces {
    /// How to write values.
    pub scale: Scale,
    /// Names of the frames.
    pub names: Vec<String>,
    /// The sets of labels that samples have, keys with values: texts, then numbers, both in
    /// alphabetical order.
    pub label_sets: Vec<Vec<(String, String)>>,
    /// The samples, in the order of the file.
    pub traces: Vec<Trace>,
}

/// A sample.
#[derive(Debug)]
pub struct Trace {
    /// Index of its set of labels.
    pub labels: u32,
    /// Its value.
    pub value: i64,
    /// Its frames, leaf first: index of the name, and whether the call is inlined.
    pub frames: Vec<(u32, bool)>,
}

impl Traces {
    /// The samples of a view.
    pub fn new(view: &View) -> Traces {
        let selection = &view.selection;
        let nodes = Nodes::new(selection, &view.shape());
        let types = view.profile.sample_types.len();
        let samples = selection.samples(view.index);
        // A base may have cancelled a sample out.
        let samples = samples.filter(|(row, ..)| {
            let values = &view.profile.values[row * types..(row + 1) * types];
            values.iter().any(|&value| value != 0)
        });
        let divisor = |row| if view.options.mean { view.profile.values[row * types] } else { 0 };
        let traces = samples.map(|(row, sample, value)| Trace {
            labels: sample.labels,
            value: average(value, divisor(row)),
            frames: frames(selection, &nodes, sample.stack).collect(),
        });
        Traces {
            scale: view.scale(),
            traces: traces.collect(),
            names: names(&nodes),
            label_sets: (0..view.profile.label_sets.len()).map(|set| labels(view, set as u32)).collect(),
        }
    }
}

/// The labels of a set, the values of a key together.
fn labels(view: &View, set: u32) -> Vec<(String, String)> {
    let profile = view.profile;
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    for label in view.selection.labels(set) {
        let (key, value) = (profile.text(label.key), label::value_text(profile, label, "auto"));
        let labels: &mut Vec<(String, String)> = match label.value {
            LabelValue::Text(_) => &mut texts,
            LabelValue::Number(..) => &mut numbers,
        };
        match labels.iter_mut().find(|(known, _)| known == key) {
            Some((_, values)) => *values += &format!(" {value}"),
            None => labels.push((key.to_owned(), value)),
        }
    }
    texts.sort();
    numbers.sort();
    texts.append(&mut numbers);
    texts
}

/// The frames of a stack, leaf first.
fn frames(selection: &Selection, nodes: &Nodes, stack: u32) -> impl Iterator<Item = (u32, bool)> {
    selection.stack(stack).flat_map(|location| {
        let own = nodes.of(location);
        let last = own.len() - 1;
        own.iter().enumerate().map(move |(i, &node)| (node, i != last))
    })
}

fn names(nodes: &Nodes) -> Vec<String> {
    let infos = nodes.infos.iter();
    infos.map(|info| info.name().into_owned()).collect()
}

/// The stacks with what their samples add up to, as flame graphs show them.
#[derive(Debug)]
pub struct Folded {
    names: Vec<String>,
    stacks: Slices<u32>,
    /// For each stack the sum.
    sums: Vec<i64>,
}

impl Folded {
    /// The stacks of a view.
    pub fn new(view: &View) -> Folded {
        let nodes = Nodes::new(&view.selection, &view.shape());
        let mut stacks = Slices::default();
        let mut sums: Vec<i64> = Vec::new();
        for (_, sample, value) in view.selection.samples(view.index) {
            let frames = frames(&view.selection, &nodes, sample.stack);
            let mut frames: Vec<u32> = frames.map(|(node, _)| node).collect();
            frames.reverse();
            let stack = stacks.intern(&frames) as usize;
            sums.resize(stacks.len(), 0);
            sums[stack] += value;
        }
        Folded { names: names(&nodes), stacks, sums }
    }

    /// The stacks that are not 0, as names from the root on, each with its sum.
    pub fn stacks(&self) -> impl Iterator<Item = (&[u32], i64)> {
        self.stacks.iter().zip(self.sums.iter().copied()).filter(|&(_, sum)| sum != 0)
    }

    /// A name.
    pub fn name(&self, index: u32) -> &str {
        &self.names[index as usize]
    }
}
