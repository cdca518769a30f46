//! This process in the channel: who it is, and who a forked child is.
//!
//! A forked child has the parent's memory: the same segment, the same live table. It is nobody until
//! its first sample, because most children exec at once. Then it takes a slot of its own in the
//! segment and tells what it inherited.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::*};
use core::time::Duration;

use heaptrace_channel::Segment;
use heaptrace_channel::header::Header;
use heaptrace_channel::processes::{MAX_PROCESSES, OF_A_THREAD, Process, ProcessSlot};
use heaptrace_channel::ring::{Event, Full, LastRing, Message, Origin, Words};

use crate::c_library;
use crate::live::LiveTable;
use crate::sys::{self, Patience};

/// This process. As zeros, it has no segment.
#[derive(Debug, Default)]
pub struct OwnProcess {
    segment: SegmentCell,
    /// The process's slot, from [`FIRST_SLOT`] on, or what else it is.
    slot: AtomicU32,
    /// What all of its events have in common, if it has a slot.
    origin: [AtomicU64; 2],
    /// Forked children are not recorded.
    is_childless: AtomicBool,
}

const NOBODY: u32 = 0;
/// One thread is telling what was inherited; the others wait.
const JOINING: u32 = 1;
/// There is no slot for this process.
const NO_SLOT: u32 = 2;
const FIRST_SLOT: u32 = 3;

/// The segment, once there is one.
#[derive(Debug)]
struct SegmentCell {
    is_set: AtomicBool,
    segment: UnsafeCell<MaybeUninit<Segment<'static>>>,
}

// SAFETY: written once, before `is_set`; read only after.
unsafe impl Sync for SegmentCell {}

impl Default for SegmentCell {
    fn default() -> SegmentCell {
        SegmentCell::new()
    }
}

impl SegmentCell {
    const fn new() -> SegmentCell {
        SegmentCell { is_set: AtomicBool::new(false), segment: UnsafeCell::new(MaybeUninit::zeroed()) }
    }

    /// Sets it.
    ///
    /// # Safety
    /// Called once.
    unsafe fn set(&self, segment: Segment<'static>) {
        // SAFETY: nobody reads it yet, and nobody else writes it.
        unsafe { (*self.segment.get()).write(segment) };
        self.is_set.store(true, Release); // pairs with `get`
    }

    fn get(&self) -> Option<&Segment<'static>> {
        // SAFETY: it is set.
        self.is_set.load(Acquire).then(|| unsafe { self.known() })
    }

    /// The segment, which is known to be set.
    ///
    /// # Safety
    /// It was, before something that this thread has loaded with [`Acquire`].
    #[inline(always)]
    unsafe fn known(&self) -> &Segment<'static> {
        // SAFETY: the caller's promise. It stays as it is.
        unsafe { (*self.segment.get()).assume_init_ref() }
    }
}

/// Where a thread's messages go: this process's end of the channel. Two words, so that it is in registers.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    own: &'a OwnProcess,
    last_ring: &'a LastRing,
}

impl<'a> Writer<'a> {
    /// Writes an event; waits for room as long as the collector makes progress.
    ///
    /// # Errors
    /// [`Full`]: nothing was written.
    #[inline(always)] // packing a known event is a few instructions
    pub fn write(self, event: Event) -> Result<(), Full> {
        self.send(self.event(event))
    }

    /// An event of this process, as [`Writer::send`] takes it.
    #[inline(always)]
    pub fn event(self, event: Event) -> Words {
        Words::of_event(event, self.own.origin())
    }

    /// Writes that the block of this allocation was freed, which need not be a message of its own.
    ///
    /// # Errors
    /// [`Full`]: nothing was written.
    #[inline(always)]
    pub fn send_free(self, allocation: Words) -> Result<(), Full> {
        let segment = self.segment();
        segment.rings().write_free(c_library::rseq(), self.last_ring, allocation, || segment.header().nudge())
    }

