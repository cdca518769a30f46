//! Stacks of an image, copied into a recording.

use heaptrace_channel::stacks::{Entry, ROOT, Stack};

use crate::modules::Selection;
use crate::recording::{self, Frame, Stacks};
use crate::stacks::Nodes;

/// What became of a stack of the tree.
#[derive(Debug, Clone, Copy, Default)]
pub struct Copied {
    /// It is asked for, or calls one that is.
    pub wanted: bool,
    /// What it is in the recording.
    pub stack: recording::Stack,
    /// It does not reach its root.
    pub truncated: bool,
}

/// Copies stacks, with all that they were called from, and selects their modules. Returns what
/// became of each of the tree's.
pub fn copy_stacks(
    from: &Nodes,
    wanted: impl Iterator<Item = Stack>,
    to: &mut Stacks,
    modules: &mut Selection<'_>,
) -> Vec<Copied> {
    let mut copied = vec![Copied::default(); from.count()];
    copied[ROOT.0 as usize] = Copied { wanted: true, ..Copied::default() };
    let mut path = Vec::new();
    for mut stack in wanted {
        while let Some(copy) = copied.get_mut(stack.0 as usize).filter(|copy| !copy.wanted) {
            *copy = Copied { wanted: true, truncated: true, ..Copied::default() };
            path.push(stack);
            stack = from.get(stack).map_or(ROOT, |(_, caller)| caller);
        }
        while let Some(stack) = path.pop() {
            if let Some((Entry::Frame { address, module }, caller)) = from.get(stack) {
                let frame = Frame { address, module: modules.index(address, module) };
                let caller = copied[caller.0 as usize];
                copied[stack.0 as usize] = Copied { stack: to.add(caller.stack, frame), ..caller };
            }
        }
    }
    copied
}
