//! The live set of a process, and its totals: what each stack allocated, has in use, and had in use
//! at the peak.
//!
//! Events carry the stack and the size of their block, so no table of blocks is needed here: the
//! live set is kept as sums for each pair of stack and size class. Memory grows with those pairs,
//! not with events or time.

mod ages;
mod index;
mod size_class;

use heaptrace_channel::ring::Event;
use heaptrace_channel::sample::Sample;
use heaptrace_channel::stacks::Stack;
use heaptrace_channel::weight::weight;
use heaptrace_pprof::cohorts::Cohorts;

use crate::eras::{Moment, Ticks};
use crate::pieces::{Pieces, Shared};
use crate::rates::ByEra;
use crate::recording::{Since, Values};
use ages::Ages;
use index::Index;
use size_class::SizeClass;

/// Objects and bytes, each a sum of weights.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Amount {
    objects: f64,
    space: f64,
}

impl Amount {
    fn add(&mut self, (objects, space): (f64, f64)) {
        self.objects += objects;
        self.space += space;
    }

    /// Takes away, below nothing too: a free can be read before its allocation, if that was in another
    /// thread of the same epoch.
    fn take(&mut self, (objects, space): (f64, f64)) {
        self.objects -= objects;
        self.space -= space;
    }

    /// What is there: not less than nothing, though a hostile program may free what it never allocated.
    fn shown(self) -> (f64, f64) {
        (self.objects.max(0.0), self.space.max(0.0))
    }
}

/// What is known of one stack and size class: the sums in one cache line, the ages in another.
#[derive(Debug, Clone, Default)]
#[repr(C, align(64))]
struct Cell {
    /// Samples taken.
    samples: u64,
    allocated: Amount,
    in_use: Amount,
    /// In use at peak number `peak_number`; if that is not the latest, `in_use` still is.
    at_peak: Amount,
    peak_number: u64,
    ages: Ages,
}

const _: () = assert!(std::mem::offset_of!(Cell, ages) == 64 && size_of::<Cell>() == 128);

/// Two pages: so much is copied at the first change to a cell after a snapshot.
const CELLS_SHARED: usize = 64;

/// They are only added to.
const OWNERS_SHARED: usize = 1024;

/// Whose sums a cell has.
type Owner = (Stack, SizeClass);

/// One process's sums.
#[derive(Debug)]
pub struct Live {
    rates: ByEra,
    index: Index,
    /// Whose cell the latest event was for, and which that is: the next one's is often the same.
    latest: Option<(Owner, u32)>,
    cells: Pieces<Cell, CELLS_SHARED>,
    /// Of each cell.
    owners: Pieces<Owner, OWNERS_SHARED>,
    samples: u64,
    space_in_use: f64,
    /// The largest `space_in_use` since [`Live::begin_stretch`].
    most_in_use: f64,
    space_allocated: f64,
    /// The largest `space_in_use` so far.
    peak: f64,
    /// How many peaks there have been.
    peak_number: u64,
}

/// Bytes of a whole process, estimated.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// In use.
    pub in_use: f64,
    /// The most in use since [`Live::begin_stretch`].
    pub most_in_use: f64,
    /// Allocated since the beginning.
    pub allocated: f64,
}

/// What was in [`Live`] at one moment.
#[derive(Debug, Clone)]
pub struct Sums {
    cells: Shared<Cell, CELLS_SHARED>,
    owners: Shared<Owner, OWNERS_SHARED>,
    peak_number: u64,
}

/// What [`Live`] has of one stack and size class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sum {
    /// The stack.
    pub stack: Stack,
    /// Upper bound of the size class in bytes.
    pub size_class: u64,
    /// Samples taken.
    pub samples: u64,
    /// The estimates.
    pub values: Values,
}

