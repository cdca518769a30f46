//! Recording: from a call of a hook to an event in the channel.

use core::cell::Cell;
use core::sync::atomic::Ordering::*;

use heaptrace_channel::ring::{Event, Words};
use heaptrace_channel::sample::{Era, Sample, Sampling};
use heaptrace_channel::weight::weight;

use crate::process::Writer;
use crate::recorder::Recorder;
use crate::stacks::NoStack;
use crate::thread::{AtEnd, Thread};
use crate::unwind::Registers;

/// Where a hook was called from: stack pointer and `rbp` at its first instruction.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Points at the return address.
    pub sp: usize,
    /// Whatever the caller has in `rbp`.
    pub bp: usize,
}

/// In the frame of a hook: a word that shows, as long as it holds its own address scrambled, that the
/// hook has not been left by `longjmp` and its frame reused.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Mark {
    word: Cell<usize>,
    /// The last block of a hook that was called from inside.
    nested: Cell<usize>,
}

impl Mark {
    const SCRAMBLE: usize = 0x9E37_79B9_7F4A_7C15;

    fn set(&self) -> usize {
        let at = &raw const self.word as usize;
        self.word.set(at ^ Mark::SCRAMBLE);
        at
    }

    /// The last block of a hook that was called from inside, as far as that took the slow path.
    pub fn nested(&self) -> usize {
        self.nested.get()
    }

    /// Does the word at `at` still hold the mark?
    ///
    /// # Safety
    /// `at` is readable stack of the calling thread.
    unsafe fn holds(at: usize) -> bool {
        // SAFETY: the caller's promise. Volatile, because the word may have any other use by now.
        unsafe { (at as *const usize).read_volatile() == at ^ Mark::SCRAMBLE }
    }
}

/// A call of a hook that is recorded, until dropped: calls from inside it are not.
///
/// Nested calls come from an original that calls another hook, or from a signal handler.
#[derive(Debug)]
pub struct Recording<'r> {
    thread: &'r Thread,
    call: Call,
    countdown: u64,
    mark: &'r Mark,
}

impl Recording<'_> {
    /// Is every call recorded, as far as the thread knows?
    #[inline(always)]
    pub fn takes_all(&self) -> bool {
        self.thread.at_end.get() == AtEnd::Every
    }
}

impl Drop for Recording<'_> {
    #[inline]
    fn drop(&mut self) {
        self.thread.countdown.set(self.countdown);
        self.thread.inside.set(0);
        self.mark.word.set(0);
    }
}

