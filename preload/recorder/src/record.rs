//! Recording: from a call of a hook to an event in the channel.

use core::cell::Cell;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::*};

use heaptrace_channel::ring::Event;
use heaptrace_channel::weight::weight;

use crate::filter::FILTER;
use crate::live::{LIVE, Sample};
use crate::sampler::Sampler;
use crate::stacks::{NoStack, STACKS};
use crate::thread::{self, Thread};
use crate::unwind::{self, Registers};
use crate::{fork, process};

/// Where a hook was called from: stack pointer and `rbp` at its first instruction.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Points at the return address.
    pub sp: usize,
    /// Whatever the caller has in `rbp`.
    pub bp: usize,
}

/// Before the constructor.
const STARTING: u8 = 0;
/// Calls are recorded; for the assembly of the hooks too.
pub const RECORDING: u8 = 1;
/// Nothing is recorded, now or later.
const OFF: u8 = 2;
/// The program has its `malloc` or `free` from elsewhere, and has not called ours yet: see [`believe`].
const DOUBTED: u8 = 3;

/// What the hooks do, beside forwarding.
pub static STATE: AtomicU8 = AtomicU8::new(STARTING);
/// Allocations, and their bytes, that could not be recorded because nothing was yet. An original that
/// calls another hook counts twice.
static EARLY: Early = Early { calls: AtomicU64::new(0), bytes: AtomicU64::new(0) };
/// Threads that have begun to allocate: each has random numbers of its own.
static THREADS: AtomicU64 = AtomicU64::new(0);
static RATE: AtomicU64 = AtomicU64::new(1);
static SEED: AtomicU64 = AtomicU64::new(0);

/// What the countdown is at most in a hook: nested calls pass the fast path. Small enough, and no
/// more than the rate, that a thread whose hook was left by `longjmp` soon takes the slow path
/// again, and heals.
const HELD: u64 = 64 * 1024;

struct Early {
    calls: AtomicU64,
    bytes: AtomicU64,
}

impl Early {
    fn count(&self, bytes: usize) {
        self.calls.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Counts them as lost: as many samples as they would have been.
    fn tell(&self) {
        let (calls, bytes, rate) =
            (self.calls.swap(0, Relaxed), self.bytes.swap(0, Relaxed), RATE.load(Relaxed));
        let lost = if rate == 1 { calls } else { calls.min(bytes / rate) };
        if lost > 0
            && let Some((process, segment)) = process::recording()
        {
            let slot = segment.processes().slot(process);
            slot.lost_samples.fetch_add(lost, Relaxed);
            slot.early_samples.fetch_add(lost, Relaxed);
        }
    }
}

/// Begins to record; if it is doubted that the program's blocks come from here, not until [`believe`].
pub fn start(rate: u64, seed: u64, doubted: bool) {
    RATE.store(rate, Relaxed);
    SEED.store(seed, Relaxed);
    LIVE.start(rate);
    thread::start();
    if doubted { STATE.store(DOUBTED, Relaxed) } else { begin_recording() }
}

fn begin_recording() {
    EARLY.tell();
    FILTER.start(RATE.load(Relaxed));
    STATE.store(RECORDING, Release); // pairs with the loads of who looks at it
}

/// Records nothing from now on; what the hooks cost is then their fast path.
pub fn stop() {
    thread::start();
    STATE.store(OFF, Relaxed);
    FILTER.stop();
}

/// Sees to it that a forked child knows what it is.
#[inline]
pub fn notice_fork() {
    if fork::noticed() {
        after_fork();
    }
}

#[cold]
fn after_fork() {
    STACKS.after_fork();
    unwind::after_fork();
    if !process::after_fork() {
        stop();
    }
}

/// Are calls recorded?
#[inline(always)]
pub fn is_recording() -> bool {
    STATE.load(Acquire) == RECORDING
}

/// Is it doubted that the program's blocks come from here?
pub fn is_doubted() -> bool {
    STATE.load(Relaxed) == DOUBTED
}

/// Begins to record, if that was only doubted: the blocks come from here after all.
pub fn believe() {
    notice_fork();
    if STATE.compare_exchange(DOUBTED, STARTING, Acquire, Relaxed).is_ok() {
        begin_recording();
    }
}

/// What is to be done where calls are not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrecorded {
    /// Nothing has begun: this is before the constructor.
    Starting,
    /// It may begin.
    Doubted,
    /// Nothing is recorded, now or later.
    Off,
}

/// A hook was called while nothing is recorded, to allocate `bytes`.
pub fn unrecorded(bytes: usize) -> Unrecorded {
    let state = STATE.load(Relaxed);
    if state == OFF {
        // SAFETY: the calling thread's own.
        unsafe { (*thread::current()).countdown = u64::MAX };
        return Unrecorded::Off;
    }
    EARLY.count(bytes);
    if state == STARTING { Unrecorded::Starting } else { Unrecorded::Doubted }
}

fn sampler() -> Sampler {
    Sampler::new(RATE.load(Relaxed), SEED.load(Relaxed))
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
pub struct Recording<'m> {
    thread: *mut Thread,
    call: Call,
    countdown: u64,
    mark: &'m Mark,
}

