//! Building the tree.

use crate::profile::tables::Profile;
use crate::view::call_tree::frame::{Frame, Frames};
use crate::view::call_tree::prune;
use crate::view::own::Own;

/// Most nodes. What is smaller than all of these is in nodes of [`crate::view::call_tree::frame::SMALLER`].
pub const NODES_LIMIT: usize = 2_000_000;

/// All stacks of a profile as one tree.
#[derive(Debug)]
pub struct CallTree {
    /// What nodes are of.
    pub frames: Vec<Frame>,
    /// The nodes, each behind its caller and all that its caller's earlier callees call.
    pub nodes: Vec<Node>,
    /// The samples, in the order of their nodes.
    pub rows: Vec<Row>,
    /// Values of one row after the other.
    pub values: Vec<i64>,
    /// The same with what was subtracted added; only of a difference.
    pub gross: Vec<i64>,
    /// Nodes that were left out for being small.
    pub left_out: usize,
}

/// A frame with all its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The number of its callers.
    pub depth: u32,
    /// Index of its frame.
    pub frame: u32,
}

/// A sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index of the node of its innermost frame.
    pub node: u32,
    /// Index of its label set.
    pub labels: u32,
}

impl CallTree {
    /// The tree of all samples with a stack.
    pub fn new(profile: &Profile, own: &Own, limit: usize) -> CallTree {
        let frames = Frames::new(profile, own);
        let (nodes, node_of_stack) = nodes(profile, &frames);
        let mut samples: Vec<(u32, usize)> = profile
            .samples
            .iter()
            .enumerate()
            .filter_map(|(i, sample)| Some((node_of_stack[sample.stack as usize]?, i)))
            .collect();
        samples.sort_unstable();
        let types = profile.sample_types.len();
        let in_order = |values: &[i64]| -> Vec<i64> {
            samples.iter().flat_map(|&(_, i)| values[i * types..(i + 1) * types].iter().copied()).collect()
        };
        let row = |&(node, i): &(u32, usize)| Row { node, labels: profile.samples[i].labels };
        let tree = CallTree {
            frames: frames.frames,
            nodes,
            rows: samples.iter().map(row).collect(),
            values: in_order(&profile.values),
            gross: profile.gross.as_deref().map(in_order).unwrap_or_default(),
            left_out: 0,
        };
        match tree.nodes.len() > limit {
            true => prune::prune(tree, types, limit),
            false => tree,
        }
    }

    /// For each node the largest share that it has of any sample type's sum, with all that it calls.
    pub fn shares(&self, types: usize) -> Vec<f64> {
        let values = if self.gross.is_empty() { &self.values } else { &self.gross };
        let mut largest = vec![0.0_f64; self.nodes.len()];
        for index in 0..types {
            let mut sums = vec![0.0; self.nodes.len()];
            for (row, values) in self.rows.iter().zip(values.chunks_exact(types)) {
                sums[row.node as usize] += values[index].unsigned_abs() as f64;
            }
            let whole: f64 = sums.iter().sum();
            for (node, caller) in self.callers().into_iter().enumerate().rev() {
                largest[node] = largest[node].max(sums[node] / whole.max(1.0));
                if let Some(caller) = caller {
                    sums[caller as usize] += sums[node];
                }
            }
        }
        largest
    }

    /// For each node its caller.
    pub fn callers(&self) -> Vec<Option<u32>> {
        let mut path: Vec<u32> = Vec::new();
        let caller = |(i, node): (usize, &Node)| {
            path.truncate(node.depth as usize);
            let caller = path.last().copied();
            path.push(i as u32);
            caller
        };
        self.nodes.iter().enumerate().map(caller).collect()
    }
}

/// The nodes of all stacks that have samples, and for each stack the node that it ends at.
fn nodes(profile: &Profile, frames: &Frames) -> (Vec<Node>, Vec<Option<u32>>) {
    let count = profile.stacks.len();
    let mut is_sampled = vec![false; count];
    for sample in &profile.samples {
        is_sampled[sample.stack as usize] = true;
    }
    // All stacks, the root first, end to end.
    let (mut items, mut starts) = (Vec::new(), vec![0]);
    for stack in profile.stacks.iter() {
        for &location in stack.iter().rev() {
            items.extend_from_slice(frames.of(location));
        }
        starts.push(items.len());
    }
    let stack = |i: u32| &items[starts[i as usize]..starts[i as usize + 1]];
    let mut order: Vec<u32> =
        (0..count as u32).filter(|&i| is_sampled[i as usize] && !stack(i).is_empty()).collect();
    // Neighbours then have the most callers in common, so that a stack adds what is below these.
    order.sort_unstable_by(|&a, &b| stack(a).cmp(stack(b)));
    let mut nodes = Vec::new();
    let mut node_of_stack = vec![None; count];
    let (mut path, mut previous): (Vec<u32>, &[u32]) = (Vec::new(), &[]);
    for i in order {
        let own = stack(i);
        let common = own.iter().zip(previous).take_while(|(a, b)| a == b).count();
        path.truncate(common);
        for (depth, &frame) in own.iter().enumerate().skip(common) {
            path.push(nodes.len() as u32);
            nodes.push(Node { depth: depth as u32, frame });
        }
        node_of_stack[i as usize] = path.last().copied();
        previous = own;
    }
    (nodes, node_of_stack)
}
