//! What one thread counts.

use core::mem::offset_of;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering::*};

use super::process::{ProcessCounters, ProcessNumber};

/// A way to ask for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Family {
    /// `malloc`.
    Malloc,
    /// `calloc`.
    Calloc,
    /// `realloc` and `reallocarray`.
    Realloc,
    /// `posix_memalign`, `aligned_alloc`, `memalign`, `valloc`, `pvalloc`.
    Aligned,
    /// C++'s `operator new`.
    New,
    /// C++'s `operator new[]`.
    NewArray,
}

impl Family {
    /// How many there are.
    pub const COUNT: usize = 6;
    /// All of them, in the order of their numbers.
    pub const ALL: [Family; Family::COUNT] =
        [Family::Malloc, Family::Calloc, Family::Realloc, Family::Aligned, Family::New, Family::NewArray];

    /// What a user calls it.
    pub fn name(self) -> &'static str {
        ["malloc", "calloc", "realloc", "aligned", "new", "new[]"][self as usize]
    }
}

/// A hook whose original calls another one of ours with the same size, which counts the call too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded {
    /// `operator new` calls `malloc`, of 1 byte for none.
    NewToMalloc,
    /// `operator new[]` calls `operator new`.
    ArrayToNew,
}

/// Rows of counters: the families, and behind them those of [`Forwarded`].
const ROWS: usize = Family::COUNT + 2;

/// Classes of sizes: 0 bytes, 1, 2 to 3, 4 to 7, and so on, up to what an address space has room for.
pub const CLASSES: usize = 48;

/// The class of a size. The assembly of the hooks computes the same.
#[inline]
pub fn size_class(size: u64) -> usize {
    ((u64::BITS - size.leading_zeros()) as usize).min(CLASSES - 1)
}

/// How much of what is in use a thread may keep to itself: with several threads, the peak is known to
/// within so many bytes for each.
pub const STEP: i64 = 64 * 1024;

/// A thread's counters: a page. The assembly of the hooks knows where some are.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Slot {
    /// Whose it is: see [`Owner`].
    pub(super) owner: AtomicU64,
    /// What is in use and was not told, and [`STEP`]: so 0 and twice that are where it must be.
    pending: AtomicI64,
    /// The most that `pending` was since then.
    max: AtomicI64,
    /// Blocks freed, by `realloc` too.
    frees: AtomicU64,
    /// The size that was asked for last, in case that fails.
    last: AtomicU64,
    /// Blocks whose size `realloc` changed where they were, and those that it moved.
    in_place: AtomicU64,
    moved: AtomicU64,
    /// Bytes asked for, and requests that failed, which are not among the former.
    bytes: [AtomicU64; ROWS],
    failures: [AtomicU64; Family::COUNT],
    /// Calls for each class of sizes.
    histogram: [[AtomicU64; CLASSES]; ROWS],
}

const _: () = assert!(size_of::<Slot>() == 4096);

/// For assembly: where a slot has its parts.
pub const PENDING_AT: usize = offset_of!(Slot, pending);
/// As above.
pub const MAX_AT: usize = offset_of!(Slot, max);
/// As above.
pub const FREES_AT: usize = offset_of!(Slot, frees);
/// As above.
pub const LAST_AT: usize = offset_of!(Slot, last);
/// As above, for [`Family::Malloc`].
pub const BYTES_AT: usize = offset_of!(Slot, bytes);
/// As above. That of a size that is too large for any class leads to another row, where it is taken back
/// when the call has failed.
pub const HISTOGRAM_AT: usize = offset_of!(Slot, histogram);

impl Forwarded {
    /// Is that what an inner call of a family is that asks for `inner` bytes, where the outer one does for
    /// `size`?
    pub fn is(self, family: Family, size: u64, inner: u64) -> bool {
        match self {
            Forwarded::NewToMalloc => family == Family::Malloc && inner == size.max(1),
            Forwarded::ArrayToNew => family == Family::New && inner == size,
        }
    }

    const fn row(self) -> usize {
        Family::COUNT + self as usize
    }

    /// For assembly: as [`BYTES_AT`].
    pub const fn bytes_at(self) -> usize {
        BYTES_AT + self.row() * size_of::<AtomicU64>()
    }

    /// For assembly: as [`HISTOGRAM_AT`].
    pub const fn histogram_at(self) -> usize {
        HISTOGRAM_AT + self.row() * CLASSES * size_of::<AtomicU64>()
    }
}

/// Whose a slot is: 0 for nobody's, else the process's place plus one, and the thread's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner(pub u64);

