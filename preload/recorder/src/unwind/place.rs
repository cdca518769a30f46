//! The places to walk in: memory that is too much for a stack, and stays with its thread.
//!
//! A place is mapped at its first walk, and mapped anew, larger, when a stack is too deep for it.

use core::cell::{Cell, UnsafeCell};
use core::mem::{MaybeUninit, take};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::*};
use core::time::Duration;

use super::last::{Frame, Known, Last, Link};
use super::paths::Paths;
use crate::arch::control_block;
use crate::memory::Budget;
use crate::sys::Patience;

const PLACES: usize = 64;
/// The first places stay with the thread that took them. The others are taken for one walk.
const KEPT: usize = 48;
const SHARED: usize = PLACES - KEPT;

/// How long a thread waits for a place before it gives up its sample's frames: those that have one may have no
/// processor. And how often it looks.
const PATIENCE: Duration = Duration::from_millis(100);
const STEP: Duration = Duration::from_micros(500);

/// Bytes of a place at first, how many times larger each further one is, and how large the largest.
const FIRST_BYTES: usize = 16 * 1024;
const GROWTH: usize = 4;
const MOST_BYTES: usize = 4 << 20;
/// What a frame takes.
const FRAME_BYTES: usize = size_of::<Known>() + Last::LINKS_A_FRAME * size_of::<Link>() + size_of::<Frame>();

/// Who has walked so often gets a table of paths: a thread that takes few samples has no use for it.
const WALKS_BEFORE_PATHS: u32 = 1000;

/// Most frames that one walk goes through.
const MAX_FRAMES: usize = MOST_BYTES / FRAME_BYTES;

const _: () = assert!(MAX_FRAMES <= u16::MAX as usize); // a `Known` counts them in a u16

/// What a walk works with.
#[derive(Debug)]
pub struct State {
    /// What is kept of the last walk.
    pub last: Last,
    /// The frames of the present walk that are not in there, leaf first.
    pub fresh: &'static mut [Frame],
    /// How many these are.
    pub count: usize,
    /// Ways that were taken more than once, as soon as there were walks enough.
    pub paths: Option<&'static mut Paths>,
    /// How many walks there were until then.
    walks: u32,
    /// Where the slices of `last` and `fresh` are.
    memory: Option<(NonNull<u8>, usize)>,
}

/// In lines of the cache of its own, as each is another thread's.
#[derive(Debug)]
#[repr(align(128))]
struct Slot {
    /// Control block of the thread that has it, 0 for none.
    owner: AtomicUsize,
    state: UnsafeCell<MaybeUninit<State>>,
}

impl Slot {
    const fn free() -> Slot {
        Slot { owner: AtomicUsize::new(0), state: UnsafeCell::new(MaybeUninit::zeroed()) }
    }
}

// SAFETY: `owner` gives the rest to one thread at a time.
unsafe impl Sync for Slot {}

/// Which place a thread tries first: one more than its number, 0 for any.
#[derive(Debug, Default)]
pub struct Preferred(Cell<u8>);

/// The places of a process. As zeros, all are free, and without memory.
#[derive(Debug)]
pub struct Places {
    slots: [Slot; PLACES],
    /// A bit for each that some thread had, so that there is a state in it.
    made: AtomicU64,
    /// What threads wait at, which stays 0: who gives a place back wakes nobody.
    never: AtomicU32,
}

const _: () = assert!(PLACES <= u64::BITS as usize && PLACES <= u8::MAX as usize);

impl Default for Places {
    fn default() -> Places {
        Places::new()
    }
}

impl State {
    const fn new() -> State {
        State { last: Last::nothing(), fresh: &mut [], count: 0, paths: None, walks: 0, memory: None }
    }

    /// Counts a walk, and makes room for paths when there were enough of them. If there is no memory, there
    /// will not be any.
    #[cold]
    pub fn count_walk(&mut self, budget: &Budget) {
        self.walks = self.walks.saturating_add(1);
        if self.walks == WALKS_BEFORE_PATHS {
            let memory = budget.map(size_of::<Paths>());
            // SAFETY: fresh memory of zeros, which is no paths, and nobody else knows of it.
            self.paths = memory.map(|memory| unsafe { memory.cast().as_mut() });
        }
    }