    /// Writes a message, as [`Writer::write`] does an event.
    ///
    /// # Errors
    /// [`Full`]: nothing was written.
    #[inline]
    pub fn send(self, message: Words) -> Result<(), Full> {
        send(self.segment(), self.last_ring, message)
    }

    /// The process that the messages are of. After a fork in a signal handler, in the midst of a sample, it
    /// may be none.
    #[inline]
    pub fn process(self) -> Process {
        const { assert!(MAX_PROCESSES.is_power_of_two()) };
        let number = self.own.slot.load(Relaxed).wrapping_sub(FIRST_SLOT) as usize;
        Process((number & (MAX_PROCESSES - 1)) as u16)
    }

    /// Its segment.
    #[inline]
    pub fn segment(self) -> &'a Segment<'static> {
        // SAFETY: a writer is of a process that has a slot, and so a segment.
        unsafe { self.own.segment.known() }
    }

    /// Its counters.
    #[inline]
    pub fn counters(self) -> &'a ProcessSlot {
        self.segment().processes().slot(self.process())
    }
}

#[inline(always)]
fn send(segment: &Segment<'_>, last_ring: &LastRing, message: Words) -> Result<(), Full> {
    segment.rings().write(c_library::rseq(), last_ring, message, || segment.header().nudge())
}

impl OwnProcess {
    /// One without a segment.
    pub const fn new() -> OwnProcess {
        OwnProcess {
            segment: SegmentCell::new(),
            slot: AtomicU32::new(NOBODY),
            origin: [const { AtomicU64::new(0) }; 2],
            is_childless: AtomicBool::new(false),
        }
    }

    /// Makes this the program's own process, in its segment; forked children are recorded if `children`.
    ///
    /// # Safety
    /// Called once.
    pub unsafe fn start(&self, segment: Segment<'static>, children: bool) {
        // SAFETY: the caller's promise.
        unsafe { self.segment.set(segment) };
        self.is_childless.store(!children, Relaxed);
        self.take_slot(segment.processes().claim(sys::pid()));
    }

    #[inline(always)]
    fn origin(&self) -> Origin {
        let [tag, size] = [0, 1].map(|word| self.origin[word].load(Relaxed));
        Origin { tag, size }
    }

    fn take_slot(&self, process: Option<Process>) {
        let Origin { tag, size } = Origin::of(process.unwrap_or(Process(0)));
        self.origin[0].store(tag, Relaxed);
        self.origin[1].store(size, Relaxed);
        let slot = process.map_or(NO_SLOT, |process| FIRST_SLOT + u32::from(process.0));
        self.slot.store(slot, Release); // pairs with `writer`
    }

    /// Makes this the process of a forked child. True if that is recorded.
    pub fn after_fork(&self) -> bool {
        let recorded = !self.is_childless.load(Relaxed);
        self.slot.store(if recorded { NOBODY } else { NO_SLOT }, Release);
        recorded
    }

    /// Where this process's samples go; joins the segment if it is a child that has not yet, which has
    /// inherited what is in the table.
    #[inline]
    pub fn joined_writer<'a>(&'a self, last_ring: &'a LastRing, live: &LiveTable) -> Option<Writer<'a>> {
        if self.slot.load(Acquire) >= FIRST_SLOT {
            return Some(Writer { own: self, last_ring });
        }
        self.join(last_ring, live);
        self.writer(last_ring)
    }

