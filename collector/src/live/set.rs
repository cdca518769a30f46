//! The live set: events added up as they come.

use heaptrace_channel::ring::Event;
use heaptrace_channel::sample::Sample;
use heaptrace_channel::stacks::Stack;
use heaptrace_channel::weight::weight;

use super::cell::Cell;
use super::index::Index;
use super::size_class::SizeClass;
use super::sums::{CELLS_SHARED, OWNERS_SHARED, Owner, Sums};
use crate::eras::Moment;
use crate::pieces::Pieces;
use crate::rates::ByEra;

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
            cell.keep_peak(self.peak_number);
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
    #[inline(always)] // as above
    fn cell(&mut self, stack: Stack, size: u64) -> &mut Cell {
        let owner = (stack, SizeClass::of(size));
        let index = match self.latest {
            Some((latest, index)) if latest == owner => index,
            _ => self.find(owner),
        } as usize;
        let cell = self.cells.get_mut(index);
        cell.keep_peak(self.peak_number);
        cell
    }

    #[inline(never)]
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use heaptrace_channel::sample::{ERAS, Era};

    use super::super::sums::Sum;
    use super::*;
    use crate::eras::Ticks;
    use crate::recording::{Since, Values};

    /// Eras are those of [`super::super::ages`] to test.
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

    /// Numbers below a limit, the same ones each time.
    fn random() -> impl FnMut(u64) -> u64 {
        let mut random = 1u64;
        move |limit| {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (random >> 33) % limit
        }
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
        let mut below = random();
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
        let mut below = random();
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