impl Owner {
    /// The slot of all that have none: [`Counters::shared_slot`](super::Counters::shared_slot).
    pub const ALL: Owner = Owner(u64::MAX);

    pub fn of(process: ProcessNumber, thread: u32) -> Owner {
        Owner((u64::from(process.0) + 1) << 32 | u64::from(thread))
    }

    pub fn process(self) -> Option<ProcessNumber> {
        let place = (self.0 >> 32).checked_sub(1)?;
        (place < ProcessCounters::MAX as u64).then_some(ProcessNumber(place as u16))
    }

    pub fn thread(self) -> u32 {
        self.0 as u32
    }
}

#[inline(always)]
fn add_signed(word: &AtomicI64, value: i64) {
    word.store(word.load(Relaxed).wrapping_add(value), Relaxed);
}

/// What a hook may have counted inside of another one, of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    bytes: u64,
    zeros: u64,
    failures: u64,
}

impl Seen {
    /// Were calls counted since `before` that got what they asked for?
    pub fn has_calls_since(&self, before: Seen) -> bool {
        (self.bytes, self.zeros) != (before.bytes, before.zeros)
    }
}

impl Slot {
    /// A slot of nobody's.
    pub const fn empty() -> Slot {
        Slot {
            owner: AtomicU64::new(0),
            pending: AtomicI64::new(STEP),
            max: AtomicI64::new(STEP),
            frees: AtomicU64::new(0),
            last: AtomicU64::new(0),
            in_place: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            bytes: [const { AtomicU64::new(0) }; ROWS],
            failures: [const { AtomicU64::new(0) }; Family::COUNT],
            histogram: [const { [const { AtomicU64::new(0) }; CLASSES] }; ROWS],
        }
    }

    /// Do all threads count here that have no slot of their own?
    #[inline(always)]
    pub(super) fn is_shared(&self) -> bool {
        self.owner.load(Relaxed) == Owner::ALL.0
    }

    /// Counts in a word that only this thread writes to: one instruction, so that a signal handler that
    /// counts too does no harm.
    #[inline(always)]
    fn add(&self, word: &AtomicU64, value: u64) {
        if self.is_shared() {
            word.fetch_add(value, Relaxed);
        } else {
            word.store(word.load(Relaxed).wrapping_add(value), Relaxed);
        }
    }

    #[inline]
    fn count(&self, row: usize, size: u64) {
        self.add(&self.histogram[row][size_class(size)], 1);
        self.add(&self.bytes[row], size);
    }

    /// A call that asked for `size` bytes, and got them.
    #[inline]
    pub fn allocated(&self, family: Family, size: u64) {
        self.count(family as usize, size);
    }

    /// The same, of one that another hook has counted too.
    #[inline]
    pub fn forwarded(&self, by: Forwarded, size: u64) {
        self.count(by.row(), size);
    }

    /// A call that got nothing.
    #[inline]
    pub fn failed(&self, family: Family) {
        self.add(&self.failures[family as usize], 1);
    }

    /// `malloc` got nothing, after its fast path had counted the call.
    pub fn malloc_failed(&self) {
        let size = self.last.load(Relaxed);
        let doubled = size.wrapping_mul(2).wrapping_add(1); // as the assembly computes the class
        let class = (u64::BITS - 1 - doubled.leading_zeros()) as usize;
        let counted = self.histogram.as_flattened().get(class);
        counted.into_iter().for_each(|count| self.add(count, 1u64.wrapping_neg()));
        self.add(&self.bytes[Family::Malloc as usize], size.wrapping_neg());
        self.failed(Family::Malloc);
    }

    /// A block was freed, by `free` or `realloc`.
    #[inline]
    pub fn freed(&self) {
        self.add(&self.frees, 1);
    }

    /// `realloc` changed a block's size.
    #[inline]
    pub fn resized(&self, moved: bool) {
        self.add(if moved { &self.moved } else { &self.in_place }, 1);
    }

    /// How many blocks were freed.
    #[inline]
    pub fn frees(&self) -> u64 {
        self.frees.load(Relaxed)
    }

    /// What has been counted of a family.
    #[inline]
    pub fn seen(&self, family: Family) -> Seen {
        let of = |row: usize| (self.bytes[row].load(Relaxed), self.histogram[row][0].load(Relaxed));
        let (bytes, zeros) = of(family as usize);
        let failures = self.failures(family);
        match family {
            Family::New => {
                let by = of(Forwarded::NewToMalloc.row());
                Seen { bytes: bytes.wrapping_add(by.0), zeros: zeros.wrapping_add(by.1), failures }
            }
            _ => Seen { bytes, zeros, failures },
        }
    }

