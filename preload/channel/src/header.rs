//! The header: who the program is, what was lost, and the counters that the parts share.
//!
//! **Guarantees.**
//! - What is known at the start is written before the version, and never changes.
//! - Who reads a header of another version has no sizes of it.
//! - How samples are drawn is one word: nobody sees a rate of one era with the number of another.
//! - An era's rate is there before the era begins.
//! - A nudge is counted before the collector is woken, so that one who is about to sleep sees it.

use crate::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::*};
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::geometry::Geometry;
use crate::identity::{Identity, Kind, Who};
use crate::marks::Mark;
use crate::processes::ProcessSlot;
use crate::sample::{ERAS, Era, Sampling};
use crate::sys::{self, PAGE};

const KIND: Kind = (b"heaptrac", 13);

/// The first pages of a segment.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Header {
    geometry: [AtomicU32; 3],
    started: AtomicU64,
    /// Set at the first allocation seen. A program in which it never is set has a malloc of its own.
    pub called: AtomicU32,
    /// Another malloc is found before ours by symbol lookup: the program's own.
    pub shadowed: AtomicU32,
    /// What became of the patches of allocators inside the program: an [`Applied`].
    ///
    /// [`Applied`]: crate::patch::Applied
    pub patched: AtomicU8,
    /// Counts on as long as the collector works.
    pub heartbeat: AtomicU32,
    /// The collector's process id, as it sees itself; 0 until it has the segment.
    pub collector: AtomicU32,
    /// Counts how often the collector was asked to look: a futex that it sleeps on.
    nudges: AtomicU32,
    /// The number of the next new stack; see [`crate::stacks`].
    pub(crate) stacks: AtomicU32,
    /// How many module records are taken; see [`crate::modules`].
    pub(crate) modules: AtomicU32,
    /// Forked children that found no slot; see [`crate::processes`].
    pub(crate) turned_away: AtomicU32,
    /// The number of the next mark.
    marks: AtomicU32,
    /// Mean bytes between the samples that were drawn in each era.
    rates: [AtomicU64; ERAS],
    pub(crate) present: CacheLine<Present>,
    /// The program's own slot among the processes; see [`crate::processes`]. A program that records nothing writes to
    /// no other page than to this one.
    pub(crate) process: ProcessSlot,
    /// Who the program is. It comes last, so that what a single page is mapped for is in the first one.
    pub identity: Identity,
}

/// A value with a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct CacheLine<T>(pub(crate) T);

/// What is looked at for each event.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Present {
    /// See [`crate::ring`].
    pub(crate) epoch: AtomicU32,
    /// A [`Sampling`], which the collector tells.
    sampling: AtomicU64,
}

/// What the library knows when it starts.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Sizes of the segment's parts.
    pub geometry: Geometry,
    /// Mean bytes between samples; 1 for all, [`OFF`](crate::weight::OFF) for none.
    pub rate: u64,
    /// When recording began, in nanoseconds since 1970.
    pub started: u64,
    /// Who the program is.
    pub who: Who<'a>,
}

impl Default for Start<'_> {
    fn default() -> Self {
        Start { geometry: Geometry::for_rate(1, 1), rate: 1, started: 0, who: Who::default() }
    }
}

impl Header {
    /// Writes what is known at the start.
    pub fn publish(&self, start: &Start) {
        let Geometry { rings, ring_slots, lost_frees } = start.geometry;
        for (to, from) in self.geometry.iter().zip([rings, ring_slots, lost_frees]) {
            to.store(from, Relaxed);
        }
        self.begin(Sampling::new(Era::FIRST, start.rate), start.rate);
        self.started.store(start.started, Relaxed);
        self.stacks.store(1, Relaxed); // 0 is the root
        self.identity.publish(KIND, &start.who); // last
    }

    /// The sizes that the header states, if it is a header of this version.
    pub(crate) fn geometry(&self) -> Option<Geometry> {
        if !self.identity.is_in(KIND) {
            return None;
        }
        let [rings, ring_slots, lost_frees] = [0, 1, 2].map(|i| self.geometry[i].load(Relaxed));
        Some(Geometry { rings, ring_slots, lost_frees })
    }

    /// Mean bytes between the samples that are drawn in an era; [`OFF`](crate::weight::OFF) where none ever was.
    #[inline]
    pub fn rate(&self, era: Era) -> u64 {
        self.rates[era.number()].load(Relaxed)
    }

    /// How samples are drawn now.
    #[inline]
    pub fn sampling(&self) -> Sampling {
        Sampling::of(self.present.0.sampling.load(Acquire)) // pairs with `begin`
    }

    /// Has samples drawn so from now on, in an era whose blocks are of that rate, whether any are drawn now
    /// or not: the collector does.
    pub fn begin(&self, sampling: Sampling, rate: u64) {
        self.rates[sampling.era().number()].store(rate, Relaxed);
        self.present.0.sampling.store(sampling.word(), Release); // so that whoever sees the era sees its rate
    }

    /// A number for a new mark. No other that is being told has it.
    pub fn next_mark(&self) -> Mark {
        Mark(self.marks.fetch_add(1, Relaxed))
    }

    /// When recording began, in nanoseconds since 1970.
    pub fn started(&self) -> u64 {
        self.started.load(Relaxed)
    }

    /// Asks the collector to look at the segment now, and not only when its next look is due.
    pub fn nudge(&self) {
        self.nudges.fetch_add(1, Release);
        sys::futex_wake(&self.nudges);
    }

    /// The word that [`Header::nudge`] counts up, for who has mapped only a segment's first page.
    ///
    /// # Safety
    /// `page` is the readable first page of a segment for as long as the reference is used.
    pub unsafe fn nudges<'p>(page: NonNull<u8>) -> &'p AtomicU32 {
        const AT: usize = offset_of!(Header, nudges);
        const { assert!(AT + size_of::<AtomicU32>() <= PAGE) };
        // SAFETY: the word is in that page, aligned as the header's layout has it.
        unsafe { page.add(AT).cast().as_ref() }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::segment::tests::{SMALL, segment};

    #[test]
    fn what_is_told_at_the_start_and_later_reads_back() {
        let segment = segment(SMALL);
        let header = segment.header();
        header.publish(&Start { geometry: SMALL, rate: 5, started: 9, who: Who::default() });
        assert_eq!((header.started(), header.rate(Era::FIRST)), (9, 5));
        assert_eq!(header.sampling(), Sampling::new(Era::FIRST, 5));
        let next = Sampling::new(Era::new(1), 7);
        header.begin(next, 8);
        assert_eq!(header.sampling(), next);
        assert_eq!([Era::FIRST, next.era()].map(|era| header.rate(era)), [5, 8]);
        assert_eq!([(); 2].map(|()| header.next_mark()), [Mark(0), Mark(1)]);
    }

    #[test]
    fn a_nudge_changes_the_word_that_the_collector_sleeps_on() {
        let segment = segment(SMALL);
        // SAFETY: the segment is never given back.
        let nudges = unsafe { Header::nudges(NonNull::new(segment.base()).unwrap()) };
        segment.header().nudge();
        assert_eq!(nudges.load(Relaxed), 1);
    }
}
