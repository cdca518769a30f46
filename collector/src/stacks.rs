//! The stacks that an image's processes have told of, each of them once.
//!
//! Two processes that come to the same stack tell of it under two numbers. Here it has one, and these
//! are dense, however many processes there are. Threads write to different rings, so an event may be
//! read just before what its stack is: then the stack has a number already, and is filled in later.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use heaptrace_channel::stacks::{Entry, Part, ROOT, Stack, Truncation};

use crate::pieces::{Pieces, Shared};

/// By the number in here: the leaf, and the rest of the stack. `None` if not told of yet.
type Node = Option<(Entry, Stack)>;

/// So many are copied at the first new stack after a snapshot.
const NODES_SHARED: usize = 1024;

/// A tree of frames, root first.
#[derive(Debug)]
pub struct Tree {
    /// By the number that was told: the one in here, [`ROOT`] if there is none yet.
    numbers: Vec<Stack>,
    nodes: Pieces<Node, NODES_SHARED>,
    /// The nodes by what they are.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// What is told by halves: the first half.
    halves: HashMap<Stack, (Stack, u16)>,
    /// The largest number that was told of.
    last: Stack,
}

/// The stacks of a [`Tree`] at one moment.
#[derive(Debug, Clone)]
pub struct Nodes(Shared<Node, NODES_SHARED>);

/// A stack with a number that nobody was given.
const IMPOSSIBLE: Stack = Stack(1);

/// Numbers are given out one after the other. So many may be missing before one that is told of: those
/// of writers that were killed, or whose ring is read later.
const MISSING: u32 = 1 << 16;

impl Tree {
    /// A tree without a stack.
    pub fn new() -> Tree {
        let mut nodes = Pieces::new();
        [None; 2].into_iter().for_each(|node| nodes.push(node)); // of the root, and of the impossible one
        Tree {
            numbers: Vec::new(),
            nodes,
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            halves: HashMap::new(),
            last: ROOT,
        }
    }

    /// Hears a part of what a stack is. False if no library can have told that.
    pub fn hear(&mut self, told: Stack, part: Part) -> bool {
        if !self.is_possible(told) {
            return false;
        }
        match part {
            Part::Caller(caller, _) if caller >= told => return false,
            Part::Caller(caller, high) => {
                self.halves.insert(told, (caller, high));
            }
            Part::Low(low) => match self.halves.remove(&told) {
                Some((caller, high)) => self.define(told, caller, Part::entry(high, low)),
                None => return false,
            },
        }
        true
    }

    fn is_possible(&self, told: Stack) -> bool {
        told.0 <= self.last.0.saturating_add(MISSING)
    }

    fn define(&mut self, told: Stack, caller: Stack, entry: Entry) {
        self.last = self.last.max(told);
        let node = (entry, self.one(caller));
        let number = self.number(told);
        // What is known stays, whatever is told of it again.
        if number != ROOT && self.node(number).is_some() {
            return;
        }
        let hasher = self.hasher.clone();
        let hash = |node: &(Entry, Stack)| hasher.hash_one((node.0.pack(), node.1));
        let same = self.index.find(hash(&node), |&index| self.node(Stack(index)) == Some(node)).copied();
        let number = match (number, same) {
            (ROOT, Some(index)) => Stack(index),
            (ROOT, None) => self.add(Some(node)),
            (number, _) => {
                *self.nodes.get_mut(number.0 as usize) = Some(node); // it had events before
                number
            }
        };
        if same.is_none() {
            let nodes = &self.nodes;
            let rehash = |&index: &u32| nodes.get(index as usize).and_then(Option::as_ref).map_or(0, hash);
            self.index.insert_unique(hash(&node), number.0, rehash);
        }
        *self.number_mut(told) = number;
    }

    fn node(&self, number: Stack) -> Node {
        self.nodes.get(number.0 as usize).copied().flatten()
    }

    fn number(&self, told: Stack) -> Stack {
        self.numbers.get(told.0 as usize).copied().unwrap_or(ROOT)
    }

    fn number_mut(&mut self, told: Stack) -> &mut Stack {
        let index = told.0 as usize;
        if self.numbers.len() <= index {
            self.numbers.resize(index + 1, ROOT);
        }
        &mut self.numbers[index]
    }