    /// Bytes that were asked for in a family since `before`.
    pub fn bytes_since(&self, family: Family, before: Seen) -> u64 {
        self.seen(family).bytes.wrapping_sub(before.bytes)
    }

    /// Takes back the one call of a family that was counted since `before`.
    pub fn take_back(&self, family: Family, before: Seen) {
        let size = self.bytes_since(family, before);
        self.add(&self.histogram[family as usize][size_class(size)], 1u64.wrapping_neg());
        self.add(&self.bytes[family as usize], size.wrapping_neg());
    }

    /// What the process has in use has changed.
    #[inline]
    pub fn change_in_use(&self, process: &ProcessCounters, bytes: i64) {
        if self.is_shared() {
            return process.tell(bytes, bytes);
        }
        add_signed(&self.pending, bytes);
        let pending = self.pending.load(Relaxed);
        if pending > self.max.load(Relaxed) {
            self.max.store(pending, Relaxed);
        }
        if !(0..2 * STEP).contains(&pending) {
            self.tell(process);
        }
    }

    /// Tells the process what has become of what is in use.
    pub fn tell(&self, process: &ProcessCounters) {
        let change = self.untold();
        process.tell(change, self.most());
        add_signed(&self.pending, change.wrapping_neg());
        self.max.store(self.pending.load(Relaxed), Relaxed);
    }

    /// What is in use and was not told, and the most that was since that was told.
    pub(super) fn untold(&self) -> i64 {
        self.pending.load(Relaxed).wrapping_sub(STEP)
    }

    pub(super) fn most(&self) -> i64 {
        self.max.load(Relaxed).wrapping_sub(STEP)
    }

    /// Prepares it for its first thread, with what was counted elsewhere before.
    pub(super) fn begin(&self, before: Option<&Slot>) {
        self.pending.store(before.map_or(STEP, |slot| slot.pending.load(Relaxed)), Relaxed);
        self.max.store(before.map_or(STEP, |slot| slot.max.load(Relaxed)), Relaxed);
        let Some(before) = before else { return };
        for (to, from) in self.words().zip(before.words()) {
            to.store(from.load(Relaxed), Relaxed);
        }
    }

    /// All that only grows.
    fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        let alone = [&self.frees, &self.in_place, &self.moved];
        alone.into_iter().chain(&self.bytes).chain(&self.failures).chain(self.histogram.as_flattened())
    }

    /// Moved, in place: the sizes that `realloc` changed.
    pub fn resizes(&self) -> (u64, u64) {
        (self.moved.load(Relaxed), self.in_place.load(Relaxed))
    }

    /// Requests in a family that failed.
    pub fn failures(&self, family: Family) -> u64 {
        self.failures[family as usize].load(Relaxed)
    }

    /// Bytes asked for in a family, and its calls for each class of sizes, each counted where the program
    /// called.
    pub fn calls(&self, family: Family) -> (u64, [u64; CLASSES]) {
        use Forwarded::{ArrayToNew, NewToMalloc};
        let mut calls = self.row(family as usize);
        match family {
            Family::Malloc => {
                let (mut bytes, mut histogram) = self.row(NewToMalloc.row());
                // What asks for nothing is handed on as 1 byte.
                let zeros = core::mem::take(&mut histogram[0]);
                histogram[1] = histogram[1].wrapping_add(zeros);
                bytes = bytes.wrapping_add(zeros);
                change(&mut calls, (bytes, histogram), u64::wrapping_sub);
            }
            Family::New => {
                change(&mut calls, self.row(NewToMalloc.row()), u64::wrapping_add);
                change(&mut calls, self.row(ArrayToNew.row()), u64::wrapping_sub);
            }
            Family::NewArray => change(&mut calls, self.row(ArrayToNew.row()), u64::wrapping_add),
            _ => {}
        }
        calls
    }

    fn row(&self, row: usize) -> (u64, [u64; CLASSES]) {
        let histogram = core::array::from_fn(|class| self.histogram[row][class].load(Relaxed));
        (self.bytes[row].load(Relaxed), histogram)
    }
}

fn change(calls: &mut (u64, [u64; CLASSES]), by: (u64, [u64; CLASSES]), change: impl Fn(u64, u64) -> u64) {
    calls.0 = change(calls.0, by.0);
    calls.1.iter_mut().zip(by.1).for_each(|(count, by)| *count = change(*count, by));
}

#[cfg(test)]
mod tests;
