//! The header: who the program is, what was lost, and the counters that the parts share.

use crate::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::*};
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::geometry::Geometry;
use crate::marks::Mark;
use crate::sample::{ERAS, Era, Sampling};
use crate::sys::{self, PAGE};
use crate::text::{load_text, store_text};

/// Marks a segment: `heaptrac` and the version of the layout.
const MAGIC: u64 = u64::from_le_bytes(*b"heaptrac");
const VERSION: u32 = 8;

/// Longest command line kept, in bytes; the rest of a longer one is cut off.
pub const MAX_COMMAND: usize = 2048;
/// Longest path of the executable kept, in bytes.
pub const MAX_PATH: usize = 1024;

/// The first pages of a segment.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Header {
    magic: AtomicU64,
    version: AtomicU32,
    geometry: [AtomicU32; 3],
    started: AtomicU64,
    started_monotonic: AtomicU64,
    pid: AtomicU32,
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
    command_length: AtomicU32,
    executable_length: AtomicU32,
    started_as_length: AtomicU32,
    command: [AtomicU8; MAX_COMMAND],
    executable: [AtomicU8; MAX_PATH],
    started_as: [AtomicU8; MAX_PATH],
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
    /// The same moment, in nanoseconds of CLOCK_MONOTONIC.
    pub started_monotonic: u64,
    /// The process id as the program sees it.
    pub pid: u32,
    /// Arguments of the program, each followed by a NUL.
    pub command: &'a [u8],
    /// Path of the executable file.
    pub executable: &'a [u8],
    /// Path that was given to exec: a link's or a script's own, where `executable` is what it led to.
    pub started_as: &'a [u8],
}

impl Default for Start<'_> {
    fn default() -> Self {
        let geometry = Geometry::for_rate(1, 1);
        let none = b"";
        Start {
            geometry,
            rate: 1,
            started: 0,
            started_monotonic: 0,
            pid: 0,
            command: none,
            executable: none,
            started_as: none,
        }
    }
}

impl Header {
    /// Writes what is known at the start; the magic number last, so that a reader sees all or none.
    pub fn publish(&self, start: &Start) {
        let Geometry { rings, ring_slots, lost_frees } = start.geometry;
        for (to, from) in self.geometry.iter().zip([rings, ring_slots, lost_frees]) {
            to.store(from, Relaxed);
        }
        self.begin(Sampling::new(Era::FIRST, start.rate), start.rate);
        self.started.store(start.started, Relaxed);
        self.started_monotonic.store(start.started_monotonic, Relaxed);
        self.pid.store(start.pid, Relaxed);
        self.stacks.store(1, Relaxed); // 0 is the root
        store_text(&self.command, &self.command_length, start.command);
        store_text(&self.executable, &self.executable_length, start.executable);
        store_text(&self.started_as, &self.started_as_length, start.started_as);
        self.version.store(VERSION, Relaxed);
        self.magic.store(MAGIC, Release); // pairs with the load in `geometry`
    }

    /// The sizes that the header states, if it is a header of this version.
    pub(crate) fn geometry(&self) -> Option<Geometry> {
        if self.magic.load(Acquire) != MAGIC || self.version.load(Relaxed) != VERSION {
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

    /// When recording began, in nanoseconds of CLOCK_MONOTONIC.
    pub fn started_monotonic(&self) -> u64 {
        self.started_monotonic.load(Relaxed)
    }

    /// The process id as the program sees it.
    pub fn pid(&self) -> u32 {
        self.pid.load(Relaxed)
    }

    /// Copies the command line into `buffer`: the arguments, each followed by a NUL.
    pub fn command<'b>(&self, buffer: &'b mut [u8; MAX_COMMAND]) -> &'b [u8] {
        load_text(&self.command, &self.command_length, buffer)
    }

    /// Copies the path of the executable into `buffer`.
    pub fn executable<'b>(&self, buffer: &'b mut [u8; MAX_PATH]) -> &'b [u8] {
        load_text(&self.executable, &self.executable_length, buffer)
    }

    /// Copies the path that was given to exec into `buffer`.
    pub fn started_as<'b>(&self, buffer: &'b mut [u8; MAX_PATH]) -> &'b [u8] {
        load_text(&self.started_as, &self.started_as_length, buffer)
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
