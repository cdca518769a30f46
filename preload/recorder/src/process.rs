//! This process in the channel: who it is, and who a forked child is.
//!
//! A forked child has the parent's memory: the same segment, the same live table. It is nobody until
//! its first sample, because most children exec at once. Then it takes a slot of its own in the
//! segment and tells what it inherited.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};
use core::time::Duration;

use heaptrace_channel::Segment;
use heaptrace_channel::processes::{MAX_PROCESSES, Process};
use heaptrace_channel::ring::{Event, Full, Message, Words};

use crate::live::LIVE;
use crate::sys::{self, Patience};
use crate::{c_library, thread};

/// Set once, before recording starts.
struct Cell(UnsafeCell<Option<Segment>>);

// SAFETY: written in the constructor, while there is one thread; read only after.
unsafe impl Sync for Cell {}

static SEGMENT: Cell = Cell(UnsafeCell::new(None));
/// The process's slot, or what else it is.
static SLOT: AtomicU32 = AtomicU32::new(NOBODY);
/// Forked children are recorded too.
static CHILDREN: AtomicBool = AtomicBool::new(true);

const NOBODY: u32 = u32::MAX;
/// One thread is telling what was inherited; the others wait.
const JOINING: u32 = u32::MAX - 1;
/// There is no slot for this process.
const NO_SLOT: u32 = u32::MAX - 2;

/// The segment of this program, once it records.
#[inline]
pub fn segment() -> Option<&'static Segment> {
    // SAFETY: see `Cell`.
    unsafe { (*SEGMENT.0.get()).as_ref() }
}

/// Makes this the program's own process.
///
/// # Safety
/// Called once, in the constructor.
pub unsafe fn start(segment: Segment, children: bool) {
    // SAFETY: nobody reads it yet.
    unsafe { *SEGMENT.0.get() = Some(segment) };
    CHILDREN.store(children, Relaxed);
    SLOT.store(segment.processes().claim(sys::pid()).map_or(NO_SLOT, |process| process.0.into()), Release);
}

/// Makes this the process of a forked child. True if that is recorded.
pub fn after_fork() -> bool {
    let recorded = CHILDREN.load(Relaxed);
    SLOT.store(if recorded { NOBODY } else { NO_SLOT }, Release);
    recorded
}

/// Where this process's samples go; joins the segment if it is a child that has not yet.
pub fn recording() -> Option<(Process, &'static Segment)> {
    if SLOT.load(Acquire) == NOBODY {
        join();
    }
    recorded()
}

/// Where this process's events go, if it has recorded any.
#[inline]
pub fn recorded() -> Option<(Process, &'static Segment)> {
    let mut slot = SLOT.load(Acquire);
    if slot == JOINING {
        slot = wait_for_join();
    }
    ((slot as usize) < MAX_PROCESSES).then_some((Process(slot as u16), segment()?))
}

/// Writes an event; waits for room as long as the collector makes progress.
///
/// # Errors
/// [`Full`]: nothing was written.
#[inline(always)] // packing a known event is a few instructions
pub fn write(process: Process, segment: &Segment, event: Event) -> Result<(), Full> {
    send(segment, Words::of(Message::Happened(process, event)))
}

/// Writes a message, as [`write()`] does an event.
///
/// # Errors
/// [`Full`]: nothing was written.
pub fn send(segment: &Segment, message: Words) -> Result<(), Full> {
    // SAFETY: the calling thread's own.
    let last = unsafe { &(*thread::current()).last_ring };
    segment.rings().write(c_library::rseq(), last, message, || segment.header().nudge())
}

/// Waits for the thread that joins, which itself waits for nothing but the ring. Not for ever: it may
/// be this very thread, interrupted by a signal handler that frees.
#[cold]
fn wait_for_join() -> u32 {
    const STEP: Duration = Duration::from_millis(10);
    const TRIES: u32 = 50;
    for _ in 0..TRIES {
        sys::futex_wait(&SLOT, JOINING, STEP);
        let slot = SLOT.load(Acquire);
        if slot != JOINING {
            return slot;
        }
    }
    JOINING
}

#[cold]
fn join() {
    if SLOT.compare_exchange(NOBODY, JOINING, Acquire, Relaxed).is_err() {
        return;
    }
    let joined = segment().and_then(|segment| {
        // Without an id the collector learns of the end of this process only with the image's.
        let process = segment.processes().claim(sys::thread_id().unwrap_or(0))?;
        segment.header().nudge(); // so that it finds the process of this thread, which may end soon
        LIVE.for_each(|sample| {
            // What finds no room is not in the child's in-use set, and neither will be its free.
            if write(process, segment, Event::Inherited(sample.stack, sample.size)).is_err() {
                segment.processes().slot(process).lost_samples.fetch_add(1, Relaxed);
            }
        });
        Some(process)
    });
    SLOT.store(joined.map_or(NO_SLOT, |process| process.0.into()), Release);
    sys::futex_wake(&SLOT);
}

/// Notes that the program has called a hook at all.
pub fn note_called() {
    if let Some(segment) = segment() {
        segment.header().called.store(1, Relaxed);
    }
}

/// Asks for this process's profile and waits until it is written, as long as the collector works.
/// Where nothing was recorded there will be none, but for the program's own. False if there is no
/// collector any more; only the program, which has its ids, looks for it.
/// A forked child has noticed that it is one.
pub fn finish(is_program: bool) -> bool {
    const STEP: Duration = Duration::from_millis(50);
    /// How long without a sign of life from the collector, and from one that never gave any.
    const PATIENCE: [Duration; 2] = [Duration::from_secs(2), Duration::from_millis(200)];
    let Some((process, segment)) = recorded() else { return true };
    if segment.rings().written() == 0 && !is_program {
        return true;
    }
    let slot = segment.processes().slot(process);
    slot.exiting.store(1, Release);
    segment.header().nudge();
    let beat = || segment.header().heartbeat.load(Relaxed);
    let mut seen = beat();
    let mut patience = Patience::new(PATIENCE[usize::from(seen == 0)]);
    while slot.written.load(Acquire) == 0 && patience.wait(&slot.written, 0, STEP) {
        if beat() != seen {
            (seen, patience) = (beat(), Patience::new(PATIENCE[0]));
            continue;
        }
        let collector = segment.header().collector.load(Relaxed);
        if is_program && collector != 0 && sys::has_ended(collector) {
            return slot.written.load(Acquire) != 0;
        }
    }
    true
}
