//! The stacks: a tree of frames, root first, so that stacks with a common beginning share it.
//!
//! A stack is named by its leaf's node. A node never changes once it is linked, and its parent is
//! always an older node; so a reader that checks `parent < node` cannot be led into a cycle.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

use crate::Segment;
use crate::modules::ModuleId;

/// A node of the tree: a stack by its leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Stack(pub u32);

/// The empty stack, of which all others are descendants.
pub const ROOT: Stack = Stack(0);

/// Why a stack does not reach its root. Stands as the outermost frame of such a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Truncation {
    /// More frames than are kept.
    TooDeep = 1,
    /// The next frame lies in memory that is not readable stack.
    Unreadable = 2,
    /// Code without unwind information, and no frame pointer.
    NoUnwindInfo = 3,
    /// The unwind information led nowhere.
    BadUnwindInfo = 4,
    /// All places to unwind in were taken.
    Busy = 5,
}

impl Truncation {
    const ALL: [Truncation; 5] = [
        Truncation::TooDeep,
        Truncation::Unreadable,
        Truncation::NoUnwindInfo,
        Truncation::BadUnwindInfo,
        Truncation::Busy,
    ];
}

/// What a node of a stack stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A frame.
    Frame {
        /// Address of the call, or of the interrupted instruction.
        address: u64,
        /// The module that it is in.
        module: ModuleId,
    },
    /// The stack's outer part is missing.
    Truncated(Truncation),
}

const ADDRESS_BITS: u32 = 48;
const ADDRESS: u64 = (1 << ADDRESS_BITS) - 1;

impl Entry {
    fn pack(self) -> u64 {
        match self {
            Entry::Frame { address, module } => u64::from(module.0) << ADDRESS_BITS | (address & ADDRESS),
            Entry::Truncated(why) => why as u64,
        }
    }

    fn unpack(bits: u64) -> Entry {
        match Truncation::ALL.into_iter().find(|&why| why as u64 == bits) {
            Some(why) => Entry::Truncated(why),
            None => Entry::Frame { address: bits & ADDRESS, module: ModuleId((bits >> ADDRESS_BITS) as u16) },
        }
    }
}

#[derive(Debug)]
#[repr(C)]
pub(crate) struct Node {
    entry: AtomicU64,
    /// The parent's number, and [`LINKED`].
    parent: AtomicU32,
    /// Next node of the same bucket, 0 at the end.
    next: AtomicU32,
}

/// Set in [`Node::parent`] once the node is in its bucket: the one that stands for its stack, and
/// not one that lost a race. The numbers of nodes are smaller.
const LINKED: u32 = 1 << 31;

/// More nodes than a bucket ever has: after a stray write its chain may lead in a circle.
const MAX_CHAIN: u32 = 1 << 12;

impl Node {
    fn parent(&self) -> Stack {
        Stack(self.parent.load(Relaxed) & !LINKED)
    }
}

/// Frees that found no room in the ring: sums of weights, as the bits of an `f64`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct LostFrees {
    objects: AtomicU64,
    space: AtomicU64,
}

