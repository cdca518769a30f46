//! The stacks that this process has told of, to find their numbers again.
//!
//! A tree of tries: a stack is looked for by a hash of its frames, first in a table and
//! from there on by two bits a step. Nothing is ever moved or removed, so it grows by the node, and a
//! thread that links one needs no lock. The nodes are in chunks, each twice as large as the one before.

use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::*};

use heaptrace_channel::ring::{Message, Words};
use heaptrace_channel::stacks::{Entry, Part, ROOT, Stack};

use crate::arch::prefetch;
use crate::memory::{Budget, unmap};
use crate::process::Writer;

/// A frame that was told of: a stack by its leaf.
#[repr(C)]
struct Node {
    entry: AtomicU64,
    caller: AtomicU32,
    /// Its own number.
    stack: AtomicU32,
    /// Indexes of the nodes in which to look on, 0 for none.
    next: [Link; 1 << STEP_BITS],
}

/// Index of a node, 0 for none.
type Link = AtomicU32;

/// A stack that was found or added, and what those that are called from it are looked for by: a hash of its frames, so
/// that for a whole stack these are known before any of it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interned {
    /// Its number.
    pub stack: Stack,
    hash: u32,
}

impl Interned {
    /// The empty stack.
    pub const ROOT: Interned = Interned { stack: ROOT, hash: 0 };

    /// What stacks are looked for by that are called from it.
    pub fn hash(self) -> u32 {
        self.hash
    }

    /// A stack of that number, in tests that do not look for it.
    #[cfg(test)]
    pub const fn of(stack: Stack) -> Interned {
        Interned { stack, hash: 0 }
    }
}