impl Recorder {
    /// Begins a recorded call; `None` if it is a nested one. Only while calls are recorded, or later. `prepare` is
    /// done before, until it says that there is no need of it any more.
    #[inline(always)]
    pub fn enter<'r>(
        &'r self,
        thread: &'r Thread,
        call: Call,
        mark: &'r Mark,
        prepare: impl FnOnce() -> bool,
    ) -> Option<Recording<'r>> {
        if !self.is_calm() && !self.settle(prepare()) {
            return None; // stopped meanwhile, in a forked child
        }
        if thread.inside.get() != 0 {
            self.heal(thread, call.sp);
            if thread.inside.get() != 0 {
                return None;
            }
        }
        if thread.random.get() == 0 {
            self.begin(thread);
        }
        let recording = Recording { thread, call, countdown: thread.countdown.get(), mark };
        // What is called from inside takes the slow path, and so tells of its block; and where a hook is left by
        // `longjmp`, the next one does, and heals.
        thread.countdown.set(0);
        thread.inside.set(mark.set());
        Some(recording)
    }

    /// Counts an allocation that succeeded in a recorded call, and samples it if it is its turn.
    #[inline(never)]
    pub fn allocated(&self, recording: &mut Recording, block: usize, size: usize) {
        self.allocated_often(recording, block, size);
    }

    /// The same, for the hooks that are called most: in one piece with them.
    #[inline(always)]
    pub fn allocated_often(&self, recording: &mut Recording, block: usize, size: usize) {
        let (size, left, thread) = (size as u64, recording.countdown, recording.thread);
        if size < left {
            recording.countdown = left - size;
            return;
        }
        let now = self.sampling();
        let born_in = if thread.at_end.get() == AtEnd::Every && now == thread.drawn.get() {
            Some(now.era()) // and so it goes on
        } else {
            let (born_in, countdown) = self.counted_down(now, thread, size - left);
            recording.countdown = countdown;
            born_in
        };
        if let Some(era) = born_in {
            self.sample(block, (size, era), recording.call, thread);
        }
    }

    /// The countdown has ended so many bytes before the end of a block. Returns the era that the block is born in,
    /// if it is its turn to be sampled, and where the countdown begins anew.
    #[inline(never)]
    fn counted_down(&self, now: Sampling, thread: &Thread, beyond: u64) -> (Option<Era>, u64) {
        let is_due = thread.at_end.get() != AtEnd::Look || self.is_due_within(beyond, thread);
        let born_in = is_due.then(|| self.birth(now, thread));
        (born_in, self.next_stretch(now, thread))
    }

    /// Ends the hook that the thread is in if a signal handler left it by `longjmp`: its frame is below
    /// the stack pointer now, or has been used for something else.
    #[cold]
    fn heal(&self, thread: &Thread, sp: usize) {
        let inside = thread.inside.get();
        if !thread.stack.contains(inside, sp) {
            return;
        }
        // SAFETY: in the known part of this thread's stack, and not below the stack pointer.
        let left = inside <= sp || !unsafe { Mark::holds(inside) };
        if left {
            thread.inside.set(0);
            thread.countdown.set(self.next_stretch(self.sampling(), thread));
        }
    }

    /// The era that a block is born in: the present one, unless its sample was drawn at another rate.
    fn birth(&self, now: Sampling, thread: &Thread) -> Era {
        let drawn = thread.drawn.get();
        let is_same = now == drawn || self.rate_in(now.era()) == drawn.rate();
        if is_same { now.era() } else { drawn.era() }
    }

    #[inline(always)]
    fn sample(&self, block: usize, (size, era): (u64, Era), call: Call, thread: &Thread) {
        let Some(writer) = self.joined_writer(thread) else { return };
        // SAFETY: the hook's caller put both there.
        let registers = unsafe { Registers::at_call(call.sp, call.bp) };
        let meanwhile = || self.live.fetch(block);
        let stack =
            match self.unwinder.stack(registers, thread, &self.stacks, &self.budget, writer, meanwhile) {
                Ok(stack) => stack,
                Err(NoStack::NoMemory) => return lose_for_want_of_memory(writer),
                Err(NoStack::Untold) => return lose(writer),
            };
        // In the table before it is told, so that there is never an allocation whose free goes unseen.
        let sample = Sample { stack, size, era };
        if !self.live.add(block, sample) && !self.insert(block, sample, thread, writer) {
            return lose_for_want_of_memory(writer);
        }
        self.filter.mark(block);
        if writer.write(Event::Allocated(sample)).is_err() {
            self.take(block);
            lose(writer);
        }
    }

    /// Adds a block to the live table. False if there is no room for it.
    #[inline(never)]
    fn insert(&self, block: usize, sample: Sample, thread: &Thread, writer: Writer) -> bool {
        let Ok(displaced) = self.live.insert(block, sample, &self.budget) else { return false };
        if let Some(displaced) = displaced {
            self.filter.unmark(block);
            writer.counters().lost_frees.fetch_add(1, Relaxed); // it was freed past us, some time ago
            self.freed(displaced, thread);
        }
        true
    }

    /// A block is about to be freed, while calls are recorded, and a fork is noticed.
    #[inline(always)]
    pub fn free(&self, block: usize, sp: usize, thread: &Thread) {
        if thread.inside.get() != 0 {
            self.heal(thread, sp);
        }
        if !self.filter.is_marked(block) {
            return;
        }
        match self.live.take_at_hand(block) {
            Some(sample) => {
                self.filter.unmark(block);
                self.freed(sample, thread);
            }
            None => self.free_slowly(block, thread),
        }
    }

    #[inline(never)]
    fn free_slowly(&self, block: usize, thread: &Thread) {
        if let Some(sample) = self.take(block) {
            self.freed(sample, thread);
        }
    }

    /// Takes a block out of the table, if it is a sampled one.
    #[inline]
    pub fn take(&self, block: usize) -> Option<Sample> {
        let sample = if self.filter.is_marked(block) { self.live.take(block)? } else { return None };
        self.filter.unmark(block);
        Some(sample)
    }

    /// Puts a block back that was taken, because it was not freed after all.
    pub fn put_back(&self, block: usize, sample: Sample, thread: &Thread) {
        match self.live.insert(block, sample, &self.budget) {
            Ok(_) => self.filter.mark(block),
            Err(_) => self.freed(sample, thread), // no room where it just was: better gone than leaked
        }
    }

    /// Tells that a sampled block was freed.
    #[inline(always)]
    pub fn freed(&self, sample: Sample, thread: &Thread) {
        // A forked child that has not recorded anything leaves what it frees out of its inheritance.
        let Some(writer) = self.process.writer(&thread.last_ring) else { return };
        let allocation = writer.event(Event::Allocated(sample));
        if writer.send_free(allocation).is_err() {
            self.lose_free(allocation, writer);
        }
    }

    #[cold]
    #[inline(never)]
    fn lose_free(&self, allocation: Words, writer: Writer) {
        let Sample { stack, size, era } = allocation.sample();
        let (objects, space) = weight(size, self.rate_in(era));
        writer.segment().lost_frees().add(stack, objects, space);
        writer.counters().lost_frees.fetch_add(1, Relaxed);
    }
}

/// Counts a sample that is lost.
#[cold]
#[inline(never)]
fn lose(writer: Writer) {
    writer.counters().lost_samples.fetch_add(1, Relaxed);
}

/// Counts a sample for which the program has no memory.
#[cold]
#[inline(never)]
fn lose_for_want_of_memory(writer: Writer) {
    writer.counters().unplaced_samples.fetch_add(1, Relaxed);
    lose(writer);
}

/// A hook that was called from inside of another has its block: tells that one.
#[cold]
pub fn nested(thread: &Thread, block: usize, call: Call) {
    let inside = thread.inside.get();
    // SAFETY: in the known part of this thread's stack, and above the stack pointer.
    if inside > call.sp && thread.stack.contains(inside, call.sp) && unsafe { Mark::holds(inside) } {
        // SAFETY: so the mark is that of a hook that has not returned.
        unsafe { (*(inside as *const Mark)).nested.set(block) };
    }
}
