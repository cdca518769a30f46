//! The recorder: all that recording needs, as one value.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::*};

use heaptrace_channel::sample::{Era, Sampling};

use crate::filter::Filter;
use crate::fork::ForkMark;
use crate::live::LiveTable;
use crate::memory::Budget;
use crate::process::{OwnProcess, Writer};
use crate::sampler::Sampler;
use crate::stacks::Stacks;
use crate::thread::{AtEnd, Thread};
use crate::unwind::Unwinder;

/// Before the constructor.
const STARTING: u8 = 0;
/// Calls are recorded.
const RECORDING: u8 = 1;
/// Nothing is recorded, now or later.
const OFF: u8 = 2;
/// The program has its `malloc` or `free` from elsewhere, and has not called ours yet: see
/// [`Recorder::believe`].
const DOUBTED: u8 = 3;

/// The most bytes that a thread allocates before it looks whether the rate is another one now.
pub(crate) const STRETCH: u64 = 256 * 1024;

/// The recorder of a process. In the library there is one, which the hooks share; as many as a test
/// likes elsewhere.
///
/// Zeros are one that has not begun, so it takes no room in the library's file.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Recorder {
    /// What the hooks do, beside forwarding.
    state: AtomicU8,
    pub(crate) filter: Filter,
    rate: AtomicU64,
    seed: AtomicU64,
    /// Threads that have begun to allocate: each has random numbers of its own.
    threads: AtomicU64,
    fork: ForkMark,
    /// This process in the channel.
    pub process: OwnProcess,
    early: Early,
    /// What may be taken of the program's memory.
    pub budget: Budget,
    pub(crate) live: LiveTable,
    /// How stacks are walked. From here on what is small comes first, as it is written to at the start: so that is
    /// in one page.
    pub unwinder: Unwinder,
    pub(crate) stacks: Stacks,
}

/// Allocations, and their bytes, that could not be recorded because nothing was yet. An original that
/// calls another hook counts twice.
#[derive(Debug, Default)]
struct Early {
    calls: AtomicU64,
    bytes: AtomicU64,
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

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder::new()
    }
}

impl Recorder {
    /// Where the assembly of the hooks finds what they do, a byte, which is [`Recorder::RECORDING`] while
    /// calls are recorded.
    pub const STATE: usize = offset_of!(Recorder, state);
    /// See [`Recorder::STATE`].
    pub const RECORDING: u8 = RECORDING;
    /// Where the assembly of the hooks finds the filter.
    pub const FILTER: usize = offset_of!(Recorder, filter);

    /// One that has not begun.
    pub const fn new() -> Recorder {
        Recorder {
            state: AtomicU8::new(STARTING),
            filter: Filter::new(),
            rate: AtomicU64::new(0),
            seed: AtomicU64::new(0),
            threads: AtomicU64::new(0),
            fork: ForkMark::new(),
            process: OwnProcess::new(),
            early: Early { calls: AtomicU64::new(0), bytes: AtomicU64::new(0) },
            budget: Budget::new(),
            live: LiveTable::new(),
            unwinder: Unwinder::new(),
            stacks: Stacks::new(),
        }
    }

    /// Will know when this process is a forked child. Before [`Recorder::start`].
    ///
    /// # Errors
    /// If there is no memory, or the kernel does not mark forked children.
    pub fn watch_forks(&self) -> Result<(), heaptrace_channel::handshake::Refusal> {
        self.fork.start(&self.budget)
    }

    /// Writes to what is small of it, before any of that is read: so the kernel maps the page that it is in once, and
    /// not first one of zeros. In the constructor.
    pub fn touch(&self) {
        self.rate.store(0, Relaxed);
    }

    /// Begins to record for the calling thread and all others; if it is doubted that the program's blocks
    /// come from here, not until [`Recorder::believe`].
    pub fn start(&self, rate: u64, seed: u64, doubted: bool, thread: &Thread) {
        self.rate.store(rate, Relaxed);
        self.seed.store(seed, Relaxed);
        self.live.start(rate, &self.budget);
        if doubted { self.state.store(DOUBTED, Relaxed) } else { self.begin_recording(thread) }
    }

    fn begin_recording(&self, thread: &Thread) {
        self.tell_of_early(thread);
        self.filter.start(self.first_rate(), &self.budget);
        self.state.store(RECORDING, Release); // pairs with the loads of who looks at it
    }

    /// Counts what was allocated before as lost: as many samples as it would have been.
    fn tell_of_early(&self, thread: &Thread) {
        let Early { calls, bytes } = &self.early;
        let (calls, bytes, rate) = (calls.swap(0, Relaxed), bytes.swap(0, Relaxed), self.first_rate());
        let lost = if rate == 1 { calls } else { calls.min(bytes.checked_div(rate).unwrap_or(0)) };
        if lost > 0
            && let Some(writer) = self.joined_writer(thread)
        {
            writer.counters().lost_samples.fetch_add(lost, Relaxed);
            writer.counters().early_samples.fetch_add(lost, Relaxed);
        }
    }