impl Live {
    /// The sums of a process that is sampled at these rates.
    pub fn new(rates: ByEra) -> Live {
        Live {
            rates,
            index: Index::new(),
            latest: None,
            cells: Pieces::new(),
            owners: Pieces::new(),
            samples: 0,
            space_in_use: 0.0,
            most_in_use: 0.0,
            space_allocated: 0.0,
            peak: 0.0,
            peak_number: 1,
        }
    }

    /// Adds an event that is read now.
    #[inline(always)] // the body of the loop over a program's events
    pub fn apply(&mut self, event: Event, now: Moment) {
        let Sample { stack, size, era } = event.sample();
        let weight = weight(size, self.rates[era.number()]);
        let cell = self.cell(stack, size);
        match event {
            Event::Allocated(_) => {
                cell.ages.bear(era, now);
                cell.samples += 1;
                cell.allocated.add(weight);
                cell.in_use.add(weight);
                self.space_allocated += weight.1;
                self.samples += 1;
                self.grow(weight.1);
            }
            Event::Inherited(_) => {
                cell.ages.bear(era, now);
                cell.in_use.add(weight);
                self.grow(weight.1);
            }
            Event::Freed(_) => {
                cell.ages.bury(era, now);
                cell.in_use.take(weight);
                self.space_in_use -= weight.1;
            }
        }
    }

    /// Adds the allocation and the free of a block, between which nothing happened.
    #[inline(always)] // as above
    pub fn apply_brief(&mut self, sample: Sample, now: Moment) {
        let Sample { stack, size, era } = sample;
        let weight = weight(size, self.rates[era.number()]);
        let most = self.space_in_use + weight.1;
        if most > self.peak {
            self.apply(Event::Allocated(sample), now);
            self.apply(Event::Freed(sample), now);
            return;
        }
        let cell = self.cell(stack, size);
        cell.ages.pass(era, now);
        cell.samples += 1;
        cell.allocated.add(weight);
        self.space_allocated += weight.1;
        self.samples += 1;
        self.most_in_use = self.most_in_use.max(most);
    }

    /// Takes frees off a stack that were told as sums, without their sizes.
    pub fn apply_lost_frees(&mut self, stack: Stack, (mut objects, mut space): (f64, f64), now: Moment) {
        for (_, cell) in self.index.cells(stack) {
            if space <= 0.0 {
                break;
            }
            let cell = self.cells.get_mut(cell as usize);
            let in_use = cell.in_use.shown();
            let part = (in_use.0.min(objects), in_use.1.min(space));
            if in_use.0 > 0.0 {
                cell.ages.bury_some(part.0 / in_use.0 * f64::from(cell.ages.in_use()), now);
            }
            keep_peak(cell, self.peak_number);
            cell.in_use.take(part);
            self.space_in_use -= part.1;
            (objects, space) = (objects - part.0, space - part.1);
        }
    }

    /// From now on these are the rates.
    pub fn set_rates(&mut self, rates: ByEra) {
        self.rates = rates;
    }

    /// Samples taken.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Bytes in use, and when most were.
    pub fn in_use(&self) -> (f64, f64) {
        (self.space_in_use.max(0.0), self.peak)
    }

    /// Has the stack any?
    pub fn has(&self, stack: Stack) -> bool {
        self.index.cells(stack).next().is_some()
    }

    /// The bytes of all stacks.
    pub fn totals(&self) -> Totals {
        Totals {
            in_use: self.space_in_use.max(0.0),
            most_in_use: self.most_in_use.max(0.0),
            allocated: self.space_allocated,
        }
    }

    /// From now on, the most bytes in use are counted anew.
    pub fn begin_stretch(&mut self) {
        self.most_in_use = self.space_in_use;
    }

    /// What all sums are now, for whoever has the time to look at them.
    pub fn sums(&mut self) -> Sums {
        Sums { cells: self.cells.share(), owners: self.owners.share(), peak_number: self.peak_number }
    }