impl Segment {
    /// The stack that has `entry` called from `parent`; made if need be. `None` if the tree is full.
    ///
    /// Lock-free: a new node is linked at the front of its bucket by compare-exchange, and a
    /// failed exchange looks again at what another thread linked meanwhile, so none is made twice.
    #[inline]
    pub fn intern(&self, parent: Stack, entry: Entry) -> Option<Stack> {
        let (nodes, buckets) = (self.stack_nodes(), self.stack_buckets());
        let bits = entry.pack();
        // The first frame that was ever called from this one is likely its neighbour, in the same
        // line of the cache, while the bucket is likely in none.
        let neighbour = &nodes[(parent.0 as usize + 1) & (nodes.len() - 1)];
        if neighbour.parent.load(Acquire) == parent.0 | LINKED && neighbour.entry.load(Relaxed) == bits {
            return Some(Stack(parent.0 + 1));
        }
        let hash =
            (bits ^ u64::from(parent.0) << 40 ^ u64::from(parent.0)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let bucket = &buckets[(hash >> 32) as usize & (buckets.len() - 1)];
        let mut made = None;
        loop {
            let first = bucket.load(Acquire); // pairs with the exchange below
            let (mut at, mut steps) = (first, 0);
            while at != 0 {
                let node = &nodes[at as usize & (nodes.len() - 1)];
                if node.entry.load(Relaxed) == bits && node.parent().0 == parent.0 {
                    return Some(Stack(at)); // a node in `made` stays unused: the price of a lost race
                }
                at = node.next.load(Relaxed);
                steps += 1;
                if steps == MAX_CHAIN {
                    return None;
                }
            }
            let new = match made {
                Some(new) => new,
                None => self.take_node()?,
            };
            made = Some(new);
            let node = &nodes[new as usize];
            node.entry.store(bits, Relaxed);
            node.parent.store(parent.0, Relaxed);
            node.next.store(first, Relaxed);
            if bucket.compare_exchange(first, new, Release, Relaxed).is_ok() {
                node.parent.store(parent.0 | LINKED, Release); // pairs with the load of a neighbour's
                return Some(Stack(new));
            }
        }
    }

    fn take_node(&self) -> Option<u32> {
        let counter = &self.header().nodes;
        // Read first, so that a full tree does not count on until the number wraps.
        if counter.load(Relaxed) >= self.geometry().stack_nodes {
            return None;
        }
        let new = counter.fetch_add(1, Relaxed);
        (new < self.geometry().stack_nodes).then_some(new)
    }

    /// A stack's leaf and the rest of the stack; `None` for the root and for what is no stack.
    pub fn stack(&self, stack: Stack) -> Option<(Entry, Stack)> {
        let node = self.stack_nodes().get(stack.0 as usize)?;
        let parent = node.parent();
        (parent.0 < stack.0).then(|| (Entry::unpack(node.entry.load(Relaxed)), parent))
    }

    /// Notes a free for which the ring had no room: `objects` and `space` are its weights.
    pub fn lose_free(&self, stack: Stack, objects: f64, space: f64) {
        if let Some(lost) = self.lost_frees().get(stack.0 as usize) {
            add(&lost.objects, objects);
            add(&lost.space, space);
        }
    }

    /// Takes the sums of [`Segment::lose_free`] for a stack: (objects, space).
    pub fn take_lost_frees(&self, stack: Stack) -> (f64, f64) {
        match self.lost_frees().get(stack.0 as usize) {
            Some(lost) => {
                (f64::from_bits(lost.objects.swap(0, Relaxed)), f64::from_bits(lost.space.swap(0, Relaxed)))
            }
            None => (0.0, 0.0),
        }
    }

    /// How many nodes of the tree are in use; the largest stack is one less.
    pub fn stack_count(&self) -> u32 {
        self.header().nodes.load(Relaxed).min(self.geometry().stack_nodes)
    }
}

/// Adds to a sum that others add to as well.
fn add(sum: &AtomicU64, value: f64) {
    let mut now = sum.load(Relaxed);
    while let Err(other) =
        sum.compare_exchange_weak(now, (f64::from_bits(now) + value).to_bits(), Relaxed, Relaxed)
    {
        now = other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Start;
    use crate::segment::tests::{SMALL, segment};

    fn frame(address: u64) -> Entry {
        Entry::Frame { address, module: ModuleId::BY_ADDRESS }
    }

    fn ready() -> Segment {
        let segment = segment(SMALL);
        segment.header().publish(&Start { geometry: SMALL, ..Default::default() });
        segment
    }

    #[test]
    fn equal_stacks_are_one_node_and_read_back_leaf_first() {
        let segment = ready();
        let main = segment.intern(ROOT, frame(0x1000)).unwrap();
        let leaf = segment.intern(main, frame(0x2000)).unwrap();
        assert_eq!(segment.intern(ROOT, frame(0x1000)), Some(main));
        assert_eq!(segment.intern(main, frame(0x2000)), Some(leaf));
        assert_eq!(segment.stack(leaf), Some((frame(0x2000), main)));
        assert_eq!(segment.stack(main), Some((frame(0x1000), ROOT)));
        assert_eq!(segment.stack(ROOT), None);
    }

    #[test]
    fn the_same_address_in_another_module_is_another_stack() {
        let segment = ready();
        let old = segment.intern(ROOT, Entry::Frame { address: 0x1000, module: ModuleId(1) });
        let new = segment.intern(ROOT, Entry::Frame { address: 0x1000, module: ModuleId(2) });
        assert_ne!(old, new);
    }

    #[test]
    fn a_full_tree_says_so_and_keeps_what_it_has() {
        let segment = ready();
        let stacks: Vec<_> =
            (1..SMALL.stack_nodes as u64).map(|a| segment.intern(ROOT, frame(a * 4096))).collect();
        assert!(stacks.iter().all(Option::is_some));
        assert_eq!(segment.intern(ROOT, frame(0x9999_0000)), None);
        assert_eq!(segment.intern(ROOT, frame(4096)), stacks[0]);
    }

    #[test]
    fn threads_that_intern_the_same_stacks_get_the_same_nodes() {
        let geometry = crate::Geometry { stack_nodes: 1 << 14, ..SMALL };
        let segment = segment(geometry);
        segment.header().publish(&Start { geometry, ..Default::default() });
        let intern_all =
            || (1..1000u64).map(|a| segment.intern(ROOT, frame(a << 12)).unwrap()).collect::<Vec<_>>();
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(intern_all)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(results.iter().all(|r| *r == results[0]));
    }

    #[test]
    fn a_truncation_reads_back_as_its_reason() {
        let segment = ready();
        let stack = segment.intern(ROOT, Entry::Truncated(Truncation::Busy)).unwrap();
        assert_eq!(segment.stack(stack), Some((Entry::Truncated(Truncation::Busy), ROOT)));
    }

    #[test]
    fn a_chain_that_leads_in_a_circle_ends() {
        let segment = ready();
        let stack = segment.intern(ROOT, frame(0x1000)).unwrap();
        segment.stack_nodes()[stack.0 as usize].next.store(stack.0, Relaxed);
        let others = (2..100u64).filter_map(|a| segment.intern(ROOT, frame(a << 12)));
        assert!(others.count() < SMALL.stack_nodes as usize);
        assert_eq!(segment.intern(ROOT, frame(0x1000)), Some(stack));
    }

    #[test]
    fn lost_frees_are_summed_and_taken_once() {
        let segment = ready();
        let stack = segment.intern(ROOT, frame(0x1000)).unwrap();
        segment.lose_free(stack, 1.0, 64.0);
        segment.lose_free(stack, 2.5, 36.0);
        assert_eq!(segment.take_lost_frees(stack), (3.5, 100.0));
        assert_eq!(segment.take_lost_frees(stack), (0.0, 0.0));
    }
}