    /// Records nothing from now on; what the hooks cost is then their fast path.
    pub fn stop(&self) {
        self.state.store(OFF, Relaxed);
        self.fork.disturb();
        self.filter.stop(&self.budget);
    }

    /// Sees to it that a forked child knows what it is.
    #[inline]
    pub fn notice_fork(&self) {
        if self.fork.is_noticed() {
            self.after_fork();
        }
    }

    #[cold]
    fn after_fork(&self) {
        self.stacks.after_fork();
        self.unwinder.after_fork();
        if !self.process.after_fork() {
            self.stop();
        }
    }

    /// Are calls recorded, and is there nothing to see to beforehand?
    #[inline(always)]
    pub fn is_calm(&self) -> bool {
        self.fork.is_calm()
    }

    /// Sees to what there is before a call is recorded; there is nothing more of it next time if `is_all` else that
    /// there was is done. Returns whether calls are recorded.
    #[cold]
    pub(crate) fn settle(&self, is_all: bool) -> bool {
        self.notice_fork();
        if is_all && self.is_recording() {
            self.fork.calm_while(|| self.is_recording());
        }
        self.is_recording()
    }

    /// Are calls recorded?
    #[inline(always)]
    pub fn is_recording(&self) -> bool {
        self.state.load(Acquire) == RECORDING
    }

    /// Is it doubted that the program's blocks come from here?
    pub fn is_doubted(&self) -> bool {
        self.state.load(Relaxed) == DOUBTED
    }

    /// Begins to record, if that was only doubted: the blocks come from here after all.
    pub fn believe(&self, thread: &Thread) {
        self.notice_fork();
        if self.state.compare_exchange(DOUBTED, STARTING, Acquire, Relaxed).is_ok() {
            self.begin_recording(thread);
        }
    }

    /// A hook was called while nothing is recorded, to allocate `bytes`.
    pub fn unrecorded(&self, bytes: usize, thread: &Thread) -> Unrecorded {
        let state = self.state.load(Relaxed);
        if state == OFF {
            thread.countdown.set(u64::MAX);
            return Unrecorded::Off;
        }
        self.early.calls.fetch_add(1, Relaxed);
        self.early.bytes.fetch_add(bytes as u64, Relaxed);
        if state == STARTING { Unrecorded::Starting } else { Unrecorded::Doubted }
    }

    /// Mean bytes between samples when recording begins.
    fn first_rate(&self) -> u64 {
        self.rate.load(Relaxed)
    }

    /// How samples are drawn now.
    #[inline]
    pub(crate) fn sampling(&self) -> Sampling {
        let told = self.process.segment().map(|segment| segment.header().sampling());
        told.unwrap_or_else(|| Sampling::new(Era::FIRST, self.first_rate()))
    }

    /// Mean bytes between the samples that were drawn in an era.
    pub(crate) fn rate_in(&self, era: Era) -> u64 {
        let told = self.process.segment().map(|segment| segment.header().rate(era));
        told.unwrap_or_else(|| self.first_rate())
    }

    fn sampler(&self, rate: u64) -> Sampler {
        Sampler::new(rate, self.seed.load(Relaxed))
    }

    /// A thread's first allocation.
    #[cold]
    pub(crate) fn begin(&self, thread: &Thread) {
        thread.random.set(self.sampler(self.first_rate()).stream(self.threads.fetch_add(1, Relaxed)));
        thread.countdown.set(self.next_stretch(self.sampling(), thread));
        self.process.note_called();
    }

    /// Bytes until the thread's next sample, drawn as samples are now, or until it looks again how they are:
    /// the process has no memory, so the gap may be drawn anew there.
    #[inline(always)]
    pub(crate) fn next_stretch(&self, now: Sampling, thread: &Thread) -> u64 {
        let gap = if now.is_off() { u64::MAX } else { self.sampler(now.rate()).next_gap(&thread.random) };
        thread.drawn.set(now);
        thread.at_end.set(match gap {
            _ if now.takes_all() => AtEnd::Every,
            0..=STRETCH => AtEnd::Sample,
            _ => AtEnd::Look,
        });
        gap.min(STRETCH)
    }

    /// Is a sample due within the next `bytes`, at the rate that the thread's last countdown was drawn with?
    #[cold]
    pub(crate) fn is_due_within(&self, bytes: u64, thread: &Thread) -> bool {
        let drawn = thread.drawn.get();
        !drawn.is_off() && self.sampler(drawn.rate()).next_gap(&thread.random) <= bytes
    }

    /// Where the thread's samples go.
    #[inline]
    pub(crate) fn joined_writer<'a>(&'a self, thread: &'a Thread) -> Option<Writer<'a>> {
        self.process.joined_writer(&thread.last_ring, &self.live)
    }
}