/// Begins a recorded call; `None` if it is a nested one. Only while [`RECORDING`], or later.
#[inline(always)]
pub fn enter(call: Call, mark: &Mark) -> Option<Recording<'_>> {
    notice_fork();
    let thread = thread::current();
    // SAFETY: the calling thread's own; a signal handler's hooks leave it as they found it.
    let own = unsafe { &mut *thread };
    if !is_recording() {
        return None; // stopped meanwhile, in a forked child
    }
    if own.inside != 0 {
        heal(own, call.sp);
        if own.inside != 0 {
            return None;
        }
    }
    if own.random == 0 {
        begin(own);
    }
    let recording = Recording { thread, call, countdown: own.countdown, mark };
    own.countdown = HELD.min(RATE.load(Relaxed));
    own.inside = mark.set();
    Some(recording)
}

/// A thread's first allocation.
#[cold]
fn begin(thread: &mut Thread) {
    thread.random = sampler().stream(THREADS.fetch_add(1, Relaxed));
    thread.countdown = sampler().next_gap(&mut thread.random);
    process::note_called();
}

/// Ends the hook that the thread is in if a signal handler left it by `longjmp`: its frame is below
/// the stack pointer now, or has been used for something else.
#[cold]
fn heal(thread: &mut Thread, sp: usize) {
    let inside = thread.inside;
    if !thread.stack.contains(inside, sp) {
        return;
    }
    // SAFETY: in the known part of this thread's stack, and not below the stack pointer.
    let left = inside <= sp || !unsafe { Mark::holds(inside) };
    if left {
        thread.inside = 0;
        thread.countdown = sampler().next_gap(&mut thread.random);
    }
}

/// A hook that was called from inside of another has its block: tells that one.
#[cold]
pub fn nested(block: usize, call: Call) {
    // SAFETY: the calling thread's own.
    let thread = unsafe { &mut *thread::current() };
    let inside = thread.inside;
    // SAFETY: in the known part of this thread's stack, and above the stack pointer.
    if inside > call.sp && thread.stack.contains(inside, call.sp) && unsafe { Mark::holds(inside) } {
        // SAFETY: so the mark is that of a hook that has not returned.
        unsafe { (*(inside as *const Mark)).nested.set(block) };
    }
}

impl Recording<'_> {
    /// Has hooks that are called from inside take the slow path, and so tell of their block.
    pub fn watch_nested(&mut self) {
        // SAFETY: the calling thread's own.
        unsafe { (*self.thread).countdown = 0 };
    }

    /// Counts an allocation that succeeded, and samples it if it is its turn.
    #[inline]
    pub fn allocated(&mut self, block: usize, size: usize) {
        let size = size as u64;
        if size < self.countdown {
            self.countdown -= size;
            return;
        }
        // SAFETY: the calling thread's own.
        let thread = unsafe { &mut *self.thread };
        self.countdown = sampler().next_gap(&mut thread.random);
        // SAFETY: the hook's caller put both there.
        let registers = unsafe { Registers::at_call(self.call.sp, self.call.bp) };
        sample(block, size, registers, thread);
    }
}

impl Drop for Recording<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the calling thread's own.
        let thread = unsafe { &mut *self.thread };
        thread.countdown = self.countdown;
        thread.inside = 0;
        self.mark.word.set(0);
    }
}

fn sample(block: usize, size: u64, registers: Registers, thread: &mut Thread) {
    let Some((process, segment)) = process::recording() else { return };
    let counters = segment.processes().slot(process);
    let lost = || {
        counters.lost_samples.fetch_add(1, Relaxed);
    };
    let unplaced = || {
        counters.unplaced_samples.fetch_add(1, Relaxed);
        lost();
    };
    let stack = match unwind::stack(registers, thread, (process, segment)) {
        Ok(stack) => stack,
        Err(NoStack::NoMemory) => return unplaced(),
        Err(NoStack::Untold) => return lost(),
    };
    // In the table before it is told, so that there is never an allocation whose free goes unseen.
    let Ok(displaced) = LIVE.insert(block, Sample { stack, size }) else { return unplaced() };
    FILTER.mark(block);
    if let Some(sample) = displaced {
        FILTER.unmark(block);
        counters.lost_frees.fetch_add(1, Relaxed); // it was freed past us, some time ago
        freed(sample);
    }
    if process::write(process, segment, Event::Allocated(stack, size)).is_err() {
        take(block);
        lost();
    }
}

/// A block is about to be freed, while [`RECORDING`].
#[inline]
pub fn free(block: usize, sp: usize) {
    // SAFETY: the calling thread's own.
    let thread = unsafe { &mut *thread::current() };
    if thread.inside != 0 {
        heal(thread, sp);
    }
    if let Some(sample) = take(block) {
        freed(sample);
    }
}

/// Takes a block out of the table, if it is a sampled one.
#[inline]
pub fn take(block: usize) -> Option<Sample> {
    let sample = if FILTER.is_marked(block) { LIVE.take(block)? } else { return None };
    FILTER.unmark(block);
    Some(sample)
}

/// Puts a block back that was taken, because it was not freed after all.
pub fn put_back(block: usize, sample: Sample) {
    match LIVE.insert(block, sample) {
        Ok(_) => FILTER.mark(block),
        Err(_) => freed(sample), // no room where it just was: better gone than leaked
    }
}

/// Tells that a sampled block was freed.
pub fn freed(sample: Sample) {
    notice_fork();
    // A forked child that has not recorded anything leaves what it frees out of its inheritance.
    let Some((process, segment)) = process::recorded() else { return };
    if process::write(process, segment, Event::Freed(sample.stack, sample.size)).is_err() {
        let (objects, space) = weight(sample.size, RATE.load(Relaxed));
        segment.lost_frees().add(sample.stack, objects, space);
        segment.processes().slot(process).lost_frees.fetch_add(1, Relaxed);
    }
}
