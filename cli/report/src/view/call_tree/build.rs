//! Building the tree.

use crate::profile::tables::Profile;
use crate::view::call_tree::frame::Frames;
use crate::view::call_tree::near::Way;
use crate::view::call_tree::prune;
use crate::view::call_tree::tree::{CallTree, Charge, Node};
use crate::view::own::Own;

/// Most nodes, if nothing else is asked for. What is smaller than all of these is in nodes of
/// [`crate::view::call_tree::frame::SMALLER`].
pub const NODES_LIMIT: usize = 2_000_000;

/// The tree of all samples with a stack, with at most `limit` nodes, those that are near before others.
pub fn call_tree(profile: &Profile, own: &Own, limit: usize, near: &Way) -> CallTree {
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
    let row = |&(node, i): &(u32, usize)| Charge { node, labels: profile.samples[i].labels };
    let tree = CallTree {
        frames: frames.frames,
        nodes,
        rows: samples.iter().map(row).collect(),
        values: in_order(&profile.values),
        gross: profile.gross.as_deref().map(in_order).unwrap_or_default(),
        left_out: 0,
    };
    match tree.nodes.len() > limit {
        true => {
            let near = near.nodes(profile, &tree);
            prune::prune(tree, types, limit, &near)
        }
        false => tree,
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