/// What a frame is looked for by, by its bits and that of its caller. In the high half is that of itself.
#[inline]
fn hash_of(caller: u32, bits: u64) -> u64 {
    (bits ^ u64::from(caller) << 32 ^ u64::from(caller)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

const STEP_BITS: u32 = 2;
const TABLE_BITS: u32 = 15;
/// Binary logarithm of the nodes in the first chunk: 32 KiB.
const FIRST_BITS: u32 = 10;
/// As many as there are numbers for.
const CHUNKS: usize = 16;

/// Why there is no stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoStack {
    /// No memory could be had for it.
    NoMemory,
    /// The collector could not be told of it.
    Untold,
}

/// The stacks of a process. As zeros, there are none.
#[derive(Debug)]
pub struct Stacks {
    table: [Link; 1 << TABLE_BITS],
    chunks: [AtomicPtr<Node>; CHUNKS],
    /// Nodes that are taken. That of index 0 is none.
    count: AtomicU32,
    /// Numbers of stacks that could not be told of, 0 for none: the next ones to use. Else a collector
    /// that is gone for a while would cost them all.
    spare: [AtomicU32; 64],
}

impl Default for Stacks {
    fn default() -> Stacks {
        Stacks::new()
    }
}

impl Stacks {
    /// None.
    pub const fn new() -> Stacks {
        Stacks {
            table: [const { Link::new(0) }; 1 << TABLE_BITS],
            chunks: [const { AtomicPtr::new(null_mut()) }; CHUNKS],
            count: AtomicU32::new(0),
            spare: [const { AtomicU32::new(0) }; 64],
        }
    }

    /// Forgets numbers that the parent will use.
    pub fn after_fork(&self) {
        self.spare.iter().for_each(|spare| spare.store(0, Relaxed));
    }

    /// The stack that has `entry` called from `caller`. If it is new, the collector is told.
    ///
    /// # Errors
    /// [`NoStack`] if it is new and cannot be kept or told of.
    #[inline]
    pub fn intern(
        &self,
        caller: Interned,
        entry: Entry,
        to: Writer,
        budget: &Budget,
    ) -> Result<Interned, NoStack> {
        let bits = entry.pack();
        let mut hash = hash_of(caller.hash, bits);
        let own = (hash >> 32) as u32;
        let mut link = self.first_link(own);
        hash <<= TABLE_BITS;
        loop {
            let at = link.load(Acquire); // pairs with the exchange in `link`
            if at == 0 {
                let stack = self.add((link, hash), (caller.stack, entry), to, budget)?;
                return Ok(Interned { stack, hash: own });
            }
            let node = self.node(at);
            if node.is(bits, caller.stack) {
                return Ok(Interned { stack: node.stack(), hash: own });
            }
            (link, hash) = node.step(hash);
        }
    }

    /// Where a stack of that hash is looked for first.
    #[inline]
    fn first_link(&self, hash: u32) -> &Link {
        &self.table[(hash >> (u32::BITS - TABLE_BITS)) as usize]
    }

    /// Has the link fetched from memory that `entry` is looked for by, called from a stack of that hash. Returns its own
    /// hash. Memory is slow, and a stack cannot be looked for before its caller is found; but for a whole stack at once
    /// it can be fetched.
    #[inline]
    pub fn fetch_link(&self, caller: u32, entry: Entry) -> u32 {
        let hash = (hash_of(caller, entry.pack()) >> 32) as u32;
        prefetch(self.first_link(hash));
        hash
    }

    /// Has the node fetched that a stack of that hash is looked for in first.
    #[inline]
    pub fn fetch_first(&self, hash: u32) {
        self.fetch(self.first_link(hash));
    }

    /// Has the one fetched that it is looked for in next, if it is not in the first.
    #[inline]
    pub fn fetch_second(&self, hash: u32, entry: Entry) {
        let at = self.first_link(hash).load(Acquire);
        if at != 0 && self.node(at).entry.load(Relaxed) != entry.pack() {
            self.fetch(self.node(at).step(u64::from(hash) << (32 + TABLE_BITS)).0);
        }
    }

    #[inline]
    fn fetch(&self, link: &Link) {
        match link.load(Acquire) {
            0 => {}
            at => prefetch(self.node(at)),
        }
    }

    /// Adds a node where a search has ended, or further on if another thread was first.
    #[cold]
    fn add<'s>(
        &'s self,
        (mut link, mut hash): (&'s Link, u64),
        (caller, entry): (Stack, Entry),
        to: Writer,
        budget: &Budget,
    ) -> Result<Stack, NoStack> {
        // Before it is told of.
        self.chunk_of(self.count.load(Relaxed) + 1, budget).ok_or(NoStack::NoMemory)?;
        let stack = self.tell(caller, entry, to)?;
        let new = self.take_node(budget).ok_or(NoStack::NoMemory)?;
        let (node, bits) = (self.node(new), entry.pack());
        node.entry.store(bits, Relaxed);
        node.caller.store(caller.0, Relaxed);
        node.stack.store(stack.0, Relaxed);
        while let Err(at) = link.compare_exchange(0, new, Release, Acquire) {
            let other = self.node(at);
            if other.is(bits, caller) {
                return Ok(other.stack()); // ours stays unused, and its number: the price of a lost race
            }
            (link, hash) = other.step(hash);
        }
        Ok(stack)
    }

    /// Gives the stack a number and tells the collector what it is.
    fn tell(&self, caller: Stack, entry: Entry, to: Writer) -> Result<Stack, NoStack> {
        let spare = self.spare.iter().map(|spare| spare.swap(0, Relaxed)).find(|&number| number != 0);
        let number = spare.map_or_else(|| to.segment().stacks().take(), |number| Ok(Stack(number)));
        let stack = number.map_err(|_| NoStack::NoMemory)?;
        let [first, second] = Part::all(caller, entry).map(|part| Words::of(Message::Told(stack, part)));
        if to.send(first).is_err() {
            let free = |spare: &&AtomicU32| spare.compare_exchange(0, stack.0, Relaxed, Relaxed).is_ok();
            let _ = self.spare.iter().find(free);
            return Err(NoStack::Untold);
        }
        to.send(second).map_err(|_| NoStack::Untold)?; // the number is of no use any more
        Ok(stack)
    }

    fn take_node(&self, budget: &Budget) -> Option<u32> {
        loop {
            let count = self.count.load(Relaxed);
            let index = count + 1;
            self.chunk_of(index, budget)?;
            if self.count.compare_exchange(count, index, Relaxed, Relaxed).is_ok() {
                return Some(index);
            }
        }
    }

    /// The chunk that a node is in, mapped if need be, and where in there.
    fn chunk_of(&self, index: u32, budget: &Budget) -> Option<(*mut Node, usize)> {
        let (chunk, place) = place(index);
        let start = self.chunks.get(chunk)?.load(Acquire);
        let start = if start.is_null() { self.map_chunk(chunk, budget)? } else { start };
        Some((start, place))
    }

    #[cold]
    fn map_chunk(&self, chunk: usize, budget: &Budget) -> Option<*mut Node> {
        let bytes = chunk_bytes(chunk);
        let new = budget.map(bytes)?;
        let first = self.chunks[chunk].compare_exchange(null_mut(), new.as_ptr().cast(), AcqRel, Acquire);
        first.map_or_else(
            |other| {
                // SAFETY: another thread's chunk was first; nobody has seen this one.
                unsafe { budget.give_back(new, bytes) };
                Some(other)
            },
            |_| Some(new.as_ptr().cast()),
        )
    }

    /// A node that was taken.
    #[inline]
    fn node(&self, index: u32) -> &Node {
        let (chunk, place) = place(index);
        // SAFETY: the chunk was mapped before the index was given out, is that large, and stays; nodes
        // are made of atomics, valid as zeros.
        unsafe { &*self.chunks[chunk].load(Acquire).add(place) }
    }
}

impl Drop for Stacks {
    fn drop(&mut self) {
        for (chunk, start) in self.chunks.iter().enumerate() {
            if let Some(start) = NonNull::new(start.load(Relaxed)) {
                // SAFETY: mapped by `map_chunk`, in that size, and nobody has a node any more.
                unsafe { unmap(start.cast(), chunk_bytes(chunk)) };
            }
        }
    }
}

fn chunk_bytes(chunk: usize) -> usize {
    size_of::<Node>() << (FIRST_BITS + chunk as u32)
}

/// The chunk of a node, and its place there.
#[inline]
fn place(index: u32) -> (usize, usize) {
    let number = index + (1 << FIRST_BITS);
    let bits = number.ilog2();
    ((bits - FIRST_BITS) as usize, (number ^ 1 << bits) as usize)
}

impl Node {
    #[inline]
    fn is(&self, entry: u64, caller: Stack) -> bool {
        self.entry.load(Relaxed) == entry && self.caller.load(Relaxed) == caller.0
    }

    #[inline]
    fn stack(&self) -> Stack {
        Stack(self.stack.load(Relaxed))
    }

    /// Where to look on, and what is left of the hash.
    #[inline]
    fn step(&self, hash: u64) -> (&Link, u64) {
        (&self.next[(hash >> (64 - STEP_BITS)) as usize], hash << STEP_BITS)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    use super::*;
    use heaptrace_channel::modules::ModuleId;
    use heaptrace_channel::ring::{LastRing, Progress, Reader};

    use crate::testing::Channel;

    fn frame(address: u64) -> Entry {
        Entry::Frame { address, module: ModuleId::BY_ADDRESS }
    }

    fn intern(
        stacks: &Stacks,
        caller: Interned,
        entry: Entry,
        channel: &Channel,
    ) -> Result<Interned, NoStack> {
        stacks.intern(caller, entry, channel.own.writer(&LastRing::default()).unwrap(), &Budget::new())
    }

    fn told(channel: &Channel) -> Vec<Message> {
        let mut all = Vec::new();
        Reader::new(*channel.segment.rings(), &mut Progress::default())
            .drain_messages(|message| all.push(message));
        all
    }

    #[test]
    fn equal_stacks_are_one_and_told_of_once() {
        let (stacks, channel) = (Stacks::new(), Channel::new(1 << 10));
        let main = intern(&stacks, Interned::ROOT, frame(0x1000), &channel).unwrap();
        let leaf = intern(&stacks, main, frame(0x2000), &channel).unwrap();
        assert_eq!(intern(&stacks, Interned::ROOT, frame(0x1000), &channel), Ok(main));
        assert_eq!(intern(&stacks, main, frame(0x2000), &channel), Ok(leaf));
        let other = Entry::Frame { address: 0x1000, module: ModuleId(1) };
        assert_ne!(intern(&stacks, Interned::ROOT, other, &channel), Ok(main));
        let told = told(&channel);
        assert_eq!(told.len(), 2 * 3);
        assert_eq!(
            told[2..4],
            Part::all(main.stack, frame(0x2000)).map(|part| Message::Told(leaf.stack, part))
        );
    }

    #[test]
    fn many_stacks_are_found_again() {
        const COUNT: u64 = 100_000;
        let (stacks, channel) = (&Stacks::new(), Channel::new(1 << 18));
        let frame = |i: u64| frame(BuildHasherDefault::<DefaultHasher>::default().hash_one(i) >> 17); // anywhere
        // A tree in which seven have no caller, and each other stack calls two.
        let caller =
            |all: &[Interned], i: u64| if i < 7 { Interned::ROOT } else { all[(i as usize - 7) / 2] };
        let mut all = Vec::new();
        for i in 0..COUNT {
            all.push(intern(stacks, caller(&all, i), frame(i), &channel).unwrap());
        }
        for i in 0..COUNT {
            assert_eq!(intern(stacks, caller(&all, i), frame(i), &channel), Ok(all[i as usize]));
        }
        assert_eq!(stacks.count.load(Relaxed), COUNT as u32);
        let used = stacks.table.iter().filter(|link| link.load(Relaxed) != 0).count();
        assert!(used > stacks.table.len() * 9 / 10, "1 - 1/e^3 of the table, about: {used}");
        let longest = stacks.table.iter().map(|link| steps(stacks, link)).max().unwrap();
        assert!(longest <= 7, "about two where a place in the table has four stacks: {longest}");
    }

    /// The most steps that a search from there on takes.
    fn steps(stacks: &Stacks, link: &Link) -> u32 {
        match link.load(Relaxed) {
            0 => 0,
            at => 1 + stacks.node(at).next.iter().map(|next| steps(stacks, next)).max().unwrap(),
        }
    }

    #[test]
    fn a_stack_that_no_memory_is_there_for_is_not_told_of() {
        const FIRST_CHUNK: u64 = (1 << FIRST_BITS) - 1;
        let (stacks, channel, budget) = (Stacks::new(), Channel::new(1 << 12), Budget::new());
        let last_ring = LastRing::default();
        let intern = |address| {
            let writer = channel.own.writer(&last_ring).unwrap();
            stacks.intern(Interned::ROOT, frame(address), writer, &budget)
        };
        (0..FIRST_CHUNK).for_each(|address| assert!(intern(address).is_ok()));
        let written = channel.segment.rings().written();
        budget.leave(0);
        assert_eq!(intern(FIRST_CHUNK), Err(NoStack::NoMemory));
        assert_eq!(channel.segment.rings().written(), written);
    }

    #[test]
    fn threads_that_intern_the_same_stacks_get_the_same_numbers() {
        let (stacks, channel) = (&Stacks::new(), Channel::new(1 << 14));
        let intern_all = || {
            (1..2000u64)
                .map(|a| intern(stacks, Interned::ROOT, frame(a << 12), &channel).unwrap())
                .collect::<Vec<_>>()
        };
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(intern_all)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(results.iter().all(|r| *r == results[0]));
    }

    #[test]
    fn a_forked_child_leaves_the_numbers_that_are_over_to_its_parent() {
        let (stacks, channel) = (Stacks::new(), Channel::new(16));
        (0..8).for_each(|i| assert!(intern(&stacks, Interned::ROOT, frame(i), &channel).is_ok()));
        assert_eq!(intern(&stacks, Interned::ROOT, frame(99), &channel), Err(NoStack::Untold));
        stacks.after_fork();
        told(&channel);
        assert_eq!(intern(&stacks, Interned::ROOT, frame(99), &channel).unwrap().stack, Stack(10));
    }

    /// Neither memory nor numbers are used up by trying.
    #[test]
    fn a_stack_that_cannot_be_told_of_is_none() {
        let (stacks, channel) = (Stacks::new(), Channel::new(16));
        (0..8).for_each(|i| assert!(intern(&stacks, Interned::ROOT, frame(i), &channel).is_ok()));
        for _ in 0..1000 {
            assert_eq!(intern(&stacks, Interned::ROOT, frame(99), &channel), Err(NoStack::Untold));
        }
        assert_eq!(stacks.count.load(Relaxed), 8);
        assert!(
            intern(&stacks, Interned::ROOT, frame(7), &channel).is_ok(),
            "what was told of is still known"
        );
        told(&channel);
        assert_eq!(intern(&stacks, Interned::ROOT, frame(99), &channel).unwrap().stack, Stack(9));
    }
}
