//! The places to walk in: memory that is too much for a stack, and stays with its thread.
//!
//! A place is mapped at its first walk, and mapped anew, larger, when a stack is too deep for it.

use core::cell::UnsafeCell;
use core::mem::take;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::*};

use super::last::{Frame, Known, Last, Link};
use crate::arch::control_block;
use crate::memory::budget;

const PLACES: usize = 64;
/// The first places stay with the thread that took them. The others are taken for one walk.
const KEPT: usize = 48;

/// Bytes of a place at first, how many times larger each further one is, and how large the largest.
const FIRST_BYTES: usize = 16 * 1024;
const GROWTH: usize = 4;
const MOST_BYTES: usize = 4 << 20;
/// What a frame takes.
const FRAME_BYTES: usize = size_of::<Known>() + Last::LINKS_A_FRAME * size_of::<Link>() + size_of::<Frame>();

/// Most frames that one walk goes through.
const MAX_FRAMES: usize = MOST_BYTES / FRAME_BYTES;

const _: () = assert!(MAX_FRAMES <= u16::MAX as usize); // a `Known` counts them in a u16

/// What a walk works with.
pub struct State {
    /// What is kept of the last walk.
    pub last: Last,
    /// The frames of the present walk that are not in there, leaf first.
    pub fresh: &'static mut [Frame],
    /// How many these are.
    pub count: usize,
    /// Where the slices of both are.
    memory: Option<(NonNull<u8>, usize)>,
}

struct Slot {
    /// Control block of the thread that has it, 0 for none.
    owner: AtomicUsize,
    state: UnsafeCell<State>,
}

// SAFETY: `owner` gives the state to one thread at a time.
unsafe impl Sync for Slot {}

static SLOTS: [Slot; PLACES] =
    [const { Slot { owner: AtomicUsize::new(0), state: UnsafeCell::new(State::new()) } }; PLACES];

impl State {
    const fn new() -> State {
        State { last: Last::nothing(), fresh: &mut [], count: 0, memory: None }
    }

    /// Makes room for more frames. False if there are as many as there can be, or there is no memory.
    #[cold]
    pub fn grow(&mut self) -> bool {
        let bytes = self.memory.map_or(FIRST_BYTES, |(_, bytes)| bytes * GROWTH);
        if bytes > MOST_BYTES {
            return false;
        }
        let Some(memory) = budget::map(bytes) else { return false };
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
                budget::give_back(old, bytes);
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

/// Frees the places of threads that the forked child does not have.
pub fn after_fork() {
    SLOTS.iter().for_each(|slot| slot.owner.store(0, Relaxed));
}

/// A place to walk in, this thread's until dropped or, of those that are kept, until a thread with
/// the same control block comes after it.
pub struct Place(usize);

impl Place {
    /// Takes the preferred place or else the next one free, which becomes the preferred one.
    /// `None` if all are taken: by that many threads at this instant.
    #[inline]
    pub fn acquire(preferred: &mut u32) -> Option<Place> {
        let index = *preferred as usize % PLACES;
        // A walk is never begun in another: if it was, `longjmp` took this thread out of that.
        if SLOTS[index].owner.load(Relaxed) == control_block() {
            return Some(Place(index));
        }
        let found = Place::find(index)?;
        *preferred = found.0 as u32;
        Some(found)
    }

    #[cold]
    fn find(first: usize) -> Option<Place> {
        let own = control_block();
        let kept = || (0..KEPT).find(|&index| SLOTS[index].owner.load(Relaxed) == own);
        let free = |&index: &usize| SLOTS[index].owner.compare_exchange(0, own, Acquire, Relaxed).is_ok();
        // Who got none to keep is not to look through them each time.
        let found = if first < KEPT { kept().or_else(|| (0..KEPT).find(free)) } else { None };
        found
            .or_else(|| (0..PLACES - KEPT).map(|step| KEPT + (first + step) % (PLACES - KEPT)).find(free))
            .map(Place)
    }

    /// What is in there.
    #[inline]
    pub fn state(&mut self) -> &mut State {
        // SAFETY: this thread has the slot.
        unsafe { &mut *SLOTS[self.0].state.get() }
    }
}

impl Drop for Place {
    #[inline]
    fn drop(&mut self) {
        if self.0 >= KEPT {
            SLOTS[self.0].owner.store(0, Release); // pairs with `find`
        }
    }
}