    /// The segment, whether this process has recorded anything or not.
    #[inline]
    pub fn segment(&self) -> Option<&Segment<'static>> {
        self.segment.get()
    }

    /// Where this process's events go, if it has recorded any.
    #[inline]
    pub fn writer<'a>(&'a self, last_ring: &'a LastRing) -> Option<Writer<'a>> {
        let slot = self.slot.load(Acquire);
        let has_slot = slot >= FIRST_SLOT || (slot == JOINING && self.wait_for_join() >= FIRST_SLOT);
        has_slot.then_some(Writer { own: self, last_ring })
    }

    /// Waits for the thread that joins, which itself waits for nothing but the ring. Not for ever: it may
    /// be this very thread, interrupted by a signal handler that frees.
    #[cold]
    fn wait_for_join(&self) -> u32 {
        const STEP: Duration = Duration::from_millis(10);
        const TRIES: u32 = 50;
        for _ in 0..TRIES {
            sys::futex_wait(&self.slot, JOINING, STEP);
            let slot = self.slot.load(Acquire);
            if slot != JOINING {
                return slot;
            }
        }
        JOINING
    }

    #[cold]
    fn join(&self, last_ring: &LastRing, live: &LiveTable) {
        if self.slot.compare_exchange(NOBODY, JOINING, Acquire, Relaxed).is_err() {
            return;
        }
        // Without an id the collector learns of the end of this process only with the image's.
        let process = self.segment.get().and_then(|segment| {
            let id = sys::thread_id().unwrap_or(0);
            let process =
                segment.processes().claim(if c_library::is_alone() { id } else { id | OF_A_THREAD })?;
            segment.header().nudge(); // so that it finds the process of this thread, which may end soon
            live.for_each(|sample| {
                let inherited = Message::Happened(process, Event::Inherited(sample));
                // What finds no room is not in the child's in-use set, and neither will be its free.
                if send(segment, last_ring, Words::of(inherited)).is_err() {
                    segment.processes().slot(process).lost_samples.fetch_add(1, Relaxed);
                }
            });
            Some(process)
        });
        self.take_slot(process);
        sys::futex_wake(&self.slot);
    }

    /// Notes that the program has called a hook at all.
    pub fn note_called(&self) {
        if let Some(header) = self.header() {
            header.called.store(1, Relaxed);
        }
    }

    /// The header of its segment, if it has one.
    pub fn header(&self) -> Option<&'static Header> {
        self.segment.get().map(Segment::header)
    }

    /// Asks for this process's profile and waits until it is written, as long as the collector works.
    /// Where nothing was recorded there will be none, but for the program's own. False if there is no
    /// collector any more; only the program, which has its ids, looks for it.
    /// A forked child has noticed that it is one.
    pub fn finish(&self, is_program: bool) -> bool {
        const STEP: Duration = Duration::from_millis(50);
        let last_ring = LastRing::default();
        let Some(writer) = self.writer(&last_ring) else { return true };
        let segment = writer.segment();
        if segment.rings().written() == 0 && !is_program {
            return true;
        }
        let slot = writer.counters();
        slot.exiting.store(1, Release);
        segment.header().nudge();
        let beat = || segment.header().heartbeat.load(Relaxed);
        let mut seen = beat();
        let mut patience = patience(seen);
        while slot.written.load(Acquire) == 0 && patience.wait(&slot.written, 0, STEP) {
            if beat() != seen {
                seen = beat();
                patience = self::patience(seen);
                continue;
            }
            let collector = segment.header().collector.load(Relaxed);
            if is_program && collector != 0 && sys::has_ended(collector) {
                return slot.written.load(Acquire) != 0;
            }
        }
        true
    }
}