    /// Makes room for more frames. False if there are as many as there can be, or there is no memory.
    #[cold]
    pub fn grow(&mut self, budget: &Budget) -> bool {
        let bytes = self.memory.map_or(FIRST_BYTES, |(_, bytes)| bytes * GROWTH);
        if bytes > MOST_BYTES {
            return false;
        }
        let Some(memory) = budget.map(bytes) else { return false };
        let frames = bytes / FRAME_BYTES;
        // SAFETY: fresh memory for all three, of zeros, which all of them may be; their alignment is
        // the same. What was in use before is copied, and nobody else knows of it.
        unsafe {
            let links = memory.cast::<Link>();
            let known = links.add(Last::LINKS_A_FRAME * frames).cast::<Known>();
            let fresh = known.add(frames).cast::<Frame>();
            let links = NonNull::slice_from_raw_parts(links, Last::LINKS_A_FRAME * frames).as_mut();
            self.last.move_to(NonNull::slice_from_raw_parts(known, frames).as_mut(), links);
            let before = take(&mut self.fresh);
            self.fresh = NonNull::slice_from_raw_parts(fresh, frames).as_mut();
            self.fresh[..self.count].copy_from_slice(&before[..self.count]);
            if let Some((old, bytes)) = self.memory.replace((memory, bytes)) {
                budget.give_back(old, bytes);
            }
        }
        true
    }
}

const _: () = assert!(
    align_of::<Link>() == align_of::<Known>()
        && align_of::<Known>() == align_of::<Frame>()
        && size_of::<Link>().is_multiple_of(8)
        && size_of::<Known>().is_multiple_of(8)
);

/// A place to walk in, this thread's until dropped or, of those that are kept, until a thread with
/// the same control block comes after it.
#[derive(Debug)]
pub struct Place<'p> {
    places: &'p Places,
    index: usize,
}

impl Places {
    /// All free.
    pub const fn new() -> Places {
        Places { slots: [const { Slot::free() }; PLACES], made: AtomicU64::new(0), never: AtomicU32::new(0) }
    }

    /// Frees the places that threads had for a walk which the forked child does not have. Those that are kept stay with
    /// whoever gets the same memory: it is not known which of them is this thread's.
    pub fn after_fork(&self) {
        self.slots[KEPT..].iter().for_each(|slot| slot.owner.store(0, Relaxed));
    }

    /// What is in the place that the thread keeps, if it has one: `preferred` is of a thread's own memory, which it
    /// gets as zeros.
    #[inline(always)]
    pub fn kept(&self, preferred: &Preferred) -> Option<&State> {
        let slot = self.slots[..KEPT].get(usize::from(preferred.0.get()).wrapping_sub(1))?;
        // SAFETY: this thread has the slot, of which `find` made the state; it is not walking.
        Some(unsafe { (*slot.state.get()).assume_init_ref() })
    }

    /// Takes the preferred place or else the next one free, which becomes the preferred one.
    /// `None` if all are taken for long: by that many threads.
    #[inline]
    pub fn acquire(&self, preferred: &Preferred) -> Option<Place<'_>> {
        let index = usize::from(preferred.0.get()).saturating_sub(1) % PLACES;
        // A walk is never begun in another: if it was, `longjmp` took this thread out of that.
        if self.slots[index].owner.load(Relaxed) == control_block() && preferred.0.get() != 0 {
            return Some(Place { places: self, index });
        }
        let index = self.find(index).or_else(|| self.find_in_time(index))?;
        preferred.0.set(index as u8 + 1);
        Some(Place { places: self, index })
    }

    #[cold]
    fn find(&self, first: usize) -> Option<usize> {
        let own = control_block();
        let kept = || (0..KEPT).find(|&index| self.slots[index].owner.load(Relaxed) == own);
        let free =
            |&index: &usize| self.slots[index].owner.compare_exchange(0, own, Acquire, Relaxed).is_ok();
        // Who got none to keep is not to look through them each time.
        let found = if first < KEPT { kept().or_else(|| (0..KEPT).find(free)) } else { None };
        let found = found.or_else(|| (0..SHARED).map(|step| KEPT + (first + step) % SHARED).find(free))?;
        if self.made.fetch_or(1 << found, Relaxed) & 1 << found == 0 {
            // SAFETY: this thread has the slot, and nobody had it before.
            unsafe { (*self.slots[found].state.get()).write(State::new()) };
        }
        Some(found)
    }

    #[cold]
    fn find_in_time(&self, first: usize) -> Option<usize> {
        let mut patience = Patience::new(PATIENCE);
        let waits = core::iter::from_fn(|| patience.wait(&self.never, 0, STEP).then_some(()));
        waits.into_iter().find_map(|()| self.find(first))
    }
}

