//! The layout of the memory, and who counts where in it.

use crate::atomic::{AtomicU32, Ordering::*};

use super::header::Header;
use super::process::{OTHERS, ProcessCounters, ProcessNumber};
use super::slot::{Owner, Slot};
use super::sums::Sums;
use crate::identity::Who;

/// A mapped memory of counters: either end's view.
///
/// Every part of it is made of atomics, so that whatever the other end does is at worst wrong data.
#[derive(Debug, Clone, Copy)]
pub struct Counters<'m> {
    base: *mut u8,
    header: &'m Header,
    processes: &'m [ProcessCounters],
    slots: &'m [Slot],
}

// SAFETY: the memory is only reached through shared references to atomics.
unsafe impl Send for Counters<'_> {}
// SAFETY: as above.
unsafe impl Sync for Counters<'_> {}

/// The memory is none of counters: of another version, or of another size than it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCounters;

impl<'m> Counters<'m> {
    /// Slots that suit a program, and one that may have little memory. Only what is used takes memory.
    pub const SLOTS: u32 = 4096;
    /// As above.
    pub const FEW_SLOTS: u32 = 64;

    const PROCESSES_AT: usize = size_of::<Header>();
    const SLOTS_AT: usize = Counters::PROCESSES_AT + ProcessCounters::MAX * size_of::<ProcessCounters>();

    /// Bytes of a memory with so many slots.
    pub const fn size(slots: u32) -> usize {
        Counters::SLOTS_AT + slots as usize * size_of::<Slot>()
    }

