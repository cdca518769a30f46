//! Memory for code near the functions that are patched: a jump of five bytes does not lead everywhere.

use core::ffi::c_void;
use core::ptr::NonNull;

use heaptrace_channel::patch::{Applied, MAX_MOVED, MAX_PATCHES, Patch};
use heaptrace_recorder::memory::{make_executable, map_at, unmap};
use heaptrace_recorder::sys::PAGE;

use super::patched::{self, Patched};
use crate::arch::patch::{WAY_IN, way_in};

/// Where what was moved begins, behind the way into the hook.
const MOVED: usize = 16;
/// Bytes of both.
const SLOT: usize = 64;
const _: () = assert!(WAY_IN <= MOVED && MOVED + MAX_MOVED <= SLOT);

/// Bytes of a piece of memory near code: as many as all patches may need.
const PIECE: usize = MAX_PATCHES * SLOT;
/// Most of these: the program and its libraries are in two or three places.
const MAX_PIECES: usize = 4;
/// How far the memory may be: a jump leads twice as far, and what is moved may be about data on the other
/// side of its code.
const REACH: usize = 1 << 30;

/// Memory near the code that is patched, in slots.
pub struct Near {
    /// The pieces of memory, each with the number of its slots that are taken.
    pieces: [Option<(NonNull<u8>, usize)>; MAX_PIECES],
    /// The slot of each patch.
    slots: [usize; MAX_PATCHES],
}

impl Near {
    /// None yet.
    pub fn new() -> Near {
        Near { pieces: [None; MAX_PIECES], slots: [0; MAX_PATCHES] }
    }

    /// Fills a slot for a patch, and prepares the hook that it leads to.
    pub fn prepare(&mut self, index: usize, patch: &Patch) -> Option<()> {
        let slot = self.slot_near(patch.at() as usize)?;
        let patched = Patched::prepare(index, patch, (slot + MOVED) as *mut c_void)?;
        let mut code = [0; SLOT];
        code[..WAY_IN].copy_from_slice(&way_in(&raw const *patched as usize));
        let moved = patch.moved.get();
        code[MOVED..MOVED + moved.len()].copy_from_slice(moved);
        for distance in patch.distances() {
            let at = MOVED + usize::from(distance.at);
            let target = (patch.at() as usize).wrapping_add_signed(distance.target as isize);
            let from = slot + MOVED + usize::from(distance.end);
            let distance = i32::try_from(target.wrapping_sub(from) as isize).ok()?;
            code.get_mut(at..at + 4)?.copy_from_slice(&distance.to_le_bytes());
        }
        // SAFETY: a slot of memory that can be written to, and that nobody else has.
        unsafe { *(slot as *mut [u8; SLOT]) = code };
        *self.slots.get_mut(index)? = slot;
        Some(())
    }

    /// A free slot within reach of that code.
    fn slot_near(&mut self, at: usize) -> Option<usize> {
        let is_near = |piece: NonNull<u8>| (piece.as_ptr() as usize).abs_diff(at) < REACH;
        for piece in &mut self.pieces {
            if piece.is_none() {
                *piece = map_near(at, is_near).map(|memory| (memory, 0));
            }
            let (memory, taken) = piece.as_mut()?;
            if is_near(*memory) {
                *taken += 1;
                return Some(memory.as_ptr() as usize + (*taken - 1) * SLOT);
            }
        }
        None
    }

    /// Where the hook of a patch begins.
    pub fn hook(&self, index: usize) -> usize {
        self.slots.get(index).copied().unwrap_or(0)
    }

    /// The function without its patch.
    pub fn unpatched(&self, index: usize) -> *mut c_void {
        (self.hook(index) + MOVED) as *mut c_void
    }

    fn memory(&self) -> impl Iterator<Item = NonNull<u8>> {
        self.pieces.iter().flatten().map(|(memory, _)| *memory)
    }

    /// Makes it code. False if the kernel does not allow that.
    pub fn make_executable(&self) -> bool {
        self.memory().all(|memory| make_executable(memory, PIECE))
    }

    /// Gives the memory back: nothing leads to it.
    pub fn give_up(&self, why: Applied) -> Applied {
        // SAFETY: as above.
        self.memory().for_each(|memory| unsafe { unmap(memory, PIECE) });
        patched::forget();
        why
    }
}

/// Memory within reach of that code. What is below a program is free, and what is above belongs to its
/// heap; around a library are others.
fn map_near(at: usize, is_near: impl Fn(NonNull<u8>) -> bool) -> Option<NonNull<u8>> {
    const FIRST: usize = 1 << 16;
    let steps = || (0..).map(|n| FIRST << n).take_while(|&step| step < REACH);
    let below = steps().filter_map(|step| at.checked_sub(step).filter(|&hint| hint >= FIRST));
    let above = steps().filter_map(|step| at.checked_add(REACH - step));
    below.chain(above).find_map(|hint| {
        let memory = map_at(hint & !(PAGE - 1), PIECE)?;
        if is_near(memory) {
            return Some(memory);
        }
        // SAFETY: nobody has it.
        unsafe { unmap(memory, PIECE) };
        None
    })
}
