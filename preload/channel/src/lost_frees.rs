//! The frees for which a ring had no room: sums for each stack, so that none shows up as a leak.
//!
//! **Guarantees.**
//! - An entry is one stack's from its first free on: no sum becomes another stack's.
//! - What was added is taken once. The two sums are taken one after the other, so that of a free between
//!   them one is in this look and one in the next.
//! - A stack that finds no entry goes without; nobody waits.

use crate::atomic::{AtomicU64, Ordering::Relaxed};

use crate::stacks::{ROOT, Stack};

/// Frees of one stack that found no room in the ring: sums of weights, as the bits of an `f64`.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct LostFree {
    /// The stack's number, 0 as long as the entry is free. Never another one's after that.
    stack: AtomicU64,
    objects: AtomicU64,
    space: AtomicU64,
}

/// The sums over their memory: a table by stack, a power of two in size.
#[derive(Debug, Clone, Copy)]
pub struct LostFrees<'m>(&'m [LostFree]);

impl<'m> LostFrees<'m> {
    pub(crate) fn new(entries: &'m [LostFree]) -> LostFrees<'m> {
        LostFrees(entries)
    }

    /// The sums of a stack, or the entry where they could be.
    fn sums_of(&self, stack: Stack) -> Option<&'m LostFree> {
        let all = self.0;
        let first = stack.0.wrapping_mul(0x9E37_79B1) as usize;
        let entries = (first..first + all.len()).map(|index| &all[index & (all.len() - 1)]);
        let is_it = |stack: u64| move |entry: &&LostFree| [0, stack].contains(&entry.stack.load(Relaxed));
        entries.into_iter().find(is_it(stack.0.into()))
    }

    /// Notes a free for which the ring had no room: `objects` and `space` are its weights. Where that
    /// has happened to more stacks than there are entries, it is not noted.
    pub fn add(&self, stack: Stack, objects: f64, space: f64) {
        let number = u64::from(stack.0);
        while let Some(entry) = self.sums_of(stack) {
            let claimed = entry.stack.compare_exchange(0, number, Relaxed, Relaxed);
            if claimed.is_ok() || claimed == Err(number) {
                add_to(&entry.objects, objects);
                return add_to(&entry.space, space);
            }
        }
    }

    /// The stacks that [`LostFrees::add`] has noted frees of.
    pub fn stacks(&self) -> impl Iterator<Item = Stack> + use<'m> {
        let stacks = self.0.iter().map(|entry| Stack(entry.stack.load(Relaxed) as u32));
        stacks.filter(|&stack| stack != ROOT)
    }

    /// Takes the sums of [`LostFrees::add`] for a stack: (objects, space).
    pub fn take(&self, stack: Stack) -> (f64, f64) {
        let entry = self.sums_of(stack).filter(|entry| entry.stack.load(Relaxed) != 0);
        let take = |sum: &AtomicU64| f64::from_bits(sum.swap(0, Relaxed));
        entry.map_or((0.0, 0.0), |entry| (take(&entry.objects), take(&entry.space)))
    }
}

/// Adds to a sum that others add to as well.
fn add_to(sum: &AtomicU64, value: f64) {
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

    const ENTRIES: usize = 16;

    fn memory() -> Vec<LostFree> {
        (0..ENTRIES).map(|_| LostFree::default()).collect()
    }

    #[test]
    fn lost_frees_are_summed_for_each_stack_and_taken_once() {
        let memory = memory();
        let lost = LostFrees::new(&memory);
        for stack in 1..=ENTRIES as u32 {
            lost.add(Stack(stack * 1000), 1.0, 64.0);
            lost.add(Stack(stack * 1000), 2.5, stack.into());
        }
        lost.add(Stack(7), 1.0, 1.0); // no entry is left
        assert_eq!(lost.stacks().count(), ENTRIES);
        for stack in 1..=ENTRIES as u32 {
            assert_eq!(lost.take(Stack(stack * 1000)), (3.5, 64.0 + f64::from(stack)));
            assert_eq!(lost.take(Stack(stack * 1000)), (0.0, 0.0));
        }
        assert_eq!(lost.take(Stack(7)), (0.0, 0.0));
    }

    #[test]
    fn threads_that_lose_frees_lose_no_sum() {
        let memory = memory();
        let lost = LostFrees::new(&memory);
        let lose = || (1..=4000).for_each(|i| lost.add(Stack(1 + i % 4), 1.0, 2.0));
        std::thread::scope(|scope| [(); 4].map(|()| scope.spawn(lose)).map(drop));
        (1..=4).for_each(|stack| assert_eq!(lost.take(Stack(stack)), (4000.0, 8000.0)));
    }
}