    /// The cell of a block, about to be changed: what it had at the latest peak is kept.
    #[inline]
    fn cell(&mut self, stack: Stack, size: u64) -> &mut Cell {
        let owner = (stack, SizeClass::of(size));
        let index = match self.latest {
            Some((latest, index)) if latest == owner => index,
            _ => self.find(owner),
        } as usize;
        let cell = self.cells.get_mut(index);
        keep_peak(cell, self.peak_number);
        cell
    }

    fn find(&mut self, (stack, class): Owner) -> u32 {
        let index = self.index.find(stack, class).unwrap_or_else(|| self.add(stack, class));
        self.latest = Some(((stack, class), index));
        index
    }

    #[cold]
    fn add(&mut self, stack: Stack, class: SizeClass) -> u32 {
        let cell = self.cells.len() as u32;
        self.cells.push(Cell::default());
        self.owners.push((stack, class));
        self.index.insert(stack, class, cell);
        cell
    }

    fn grow(&mut self, space: f64) {
        self.space_in_use += space;
        self.most_in_use = self.most_in_use.max(self.space_in_use);
        if self.space_in_use > self.peak {
            self.peak = self.space_in_use;
            self.peak_number += 1;
        }
    }
}

impl Sums {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.cells.len()
    }

    /// All of them. What is one of them stays at its position.
    pub fn iter(&self) -> impl Iterator<Item = Sum> {
        let cells = self.owners.iter().zip(self.cells.iter());
        cells.map(|(&(stack, class), cell)| self.sum(stack, class, cell))
    }

    /// Bytes that they take, beside what they have in common with earlier ones of the same process.
    pub fn bytes_beside(&self, earlier: Option<&Sums>) -> usize {
        self.cells.bytes_beside(earlier.map(|earlier| &earlier.cells))
            + self.owners.bytes_beside(earlier.map(|earlier| &earlier.owners))
    }

    /// The blocks of each of them by age, where some are in use, with times as `since` has them.
    pub fn cohorts(&self, since: impl Fn(Ticks) -> i64) -> impl Iterator<Item = Option<Cohorts>> {
        let ages = self.cells.iter().map(|cell| &cell.ages);
        ages.map(move |ages| (ages.in_use() > 0).then(|| ages.cohorts(&since)))
    }

    /// Those that differ from what they were in `earlier`, of the same process: the differences.
    pub fn since(&self, earlier: &Sums, what: Since) -> impl Iterator<Item = Sum> {
        let before = earlier.iter().map(Some).chain(std::iter::repeat(None));
        self.iter().zip(before).filter_map(move |(mut now, before)| {
            let Some(before) = before else { return Some(now) };
            now.samples = now.samples.saturating_sub(before.samples);
            let mut then = before.values;
            if what == Since::Allocations {
                then = Values {
                    alloc_objects: then.alloc_objects,
                    alloc_space: then.alloc_space,
                    ..Values::default()
                };
            }
            now.values -= then;
            (now.values != Values::default()).then_some(now)
        })
    }

    fn sum(&self, stack: Stack, class: SizeClass, cell: &Cell) -> Sum {
        let at_peak = if cell.peak_number == self.peak_number { cell.at_peak } else { cell.in_use };
        let (in_use, at_peak) = (cell.in_use.shown(), at_peak.shown());
        Sum {
            stack,
            size_class: class.largest(),
            samples: cell.samples,
            values: Values {
                alloc_objects: cell.allocated.objects,
                alloc_space: cell.allocated.space,
                inuse_objects: in_use.0,
                inuse_space: in_use.1,
                peak_objects: at_peak.0,
                peak_space: at_peak.1,
            },
        }
    }
}

