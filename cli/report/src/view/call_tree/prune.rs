//! Leaving the smallest nodes out of a tree that is too large for a browser. Nothing gets lost: what
//! they hold is in one node below the caller that is left.

use std::cmp::Reverse;

use hashbrown::HashMap;

use crate::view::call_tree::frame::SMALLER;
use crate::view::call_tree::tree::{CallTree, Charge, Node};

/// `tree` with the `limit` largest of its nodes, and one for the rest below each that has some. Those that are near
/// are before all others; of these all callers are near.
pub fn prune(tree: CallTree, types: usize, limit: usize, is_near: &[bool]) -> CallTree {
    let shares = tree.shares(types);
    let mut order: Vec<u32> = (0..tree.nodes.len() as u32).collect();
    // A caller is at least as large as what it calls, and before it.
    order.select_nth_unstable_by(limit, |&a, &b| {
        let key =
            |node: u32| (Reverse(is_near[node as usize]), Reverse(shares[node as usize].to_bits()), node);
        key(a).cmp(&key(b))
    });
    let mut is_kept = vec![false; tree.nodes.len()];
    for &node in &order[..limit] {
        is_kept[node as usize] = true;
    }
    let (nodes, place) = kept_nodes(&tree, &is_kept);
    let left_out = is_kept.iter().filter(|kept| !**kept).count();
    let CallTree { frames, rows, values, gross, .. } = tree;
    let mut pruned =
        CallTree { frames, nodes, rows: Vec::new(), values: Vec::new(), gross: Vec::new(), left_out };
    add_rows(&mut pruned, types, &rows, &place, &values, &gross);
    pruned
}

/// The nodes that are left, and for each node of the whole tree the one that it is now or is in.
fn kept_nodes(tree: &CallTree, is_kept: &[bool]) -> (Vec<Node>, Vec<u32>) {
    let mut children: Vec<Vec<u32>> = vec![Vec::new(); tree.nodes.len()];
    let callers = tree.callers();
    for (node, caller) in callers.iter().enumerate().rev() {
        if let Some(caller) = caller {
            children[*caller as usize].push(node as u32);
        }
    }
    let mut nodes = Vec::new();
    let mut place = vec![0; tree.nodes.len()];
    let mut left: Vec<u32> =
        callers.iter().enumerate().rev().filter(|(_, c)| c.is_none()).map(|(i, _)| i as u32).collect();
    // What is too small among the roots has no caller to be below.
    let mut smaller_root = None;
    while let Some(node) = left.pop() {
        let i = node as usize;
        let Node { depth, frame } = tree.nodes[i];
        if !is_kept[i] {
            let of_caller = callers[i].map(|caller| place[caller as usize]);
            place[i] = match of_caller {
                Some(caller) if nodes_frame(&nodes, caller) == SMALLER => caller,
                Some(caller) => smaller_below(&mut nodes, caller),
                None => *smaller_root.get_or_insert_with(|| push(&mut nodes, 0, SMALLER)),
            };
        } else {
            place[i] = push(&mut nodes, depth, frame);
        }
        // Those that are left out first, so that the node for them is just behind its caller.
        let (kept, small): (Vec<u32>, Vec<u32>) =
            children[i].iter().partition(|&&child| is_kept[child as usize]);
        left.extend(kept);
        left.extend(small);
    }
    (nodes, place)
}

fn push(nodes: &mut Vec<Node>, depth: u32, frame: u32) -> u32 {
    nodes.push(Node { depth, frame });
    nodes.len() as u32 - 1
}

fn nodes_frame(nodes: &[Node], node: u32) -> u32 {
    nodes[node as usize].frame
}

/// The node below `caller` for what is too small there, which is just behind it.
fn smaller_below(nodes: &mut Vec<Node>, caller: u32) -> u32 {
    match nodes.get(caller as usize + 1) {
        Some(node) if node.frame == SMALLER => caller + 1,
        _ => {
            let depth = nodes[caller as usize].depth + 1;
            push(nodes, depth, SMALLER)
        }
    }
}

/// Adds the rows at their new nodes, those with the same labels at one that stands for others together.
fn add_rows(
    tree: &mut CallTree,
    types: usize,
    rows: &[Charge],
    place: &[u32],
    values: &[i64],
    gross: &[i64],
) {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&i| place[rows[i].node as usize]);
    let mut known: HashMap<(u32, u32), usize> = HashMap::new();
    for i in order {
        let node = place[rows[i].node as usize];
        let labels = rows[i].labels;
        let range = i * types..(i + 1) * types;
        let next = tree.rows.len();
        let at = match tree.nodes[node as usize].frame {
            SMALLER => *known.entry((node, labels)).or_insert(next),
            _ => next,
        };
        if at == next {
            tree.rows.push(Charge { node, labels });
            tree.values.extend_from_slice(&values[range.clone()]);
            tree.gross.extend_from_slice(gross.get(range).unwrap_or_default());
            continue;
        }
        let add = |sums: &mut [i64], own: &[i64]| {
            sums.iter_mut().zip(own).for_each(|(sum, value)| *sum += value);
        };
        add(&mut tree.values[at * types..(at + 1) * types], &values[range.clone()]);
        if let Some(own) = gross.get(range) {
            add(&mut tree.gross[at * types..(at + 1) * types], own);
        }
    }
}