impl Place<'_> {
    /// What is in there.
    #[inline]
    pub fn state(&mut self) -> &mut State {
        // SAFETY: this thread has the slot, of which `find` made the state.
        unsafe { (*self.places.slots[self.index].state.get()).assume_init_mut() }
    }
}

impl Drop for Place<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.index >= KEPT {
            self.places.slots[self.index].owner.store(0, Release); // pairs with `find`
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn a_thread_keeps_its_place_and_what_it_grew_there() {
        let (places, preferred, budget) = (Places::new(), Preferred::default(), Budget::new());
        assert!(places.acquire(&preferred).unwrap().state().grow(&budget));
        let mut again = places.acquire(&preferred).unwrap();
        assert_eq!(again.state().fresh.len(), FIRST_BYTES / FRAME_BYTES);
        let other = std::thread::scope(|scope| {
            scope.spawn(|| places.acquire(&Preferred::default()).unwrap().state().fresh.len()).join().unwrap()
        });
        assert_eq!(other, 0, "it is another place");
    }

    #[test]
    fn more_threads_than_places_take_turns() {
        let (places, together) = (Places::new(), Barrier::new(PLACES + 6));
        let got = std::thread::scope(|scope| {
            let walk = || {
                let preferred = Preferred::default();
                let place = places.acquire(&preferred);
                together.wait();
                let had = place.is_some();
                drop(place);
                together.wait();
                (had, places.acquire(&preferred).is_some() || !had)
            };
            let threads: Vec<_> = (0..PLACES + 6).map(|_| scope.spawn(walk)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(got.iter().filter(|(had, _)| *had).count(), PLACES);
        places.slots.iter().for_each(|slot| slot.owner.store(1, Relaxed));
        assert!(places.acquire(&Preferred::default()).is_none());
        places.after_fork();
        assert!(places.acquire(&Preferred::default()).is_some());
    }

    #[test]
    fn who_finds_no_place_waits_for_one() {
        let (places, together) = (Places::new(), Barrier::new(2));
        places.slots.iter().for_each(|slot| slot.owner.store(1, Relaxed));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                together.wait();
                places.slots[PLACES - 1].owner.store(0, Release);
            });
            assert!(places.acquire(&Preferred::default()).is_none());
            together.wait();
            let mut tries = 0..1000; // the other thread may have no processor for longer than one of them takes
            assert!(tries.any(|_| places.acquire(&Preferred::default()).is_some()));
        });
    }

    #[test]
    fn without_memory_a_place_does_not_grow_and_there_is_an_end_to_it() {
        let (places, budget) = (Places::new(), Budget::new());
        let preferred = Preferred::default();
        let mut place = places.acquire(&preferred).unwrap();
        budget.leave(FIRST_BYTES - 1);
        assert!(!place.state().grow(&budget));
        let budget = Budget::new();
        let grown = (0..10).take_while(|_| place.state().grow(&budget)).count();
        assert_eq!(FIRST_BYTES * GROWTH.pow(grown as u32 - 1), MOST_BYTES);
    }

    #[test]
    fn a_place_that_is_taken_for_one_walk_is_free_behind_it_and_has_what_was_grown_there() {
        let (places, preferred, budget) = (Places::new(), Preferred::default(), Budget::new());
        places.slots[..KEPT].iter().for_each(|slot| slot.owner.store(1, Relaxed));
        for room in [0, FIRST_BYTES / FRAME_BYTES] {
            let mut place = places.acquire(&preferred).unwrap();
            assert_eq!((place.index, place.state().fresh.len()), (KEPT, room));
            if room == 0 {
                assert!(place.state().grow(&budget));
            }
            drop(place);
            assert_eq!(places.slots[KEPT].owner.load(Relaxed), 0);
        }
    }
}