    fn add(&mut self, node: Node) -> Stack {
        self.nodes.push(node);
        Stack(self.nodes.len() as u32 - 1)
    }

    /// The one number of a stack, whether it was told of already or will be.
    #[inline]
    pub fn one(&mut self, told: Stack) -> Stack {
        match self.number(told) {
            ROOT => self.new_one(told),
            number => number,
        }
    }

    #[cold]
    fn new_one(&mut self, told: Stack) -> Stack {
        if told == ROOT {
            return ROOT;
        }
        if !self.is_possible(told) {
            return IMPOSSIBLE;
        }
        let number = self.add(None);
        *self.number_mut(told) = number;
        number
    }

    /// What all stacks are now, for whoever has the time to look at them.
    pub fn nodes(&mut self) -> Nodes {
        Nodes(self.nodes.share())
    }
}

impl Nodes {
    /// A stack's leaf and the rest of it; `None` for the root. What was not told of is truncated.
    pub fn get(&self, stack: Stack) -> Option<(Entry, Stack)> {
        const UNTOLD: (Entry, Stack) = (Entry::Truncated(Truncation::Unreadable), ROOT);
        (stack != ROOT).then(|| self.0.get(stack.0 as usize).copied().flatten().unwrap_or(UNTOLD))
    }

    /// One more than the largest number.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heaptrace_channel::modules::ModuleId;

    fn entry(address: u64) -> Entry {
        Entry::Frame { address, module: ModuleId(3) }
    }

    fn known(tree: &mut Tree, told: u32) -> Option<(Entry, Stack)> {
        let number = tree.one(Stack(told));
        tree.nodes().get(number)
    }

    fn tell(tree: &mut Tree, stack: u32, caller: u32, address: u64) -> bool {
        Part::all(Stack(caller), entry(address)).map(|part| tree.hear(Stack(stack), part)) == [true; 2]
    }

    #[test]
    fn a_stack_that_is_told_of_twice_is_one() {
        let mut tree = Tree::new();
        for (main, leaf) in [(1, 2), (7, 9)] {
            assert!(tell(&mut tree, main, 0, 0x1000) && tell(&mut tree, leaf, main, 0x2000));
        }
        assert_eq!(tree.one(Stack(2)), tree.one(Stack(9)));
        let (leaf, caller) = known(&mut tree, 9).unwrap();
        assert_eq!((leaf, caller), (entry(0x2000), tree.one(Stack(1))));
        assert_eq!(tree.nodes().get(caller), Some((entry(0x1000), ROOT)));
        assert_eq!((tree.nodes().get(ROOT), tree.one(ROOT)), (None, ROOT));
    }

    /// In any order of the rings: the leaf, an event of it, and its caller.
    #[test]
    fn what_is_told_late_is_filled_in() {
        let mut tree = Tree::new();
        let number = tree.one(Stack(2));
        assert!(matches!(tree.nodes().get(number), Some((Entry::Truncated(_), ROOT))));
        assert!(tell(&mut tree, 2, 1, 0x2000) && tell(&mut tree, 1, 0, 0x1000));
        assert_eq!(tree.one(Stack(2)), number);
        assert_eq!(tree.nodes().get(number), Some((entry(0x2000), tree.one(Stack(1)))));
        assert_eq!(known(&mut tree, 1), Some((entry(0x1000), ROOT)));
    }

    #[test]
    fn what_cannot_be_is_refused_and_takes_no_memory() {
        let mut tree = Tree::new();
        assert!(!tree.hear(Stack(5), Part::Low(1)), "its first half is missing");
        assert!(!tree.hear(Stack(5), Part::Caller(Stack(5), 0)), "it calls itself");
        assert!(!tell(&mut tree, 1 << 25, 1, 1) && tree.one(Stack(1 << 25)) == IMPOSSIBLE);
        assert!(matches!(tree.nodes().get(IMPOSSIBLE), Some((Entry::Truncated(_), ROOT))));
        assert!(tree.numbers.is_empty());
        assert!(tell(&mut tree, 5, 4, 0x1000) && tell(&mut tree, 5, 0, 0x2000));
        assert_eq!(known(&mut tree, 5).unwrap().0, entry(0x1000), "what is known stays");
    }
}