#[cfg(test)]
mod tests {
    use heaptrace_pprof::SampleType;

    use super::*;
    use crate::profile::tables::{Function, Line, Location, Profile, Sample};
    use crate::view::call_tree::build::call_tree;
    use crate::view::call_tree::near::Way;
    use crate::view::own::OwnCode;

    /// A profile of stacks of addresses, the innermost first, each with a value.
    fn profile(stacks: &[(&[u32], i64)]) -> Profile {
        let mut profile = Profile {
            sample_types: vec![SampleType { name: "space".into(), unit: "bytes".into() }],
            ..Profile::default()
        };
        let location = |i| Location { mapping: None, address: i, lines: 0..0, folded: false };
        profile.code.locations = (0..10).map(location).collect();
        let labels = profile.label_sets.intern(&[]);
        for (stack, value) in stacks {
            let stack = profile.stacks.intern(stack);
            profile.samples.push(Sample { stack, labels });
            profile.values.push(*value);
        }
        profile
    }

    #[test]
    fn what_is_too_small_is_in_one_node_below_its_caller() {
        // Frames differ by what is known of them, so these have mappings.
        let mut profile = profile(&[
            (&[3, 2, 1], 1),
            (&[4, 2, 1], 2),
            (&[2, 1], 50),
            (&[5, 1], 3),
            (&[7, 6], 4),
            (&[1], 40),
        ]);
        for (i, location) in profile.code.locations.iter_mut().enumerate() {
            location.mapping = Some(i as u32);
        }
        profile.mappings = (0..10)
            .map(|_| crate::profile::tables::Mapping {
                start: 0,
                limit: 0,
                offset: 0,
                file: Default::default(),
                build_id: Default::default(),
                has: [false; 4],
            })
            .collect();
        let own = OwnCode::default().find(&profile);
        let whole = call_tree(&profile, &own, 100, &Way::default());
        assert_eq!((whole.nodes.len(), whole.rows.len(), whole.left_out), (7, 6, 0));
        let tree = call_tree(&profile, &own, 2, &Way::default());
        let mapping = |node: &Node| tree.frames[node.frame as usize].mapping;
        let shape: Vec<_> = tree.nodes.iter().map(|node| (node.depth, mapping(node))).collect();
        assert_eq!(shape, [(0, Some(1)), (1, None), (1, Some(2)), (2, None), (0, None)]);
        let held: Vec<_> =
            tree.rows.iter().zip(&tree.values).map(|(row, value)| (row.node, *value)).collect();
        assert_eq!(held, [(0, 40), (1, 3), (2, 50), (3, 3), (4, 4)]);
        assert_eq!(tree.left_out, 5);
    }

    #[test]
    fn what_is_near_is_left_however_small_it_is() {
        let profile =
            named(&[(&["leaf", "near", "main"], 1), (&["leaf", "far", "main"], 50), (&["main"], 9)]);
        let own = OwnCode::default().find(&profile);
        let names = |way: &str| {
            let tree = call_tree(&profile, &own, 3, &Way::parse(way).unwrap());
            let name = |node: &Node| match tree.frames[node.frame as usize].function {
                Some(function) => profile.text(profile.functions[function as usize].name),
                None => "smaller",
            };
            let mut names: Vec<_> = tree.nodes.iter().map(name).collect();
            names.sort_unstable();
            names.join(" ")
        };
        assert_eq!(names(""), "far leaf main smaller");
        // "main" and "near", and "near" alone: what lies between may be hidden.
        assert_eq!(names("ea90e208,54f3570f"), NEAR);
        assert_eq!(names("54f3570f"), NEAR);
    }

    const NEAR: &str = "leaf main near smaller";

    /// A profile of stacks of functions, the innermost first, each with a value.
    fn named(stacks: &[(&[&str], i64)]) -> Profile {
        let mut profile = Profile {
            sample_types: vec![SampleType { name: "space".into(), unit: "bytes".into() }],
            ..Profile::default()
        };
        let labels = profile.label_sets.intern(&[]);
        for (stack, value) in stacks {
            let mut locations = Vec::new();
            for name in *stack {
                let name = profile.strings.intern(name);
                let known = profile.functions.iter().position(|function| function.name == name);
                locations.push(known.unwrap_or_else(|| {
                    let location = profile.functions.len() as u32;
                    profile.functions.push(Function { name, system_name: name, file: name, start_line: 0 });
                    profile.code.lines.push(Line { function: location, line: 1, column: 0 });
                    let lines = location..location + 1;
                    let location = Location { mapping: None, address: location.into(), lines, folded: false };
                    profile.code.locations.push(location);
                    profile.functions.len() - 1
                }) as u32);
            }
            let stack = profile.stacks.intern(&locations);
            profile.samples.push(Sample { stack, labels });
            profile.values.push(*value);
        }
        profile
    }
}