/// How long is waited without a further sign of life from the collector, of which `beat` is the last.
fn patience(beat: u32) -> Patience {
    const SINCE_A_SIGN: Duration = Duration::from_secs(2);
    const WITHOUT_ANY: Duration = Duration::from_millis(200);
    Patience::new(if beat == 0 { WITHOUT_ANY } else { SINCE_A_SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Channel;
    use heaptrace_channel::sample::{Era, Sample};
    use heaptrace_channel::stacks::ROOT;

    const EVENT: Event = Event::Allocated(Sample { stack: ROOT, size: 1, era: Era::FIRST });

    /// A child that nobody waits for long: a handler may have interrupted the very thread that joins.
    #[test]
    fn who_comes_while_another_thread_joins_waits_for_it_but_not_for_ever() {
        let channel = Channel::new(64);
        channel.own.slot.store(JOINING, Relaxed);
        assert!(channel.own.writer(&LastRing::default()).is_none(), "nobody joins");
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| channel.own.writer(&LastRing::default()).map(Writer::process));
            while !has_woken_one(&channel.own.slot) && !waiter.is_finished() {
                std::thread::yield_now();
            }
            channel.own.take_slot(Some(Process(7)));
            sys::futex_wake(&channel.own.slot);
            assert_eq!(waiter.join().unwrap(), Some(Process(7)));
        });
    }

    /// Wakes one that waits for the word. False if nobody did.
    fn has_woken_one(word: &AtomicU32) -> bool {
        // SAFETY: waking reads nothing and writes nothing.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) == 1 }
    }

    #[test]
    fn a_child_that_finds_no_slot_records_nothing_and_does_not_try_again() {
        let channel = Channel::new(64);
        while channel.segment.processes().claim(1).is_some() {}
        let (last_ring, live) = (LastRing::default(), LiveTable::new());
        assert!(channel.own.after_fork());
        let before = channel.segment.processes().turned_away();
        for _ in 0..3 {
            assert!(channel.own.joined_writer(&last_ring, &live).is_none());
        }
        assert_eq!(channel.segment.processes().turned_away(), before + 1);
    }

    /// The thread may end before its process, and so says that the id is a thread's.
    #[test]
    fn a_child_that_may_have_several_threads_joins_by_the_id_of_one() {
        let channel = Channel::new(64);
        assert!(channel.own.after_fork());
        let process = channel.own.joined_writer(&LastRing::default(), &LiveTable::new()).unwrap().process();
        let processes = channel.segment.processes();
        assert_eq!((processes.pid(process), processes.has_id_of_thread(process)), (sys::thread_id(), true));
    }

    #[test]
    fn the_collector_knows_that_a_hook_was_called() {
        let channel = Channel::new(64);
        let called = || channel.segment.header().called.load(Relaxed);
        assert_eq!(called(), 0);
        channel.own.note_called();
        assert_eq!(called(), 1);
    }

    fn exiting(channel: &Channel) -> &AtomicU32 {
        &channel.segment.processes().slot(Process(0)).exiting
    }

    #[test]
    fn at_its_end_a_process_waits_for_its_profile_as_long_as_the_collector_works() {
        let channel = Channel::new(64);
        channel.own.writer(&LastRing::default()).unwrap().write(EVENT).unwrap();
        std::thread::scope(|scope| {
            let end = scope.spawn(|| channel.own.finish(false));
            while exiting(&channel).load(Acquire) == 0 {
                std::thread::yield_now();
            }
            let slot = channel.segment.processes().slot(Process(0));
            slot.written.store(1, Release);
            sys::futex_wake(&slot.written);
            assert!(end.join().unwrap());
        });
    }

    #[test]
    fn without_a_collector_a_process_ends_all_the_same_and_the_program_knows() {
        let channel = Channel::new(64);
        assert!(channel.own.finish(false) && exiting(&channel).load(Relaxed) == 0, "it has written nothing");
        assert!(channel.own.finish(true), "there never was a collector");
        channel.segment.header().collector.store(sys::thread_id().unwrap(), Relaxed);
        assert!(channel.own.finish(true), "it lives, and may be busy");
        let ended = std::thread::spawn(|| sys::thread_id().unwrap()).join().unwrap();
        channel.segment.header().collector.store(ended, Relaxed);
        assert!(!channel.own.finish(true), "it has ended");
        channel.own.writer(&LastRing::default()).unwrap().write(EVENT).unwrap();
        assert!(channel.own.finish(false), "only the program looks for it");
        channel.own.after_fork();
        assert!(channel.own.finish(true), "nothing was recorded here");
    }
}
