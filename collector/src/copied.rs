//! Stacks of an image, copied into a recording.

use hashbrown::HashMap;
use heaptrace_channel::modules::ModuleId;
use heaptrace_channel::stacks::{Entry, ROOT, Stack};

use crate::modules::Selection;
use crate::recording::{self, Frame, FrameNumber, Module, Stacks};
use crate::stacks::Nodes;

/// What became of a stack of the tree.
#[derive(Debug, Clone, Copy, Default)]
pub struct Copied {
    /// It was asked for, or calls one that was.
    is_there: bool,
    /// What it is in the recording.
    pub stack: recording::StackNumber,
    /// It does not reach its root.
    pub truncated: bool,
}

/// Copies stacks, each once, with all that they were called from, and selects their modules.
#[derive(Debug)]
pub struct Copier<'a> {
    from: &'a Nodes,
    modules: Selection<'a>,
    /// What became of each of the tree's.
    copied: Vec<Copied>,
    /// Of a million stacks the frames are a few thousand.
    numbers: HashMap<(u64, ModuleId), FrameNumber>,
    /// Those that are being copied, with what they are.
    path: Vec<(Stack, Option<(Entry, Stack)>)>,
}

impl<'a> Copier<'a> {
    /// Has copied nothing yet.
    pub fn new(from: &'a Nodes, modules: Selection<'a>) -> Copier<'a> {
        let mut copied = vec![Copied::default(); from.count()];
        copied[ROOT.0 as usize] = Copied { is_there: true, ..Copied::default() };
        Copier { from, modules, copied, numbers: HashMap::new(), path: Vec::new() }
    }

    /// Copies a stack, unless it is there.
    pub fn copy(&mut self, stack: Stack, to: &mut Stacks) -> Copied {
        let mut next = stack;
        while let Some(copy) = self.copied.get_mut(next.0 as usize).filter(|copy| !copy.is_there) {
            *copy = Copied { is_there: true, truncated: true, ..Copied::default() };
            let node = self.from.get(next);
            self.path.push((next, node));
            next = node.map_or(ROOT, |(_, caller)| caller);
        }
        while let Some((stack, node)) = self.path.pop() {
            if let Some((Entry::Frame { address, module }, caller)) = node {
                let selected = &mut self.modules;
                let new = || to.number(Frame { address, module: selected.index(address, module) });
                let leaf = *self.numbers.entry((address, module)).or_insert_with(new);
                let caller = self.copied[caller.0 as usize];
                let stack_there = to.add_numbered(caller.stack, leaf);
                self.copied[stack.0 as usize] = Copied { stack: stack_there, ..caller };
            }
        }
        let lost = Copied { truncated: true, ..Copied::default() };
        self.copied.get(stack.0 as usize).copied().unwrap_or(lost)
    }

    /// The modules that the stacks lead through.
    pub fn into_modules(self) -> Vec<Module> {
        self.modules.into_modules()
    }
}
