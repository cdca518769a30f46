//! Where the calling thread counts.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::*};

use heaptrace_channel::counters::{Counters, ProcessCounters, ProcessNumber, Slot};
use heaptrace_channel::handshake::Refusal;
use heaptrace_recorder::{fork, sys};

use super::{thread, usable};

/// Before the constructor: what is called then counts in [`EARLY`].
const STARTING: u8 = 0;
const COUNTING: u8 = 1;
/// Nothing is counted, now or later.
const OFF: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(STARTING);
/// Forked children are counted too.
static CHILDREN: AtomicBool = AtomicBool::new(true);
/// Where a thread goes on to look for a slot that another one has left.
static CURSOR: AtomicU32 = AtomicU32::new(0);

/// Set once, in the constructor.
struct Cell(UnsafeCell<Option<Counters<'static>>>);

// SAFETY: written in the constructor, while there is one thread; read only after.
unsafe impl Sync for Cell {}

static COUNTERS: Cell = Cell(UnsafeCell::new(None));

/// What the first thread counts before there are counters.
static EARLY: Slot = Slot::empty();
static EARLY_PROCESS: ProcessCounters = ProcessCounters::empty();

/// A page of this library's that the kernel clears in forked children (`MADV_WIPEONFORK`), who share the
/// counters with their parent and must not count in its slots. Memory that a library asks to be zeroed is
/// anonymous from the first whole page on.
#[repr(C, align(4096))]
pub struct Wiped {
    /// [`TOP`] and where the counters are, for the assembly of the hooks; 0 if they are to take the slow
    /// path. First, where that expects it.
    fast_base: AtomicUsize,
    /// The same, for all allocators.
    base: AtomicUsize,
    /// The process's place, plus one.
    process: AtomicU32,
    rest: [AtomicU64; 509],
}

const _: () = assert!(size_of::<Wiped>() == sys::PAGE);

/// The page.
pub static WIPED: Wiped = Wiped {
    fast_base: AtomicUsize::new(0),
    base: AtomicUsize::new(0),
    process: AtomicU32::new(0),
    rest: [const { AtomicU64::new(0) }; 509],
};

/// A thread's word is this, and how far its slot is from the counters' beginning. So the sum of it and the
/// base carries if the thread has a slot and the process knows itself, and is the slot's address.
const TOP: usize = 1 << 63;
/// The word of a thread that found no slot.
const NO_SLOT: usize = 1;

/// Where a call is counted.
#[derive(Clone, Copy)]
pub struct Tally {
    /// The thread's counters.
    pub slot: &'static Slot,
    /// The process's.
    pub process: &'static ProcessCounters,
}

impl Tally {
    /// A block is in use that was not before.
    #[inline]
    pub fn gained(self, bytes: i64) {
        self.slot.change_in_use(self.process, bytes);
    }
}

/// Where the calling thread counts; `None` if nothing is counted.
#[inline]
pub fn tally() -> Option<Tally> {
    let base = WIPED.base.load(Relaxed);
    if !usable::is_in_front() && thread::is_asking() {
        return None;
    }
    if base != 0 {
        // SAFETY: the calling thread's own word. That there is a base tells that this library is relocated.
        let (slot, is_own) = base.overflowing_add(unsafe { *thread::word() });
        if is_own {
            // SAFETY: the slot that this thread has claimed, in a mapping that stays.
            return Some(Tally { slot: unsafe { &*(slot as *const Slot) }, process: process()? });
        }
    }
    find()
}

/// The counters, once this process counts.
pub fn counters() -> Option<&'static Counters<'static>> {
    // SAFETY: see `Cell`.
    unsafe { (*COUNTERS.0.get()).as_ref() }
}

/// This process's place in the counters, if it has one.
pub fn own_process() -> Option<ProcessNumber> {
    Some(ProcessNumber(WIPED.process.load(Relaxed).checked_sub(1)? as u16))
}

#[inline]
fn process() -> Option<&'static ProcessCounters> {
    Some(counters()?.process(own_process()?))
}

/// Finds a place for a thread that has none, or for a process that has just forked.
#[cold]
fn find() -> Option<Tally> {
    match STATE.load(Acquire) {
        STARTING => {
            usable::ensure();
            return Some(Tally { slot: &EARLY, process: &EARLY_PROCESS });
        }
        OFF => return None,
        _ => {}
    }
    let counters = counters()?;
    if own_process().is_none() {
        // A forked child that does not know itself yet has only this thread. Its word is its parent's.
        if !CHILDREN.load(Relaxed) {
            STATE.store(OFF, Relaxed);
            return None;
        }
        // SAFETY: the calling thread's own word.
        unsafe { *thread::word() = 0 };
        enter(counters, sys::thread_id().unwrap_or(0));
    }
    let process = process()?;
    // SAFETY: as above.
    if unsafe { *thread::word() } == NO_SLOT || !claim(counters, None) {
        return Some(Tally { slot: counters.shared_slot(), process });
    }
    let (slot, _) = WIPED.base.load(Relaxed).overflowing_add(
        // SAFETY: as above.
        unsafe { *thread::word() },
    );
    // SAFETY: the slot that was just claimed.
    Some(Tally { slot: unsafe { &*(slot as *const Slot) }, process })
}

/// Makes this process one of those that count.
fn enter(counters: &Counters<'_>, pid: u32) {
    let base = TOP.wrapping_add(counters.base() as usize);
    WIPED.process.store(u32::from(counters.claim_process(pid).0) + 1, Relaxed);
    WIPED.fast_base.store(if usable::is_in_front() { base } else { 0 }, Relaxed);
    WIPED.base.store(base, Relaxed);
}

/// Claims a slot for this thread. False if there is none.
fn claim(counters: &'static Counters<'static>, before: Option<&Slot>) -> bool {
    let Some(process) = own_process() else { return false };
    let thread = sys::thread_id().unwrap_or(0);
    let slot = counters.claim_slot(process, thread, before, &CURSOR, sys::has_ended);
    let word = slot.map_or(NO_SLOT, |slot| {
        TOP.wrapping_add((&raw const *slot as usize).wrapping_sub(counters.base() as usize))
    });
    // SAFETY: the calling thread's own.
    unsafe { *thread::word() = word };
    slot.is_some()
}

/// Begins to count in these counters.
///
/// # Errors
/// If the kernel does not clear pages in forked children.
///
/// # Safety
/// Called once, in the constructor.
pub unsafe fn start(counters: Counters<'static>, children: bool) -> Result<(), Refusal> {
    fork::wipe_on_fork((&raw const WIPED).cast_mut().cast())?;
    // SAFETY: nobody reads it yet.
    unsafe { *COUNTERS.0.get() = Some(counters) };
    CHILDREN.store(children, Relaxed);
    thread::start();
    enter(&counters, sys::pid());
    let counters = self::counters().ok_or(Refusal::NoMemory)?;
    claim(counters, Some(&EARLY));
    STATE.store(COUNTING, Release);
    Ok(())
}

/// Counts nothing from now on.
pub fn stop() {
    WIPED.fast_base.store(0, Relaxed);
    WIPED.base.store(0, Relaxed);
    STATE.store(OFF, Relaxed);
}
