//! The nodes of a tree in runs: a node is in one with its caller if that has no samples of its own and calls nothing
//! else. All nodes of a run hold the same, so the page has what they hold once.

use crate::view::call_tree::tree::CallTree;

/// The runs of a tree, in the order of their nodes.
#[derive(Debug)]
pub struct Runs {
    /// Each behind the one that leads to it.
    pub runs: Vec<Run>,
    /// For each node the index of its run.
    pub of_node: Vec<u32>,
}

/// Some nodes that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many of the runs that lead to the one before, and of that itself, do not lead to this one.
    pub up: u64,
    /// How many nodes it has.
    pub length: u64,
}

impl Runs {
    /// The runs of a tree.
    pub fn of(tree: &CallTree) -> Runs {
        let callers = tree.callers();
        let is_last = is_last(tree, &callers);
        let mut runs: Vec<Run> = Vec::new();
        let mut of_node = Vec::with_capacity(callers.len());
        // The last nodes of the runs that lead to the node.
        let mut path: Vec<u32> = Vec::new();
        for (node, caller) in callers.iter().enumerate() {
            if node == 0 || is_last[node - 1] {
                let before = path.len();
                while path.last().is_some_and(|last| Some(*last) != *caller) {
                    path.pop();
                }
                runs.push(Run { up: (before - path.len()) as u64, length: 0 });
            }
            if let Some(run) = runs.last_mut() {
                run.length += 1;
            }
            of_node.push(runs.len() as u32 - 1);
            if is_last[node] {
                path.push(node as u32);
            }
        }
        Runs { runs, of_node }
    }
}

/// For each node whether it is the last of its run.
fn is_last(tree: &CallTree, callers: &[Option<u32>]) -> Vec<bool> {
    let mut is_last = vec![true; callers.len()];
    for (node, caller) in callers.iter().enumerate() {
        if let Some(caller) = caller {
            // Its first callee is just behind it; behind that are the others.
            is_last[*caller as usize] = *caller as usize + 1 != node;
        }
    }
    for row in &tree.rows {
        is_last[row.node as usize] = true;
    }
    is_last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::call_tree::tree::{Charge, Node};

    #[test]
    fn a_run_ends_where_nodes_have_samples_or_call_several() {
        // a b c d (samples: c, d), a b e, f
        let depths = [0, 1, 2, 3, 2, 0];
        let tree = CallTree {
            frames: Vec::new(),
            nodes: depths.map(|depth| Node { depth, frame: 0 }).to_vec(),
            rows: [2, 3, 4, 5].map(|node| Charge { node, labels: 0 }).to_vec(),
            values: Vec::new(),
            gross: Vec::new(),
            left_out: 0,
        };
        let runs = Runs::of(&tree);
        assert_eq!(runs.of_node, [0, 0, 1, 2, 3, 4]);
        let told: Vec<_> = runs.runs.iter().map(|run| (run.up, run.length)).collect();
        assert_eq!(told, [(0, 2), (0, 1), (0, 1), (2, 1), (2, 1)]);
    }
}