/// Before its first change after a peak, a cell still has in use what it had then.
fn keep_peak(cell: &mut Cell, latest: u64) {
    if cell.peak_number != latest {
        cell.at_peak = cell.in_use;
        cell.peak_number = latest;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use heaptrace_channel::sample::{ERAS, Era};

    /// Eras are those of [`ages`] to test.
    const NOW: Moment = Moment { era: Era::FIRST, ticks: Ticks(1) };

    fn block(stack: Stack, size: u64) -> Sample {
        Sample { stack, size, era: Era::FIRST }
    }

    fn live(events: &[Event]) -> Vec<Sum> {
        let mut live = Live::new([1; ERAS]);
        events.iter().for_each(|&event| live.apply(event, NOW));
        live.sums().iter().collect()
    }

    fn values(sums: &[Sum], stack: u32) -> [f64; 6] {
        let v = sums.iter().find(|s| s.stack == Stack(stack)).unwrap().values;
        [v.alloc_objects, v.alloc_space, v.inuse_objects, v.inuse_space, v.peak_objects, v.peak_space]
    }

    #[test]
    fn the_peak_is_the_moment_of_most_bytes_not_the_sum_of_each_stacks_own() {
        use Event::*;
        let (a, b) = (Stack(1), Stack(2));
        // 100 (a) → 300 (a+b, the peak) → 200 (b) → 250 (a again, no peak) → 0.
        let sums = live(&[
            Allocated(block(a, 100)),
            Allocated(block(b, 200)),
            Freed(block(a, 100)),
            Allocated(block(a, 100)),
            Freed(block(b, 200)),
            Freed(block(a, 100)),
        ]);
        assert_eq!(values(&sums, 1), [2.0, 200.0, 0.0, 0.0, 1.0, 100.0]);
        assert_eq!(values(&sums, 2), [1.0, 200.0, 0.0, 0.0, 1.0, 200.0]);
    }

    #[test]
    fn what_a_child_inherits_is_in_use_but_not_allocated() {
        let sums = live(&[Event::Inherited(block(Stack(1), 64)), Event::Allocated(block(Stack(1), 64))]);
        assert_eq!(values(&sums, 1), [1.0, 64.0, 2.0, 128.0, 2.0, 128.0]);
    }

    #[test]
    fn a_free_of_nothing_leaves_nothing_and_not_less() {
        let sums = live(&[Event::Freed(block(Stack(1), 64))]);
        assert_eq!(values(&sums, 1), [0.0; 6]);
    }

    #[test]
    fn lost_frees_come_off_the_stacks_cells() {
        let mut live = Live::new([1; ERAS]);
        live.apply(Event::Allocated(block(Stack(1), 100)), NOW);
        live.apply(Event::Allocated(block(Stack(1), 1000)), NOW);
        live.apply_lost_frees(Stack(1), (2.0, 1100.0), NOW);
        let left: f64 = live.sums().iter().map(|s| s.values.inuse_space).sum();
        assert_eq!(left, 0.0);
    }

    #[test]
    fn sums_stay_what_they_were_and_later_ones_tell_what_came_since() {
        use Event::*;
        let (a, b) = (Stack(1), Stack(2));
        let mut live = Live::new([1; ERAS]);
        [Allocated(block(a, 100)), Allocated(block(a, 100)), Freed(block(a, 100))]
            .into_iter()
            .for_each(|event| live.apply(event, NOW));
        let then = live.sums();
        assert_eq!(live.sums().since(&then, Since::Everything).count(), 0);
        [Freed(block(a, 100)), Allocated(block(b, 50))].into_iter().for_each(|event| live.apply(event, NOW));
        let now = live.sums();
        let since = |what| now.since(&then, what).collect::<Vec<_>>();
        assert_eq!(values(&since(Since::Everything), 1)[..4], [0.0, 0.0, -1.0, -100.0]);
        assert_eq!(values(&since(Since::Everything), 2)[..4], [1.0, 50.0, 1.0, 50.0]);
        [Allocated(block(b, 50))].into_iter().for_each(|event| live.apply(event, NOW));
        let in_use_now = live.sums().since(&now, Since::Allocations).collect::<Vec<_>>();
        assert_eq!(values(&in_use_now, 2)[..4], [1.0, 50.0, 2.0, 100.0]);
        assert_eq!(values(&then.iter().collect::<Vec<_>>(), 1)[..4], [2.0, 200.0, 1.0, 100.0]);
    }

    /// What `Live` does, told simply: all sums are copied at each peak.
    fn model(events: &[Event]) -> Vec<Sum> {
        let mut sums: BTreeMap<(Stack, u64), Sum> = BTreeMap::new();
        let (mut in_use, mut peak) = (0.0, 0.0);
        for &event in events {
            let Sample { stack, size, .. } = event.sample();
            let size_class = SizeClass::of(size).largest();
            let none = Sum { stack, size_class, samples: 0, values: Values::default() };
            let sum = sums.entry((stack, size_class)).or_insert(none);
            let (values, size) = (&mut sum.values, size as f64);
            if let Event::Allocated(..) = event {
                sum.samples += 1;
                values.alloc_objects += 1.0;
                values.alloc_space += size;
            }
            let sign = if let Event::Freed(..) = event { -1.0 } else { 1.0 };
            values.inuse_objects += sign;
            values.inuse_space += sign * size;
            in_use += sign * size;
            if in_use > peak {
                peak = in_use;
                for Sum { values, .. } in sums.values_mut() {
                    (values.peak_objects, values.peak_space) = (values.inuse_objects, values.inuse_space);
                }
            }
        }
        for Sum { values, .. } in sums.values_mut() {
            let Values { inuse_objects, inuse_space, peak_objects, peak_space, .. } = values;
            for value in [inuse_objects, inuse_space, peak_objects, peak_space] {
                *value = value.max(0.0);
            }
        }
        sums.into_values().collect()
    }

    /// The sums and totals of events, of which an allocation and its free are told as one where they are next to
    /// each other.
    fn live_in_brief(events: &[Event]) -> (Vec<Sum>, Totals, (f64, f64)) {
        let (mut live, mut left) = (Live::new([1; ERAS]), events);
        loop {
            left = match *left {
                [Event::Allocated(sample), Event::Freed(freed), ref left @ ..] if sample == freed => {
                    live.apply_brief(sample, NOW);
                    left
                }
                [event, ref left @ ..] => {
                    live.apply(event, NOW);
                    left
                }
                [] => break (live.sums().iter().collect(), live.totals(), live.in_use()),
            }
        }
    }

    #[test]
    fn a_block_that_is_freed_at_once_counts_as_its_two_events_do() {
        let mut random = 1u64;
        let mut below = |limit: u64| {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (random >> 33) % limit
        };
        for _ in 0..200 {
            let events: Vec<_> = (0..200)
                .flat_map(|_| {
                    let sample = block(Stack(below(3) as u32), below(100));
                    match below(4) {
                        0 => vec![Event::Allocated(sample)],
                        1 => vec![Event::Freed(sample)],
                        _ => vec![Event::Allocated(sample), Event::Freed(sample)],
                    }
                })
                .collect();
            let mut each = Live::new([1; ERAS]);
            events.iter().for_each(|&event| each.apply(event, NOW));
            let sums: Vec<_> = each.sums().iter().collect();
            assert_eq!(live_in_brief(&events), (sums, each.totals(), each.in_use()));
        }
    }

    #[test]
    fn any_events_come_to_the_sums_of_a_simple_model() {
        let mut random = 1u64;
        let mut below = |limit: u64| {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (random >> 33) % limit
        };
        for _ in 0..200 {
            let (stacks, sizes, frees) = (1 + below(40), 1 << below(30), below(4));
            let events: Vec<_> = (0..500)
                .map(|_| match (Stack(below(stacks) as u32), below(sizes), below(7)) {
                    (stack, size, kind) if kind < frees => Event::Freed(block(stack, size)),
                    (stack, size, 6) => Event::Inherited(block(stack, size)),
                    (stack, size, _) => Event::Allocated(block(stack, size)),
                })
                .collect();
            let mut sums = live(&events);
            sums.sort_by_key(|sum| (sum.stack, sum.size_class));
            assert_eq!(sums, model(&events));
        }
    }
}
