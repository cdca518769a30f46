//! The tree, as a value.

use crate::view::call_tree::frame::Frame;

/// All stacks of a profile as one tree.
#[derive(Debug)]
pub struct CallTree {
    /// What nodes are of.
    pub frames: Vec<Frame>,
    /// The nodes, each behind its caller and all that its caller's earlier callees call.
    pub nodes: Vec<Node>,
    /// The samples, in the order of their nodes.
    pub rows: Vec<Charge>,
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
pub struct Charge {
    /// Index of the node of its innermost frame.
    pub node: u32,
    /// Index of its label set.
    pub labels: u32,
}

impl CallTree {
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