    /// Makes counters of zeroed shared memory, which wait for [`Counters::publish`].
    ///
    /// # Safety
    /// `base` is page-aligned, mapped readable and writable for [`Counters::size`] bytes, and stays so for
    /// `'m`.
    pub unsafe fn create(base: *mut u8, slots: u32) -> Counters<'m> {
        // SAFETY: the caller's promise. All parts are aligned, of which the slots have the most: a page.
        unsafe {
            Counters {
                base,
                header: &*base.cast(),
                processes: core::slice::from_raw_parts(
                    base.add(Counters::PROCESSES_AT).cast(),
                    ProcessCounters::MAX,
                ),
                slots: core::slice::from_raw_parts(base.add(Counters::SLOTS_AT).cast(), slots as usize),
            }
        }
    }

    /// Lets others know that they are counters.
    pub fn publish(&self, who: &Who) {
        self.shared_slot().owner.store(Owner::ALL.0, Relaxed);
        self.header.publish(self.slots.len() as u32, who);
    }

    /// Looks at the memory that another process made.
    ///
    /// # Errors
    /// [`InvalidCounters`] if it is not one of ours or does not fit `size`.
    ///
    /// # Safety
    /// As for [`Counters::create`], with `size` bytes that cannot shrink.
    pub unsafe fn open(base: *mut u8, size: usize) -> Result<Counters<'m>, InvalidCounters> {
        if size < Counters::SLOTS_AT {
            return Err(InvalidCounters);
        }
        // SAFETY: the caller maps at least the header there; it is made of atomics only.
        let slots = unsafe { &*base.cast::<Header>() }.published_slots().ok_or(InvalidCounters)?;
        if !(1..=Counters::SLOTS).contains(&slots) || Counters::size(slots) != size {
            return Err(InvalidCounters);
        }
        // SAFETY: the caller's promise, for that size.
        Ok(unsafe { Counters::create(base, slots) })
    }

    /// Where it is mapped.
    pub fn base(&self) -> *mut u8 {
        self.base
    }

    /// The header.
    pub fn header(&self) -> &'m Header {
        self.header
    }

    /// The slot for threads that have found none: who counts in it, does so for [`OTHERS`] of any process.
    pub fn shared_slot(&self) -> &'m Slot {
        &self.slots[0]
    }

    /// The counters of a process.
    pub fn process(&self, process: ProcessNumber) -> &'m ProcessCounters {
        &self.processes[process.0 as usize % self.processes.len()]
    }

    /// Takes a place for the process with that id: the last place is for all that find no other.
    pub fn claim_process(&self, pid: u32) -> ProcessNumber {
        let taken = self
            .header
            .processes
            .0
            .fetch_update(Relaxed, Relaxed, |taken| (taken < u32::from(OTHERS.0)).then_some(taken + 1));
        let Ok(place) = taken else { return OTHERS };
        let process = ProcessNumber(place as u16);
        self.process(process).pid.store(pid, Relaxed);
        process
    }

    /// A slot for a thread of a process, with what that has counted elsewhere before; `None` if there are as
    /// many threads at once as slots. `cursor` is where the process goes on looking; `has_ended` tells of
    /// a thread.
    pub fn claim_slot(
        &self,
        process: ProcessNumber,
        thread: u32,
        before: Option<&Slot>,
        cursor: &AtomicU32,
        has_ended: impl Fn(u32) -> bool,
    ) -> Option<&'m Slot> {
        let owner = Owner::of(process, thread);
        if before.is_none()
            && let Some(slot) = self.left_slot(owner, cursor, &has_ended)
        {
            return Some(slot);
        }
        let used = &self.header.used.0;
        let fresh = used.fetch_update(Relaxed, Relaxed, |used| {
            let used = used.max(1); // the first one is shared
            ((used as usize) < self.slots.len()).then_some(used + 1)
        });
        if let Ok(index) = fresh {
            let slot = &self.slots[index.max(1) as usize];
            slot.begin(before);
            slot.owner.store(owner.0, Release);
            return Some(slot);
        }
        self.slots[1..].iter().find(|slot| self.take_over(slot, owner, &has_ended))
    }

    /// A slot that an ended thread of the same process has left, among a few.
    fn left_slot(
        &self,
        owner: Owner,
        cursor: &AtomicU32,
        has_ended: impl Fn(u32) -> bool,
    ) -> Option<&'m Slot> {
        const TRIES: u32 = 8;
        let used = (self.header.used.0.load(Relaxed) as usize).min(self.slots.len());
        let tries = used.saturating_sub(1).min(TRIES as usize);
        (0..tries).find_map(|_| {
            let index = 1 + cursor.fetch_add(1, Relaxed) as usize % (used - 1);
            let slot = &self.slots[index];
            let is_ours = Owner(slot.owner.load(Relaxed)).process() == owner.process();
            (is_ours && self.take_over(slot, owner, &has_ended)).then_some(slot)
        })
    }

    /// Takes a slot over if its thread has ended, and counts on in it. Where it was another process's, those
    /// counts are no longer told apart from others.
    fn take_over(&self, slot: &Slot, owner: Owner, has_ended: impl Fn(u32) -> bool) -> bool {
        let present = Owner(slot.owner.load(Acquire));
        let (Some(present_process), Some(process)) = (present.process(), owner.process()) else {
            return false;
        };
        if present.thread() == 0 || !(present.thread() == owner.thread() || has_ended(present.thread())) {
            return false;
        }
        let is_same = present_process == process;
        let new = if is_same { owner } else { Owner::of(OTHERS, owner.thread()) };
        if slot.owner.compare_exchange(present.0, new.0, AcqRel, Relaxed).is_err() {
            return false;
        }
        if !is_same {
            slot.tell(self.process(present_process));
            for merged in [present_process, process] {
                self.process(merged).merged.store(1, Relaxed);
            }
        }
        true
    }

    /// The processes that have counted, with their ids; not those of [`OTHERS`].
    pub fn processes(&self) -> impl Iterator<Item = (ProcessNumber, u32)> {
        let count = self.header.processes.0.load(Relaxed).min(u32::from(OTHERS.0));
        (0..count as u16)
            .map(|place| (ProcessNumber(place), self.process(ProcessNumber(place)).pid.load(Relaxed)))
    }

    /// Are some counts of the process among those of [`OTHERS`]?
    pub fn is_merged(&self, process: ProcessNumber) -> bool {
        self.process(process).merged.load(Relaxed) != 0
    }

    /// The slots in which a process has counted.
    pub fn slots(&self, process: ProcessNumber) -> impl Iterator<Item = &'m Slot> {
        let used = (self.header.used.0.load(Relaxed) as usize).min(self.slots.len());
        let own = self.slots.iter().take(used).skip(1);
        let own = own.filter(move |slot| Owner(slot.owner.load(Acquire)).process() == Some(process));
        own.chain((process == OTHERS).then(|| self.shared_slot()))
    }

    /// What a process has in use, and the most that it had.
    pub fn in_use(&self, process: ProcessNumber) -> (i64, i64) {
        let (told, peak) = self.process(process).told();
        // The shared slot keeps nothing to itself.
        let is_own = |slot: &&'m Slot| !core::ptr::eq(*slot, self.shared_slot());
        let own = || self.slots(process).filter(is_own);
        let untold = own().map(Slot::untold).fold(0, i64::wrapping_add);
        let most = own().map(Slot::most).fold(0, i64::wrapping_add);
        (told.wrapping_add(untold), peak.max(told.wrapping_add(most)))
    }

    /// All that a process has counted.
    pub fn sums(&self, process: ProcessNumber) -> Sums {
        let (in_use, peak) = self.in_use(process);
        let mut sums = Sums { in_use, peak, ..Sums::default() };
        self.slots(process).for_each(|slot| sums.add(slot));
        sums
    }
}

#[cfg(test)]
mod tests;
