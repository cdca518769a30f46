//! The live set of a process, and its totals: what each stack allocated, has in use, and had in use
//! at the peak.
//!
//! Events carry the stack and the size of their block, so no table of blocks is needed here: the
//! live set is kept as sums for each pair of stack and size class. Memory grows with those pairs,
//! not with events or time.

use heaptrace_channel::ring::Event;
use heaptrace_channel::stacks::Stack;
use heaptrace_channel::weight::weight;

use crate::recording::Values;

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

    /// Takes away, but not below nothing: a hostile program may free what it never allocated.
    fn take(&mut self, (objects, space): (f64, f64)) {
        self.objects = (self.objects - objects).max(0.0);
        self.space = (self.space - space).max(0.0);
    }
}

/// The sums of one stack and size class.
#[derive(Debug, Clone)]
struct Cell {
    stack: Stack,
    class: u64,
    /// The next cell of the same stack: index + 1, 0 at the end.
    next: u32,
    /// Samples taken.
    samples: u64,
    allocated: Amount,
    in_use: Amount,
    /// In use at peak number `peak_number`; if that is not the latest, `in_use` still is.
    at_peak: Amount,
    peak_number: u32,
}

/// One process's sums.
#[derive(Debug)]
pub struct Live {
    rate: u64,
    /// For each stack, its first cell: index + 1, 0 for none.
    first: Vec<u32>,
    cells: Vec<Cell>,
    space_in_use: f64,
    /// The largest `space_in_use` so far.
    peak: f64,
    /// How many peaks there have been.
    peak_number: u32,
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
    /// The sums of a process that is sampled every `rate` bytes.
    pub fn new(rate: u64) -> Live {
        Live { rate, first: Vec::new(), cells: Vec::new(), space_in_use: 0.0, peak: 0.0, peak_number: 1 }
    }

    /// Adds an event.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Allocated(stack, size) => {
                let weight = weight(size, self.rate);
                let cell = self.cell(stack, size);
                cell.samples += 1;
                cell.allocated.add(weight);
                cell.in_use.add(weight);
                self.grow(weight.1);
            }
            Event::Inherited(stack, size) => {
                let weight = weight(size, self.rate);
                self.cell(stack, size).in_use.add(weight);
                self.grow(weight.1);
            }
            Event::Freed(stack, size) => {
                let weight = weight(size, self.rate);
                self.cell(stack, size).in_use.take(weight);
                self.space_in_use = (self.space_in_use - weight.1).max(0.0);
            }
        }
    }

    /// Takes frees off a stack that were told as sums, without their sizes.
    pub fn apply_lost_frees(&mut self, stack: Stack, (mut objects, mut space): (f64, f64)) {
        let mut at = self.first.get(stack.0 as usize).copied().unwrap_or(0);
        while at != 0 && space > 0.0 {
            let cell = &mut self.cells[at as usize - 1];
            let part = (cell.in_use.objects.min(objects), cell.in_use.space.min(space));
            keep_peak(cell, self.peak_number);
            cell.in_use.take(part);
            self.space_in_use = (self.space_in_use - part.1).max(0.0);
            (objects, space) = (objects - part.0, space - part.1);
            at = cell.next;
        }
    }

    /// The stacks that have sums.
    pub fn stacks(&self) -> impl Iterator<Item = Stack> + use<> {
        let mut stacks: Vec<Stack> = self.cells.iter().map(|cell| cell.stack).collect();
        stacks.sort_unstable();
        stacks.dedup();
        stacks.into_iter()
    }

    /// All sums.
    pub fn sums(&self) -> impl Iterator<Item = Sum> {
        self.cells.iter().map(|cell| {
            let at_peak = if cell.peak_number == self.peak_number { cell.at_peak } else { cell.in_use };
            Sum {
                stack: cell.stack,
                size_class: cell.class,
                samples: cell.samples,
                values: Values {
                    alloc_objects: cell.allocated.objects,
                    alloc_space: cell.allocated.space,
                    inuse_objects: cell.in_use.objects,
                    inuse_space: cell.in_use.space,
                    peak_objects: at_peak.objects,
                    peak_space: at_peak.space,
                },
            }
        })
    }

    /// The cell of a block, about to be changed: what it had at the latest peak is kept.
    #[inline]
    fn cell(&mut self, stack: Stack, size: u64) -> &mut Cell {
        let (class, index) = (size_class(size), stack.0 as usize);
        if index >= self.first.len() {
            self.first.resize((index + 1).next_power_of_two(), 0);
        }
        let mut at = self.first[index];
        while at != 0 && self.cells[at as usize - 1].class != class {
            at = self.cells[at as usize - 1].next;
        }
        if at == 0 {
            self.cells.push(Cell {
                stack,
                class,
                next: self.first[index],
                samples: 0,
                allocated: Amount::default(),
                in_use: Amount::default(),
                at_peak: Amount::default(),
                peak_number: 0,
            });
            at = self.cells.len() as u32;
            self.first[index] = at;
        }
        let cell = &mut self.cells[at as usize - 1];
        keep_peak(cell, self.peak_number);
        cell
    }

    fn grow(&mut self, space: f64) {
        self.space_in_use += space;
        if self.space_in_use > self.peak {
            self.peak = self.space_in_use;
            self.peak_number = self.peak_number.wrapping_add(1);
        }
    }
}

/// Before its first change after a peak, a cell still has in use what it had then.
fn keep_peak(cell: &mut Cell, latest: u32) {
    if cell.peak_number != latest {
        cell.at_peak = cell.in_use;
        cell.peak_number = latest;
    }
}

/// The size class of a block: sizes rounded up, four classes to each doubling, so that a class
/// stands for its sizes within 25%.
pub fn size_class(size: u64) -> u64 {
    if size <= 8 {
        return size.next_multiple_of(8);
    }
    let step = 1 << ((size - 1).ilog2() - 2);
    size.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(events: &[Event]) -> Vec<Sum> {
        let mut live = Live::new(1);
        events.iter().for_each(|&event| live.apply(event));
        live.sums().collect()
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
            Allocated(a, 100),
            Allocated(b, 200),
            Freed(a, 100),
            Allocated(a, 100),
            Freed(b, 200),
            Freed(a, 100),
        ]);
        assert_eq!(values(&sums, 1), [2.0, 200.0, 0.0, 0.0, 1.0, 100.0]);
        assert_eq!(values(&sums, 2), [1.0, 200.0, 0.0, 0.0, 1.0, 200.0]);
    }

    #[test]
    fn what_a_child_inherits_is_in_use_but_not_allocated() {
        let sums = live(&[Event::Inherited(Stack(1), 64), Event::Allocated(Stack(1), 64)]);
        assert_eq!(values(&sums, 1), [1.0, 64.0, 2.0, 128.0, 2.0, 128.0]);
    }

    #[test]
    fn a_free_of_nothing_leaves_nothing_and_not_less() {
        let sums = live(&[Event::Freed(Stack(1), 64)]);
        assert_eq!(values(&sums, 1), [0.0; 6]);
    }

    #[test]
    fn lost_frees_come_off_the_stacks_cells() {
        let mut live = Live::new(1);
        live.apply(Event::Allocated(Stack(1), 100));
        live.apply(Event::Allocated(Stack(1), 1000));
        live.apply_lost_frees(Stack(1), (2.0, 1100.0));
        let left: f64 = live.sums().map(|s| s.values.inuse_space).sum();
        assert_eq!(left, 0.0);
    }

    #[test]
    fn size_classes_are_within_a_quarter_above_their_sizes() {
        assert_eq!([0, 1, 8, 9, 16, 17, 100, 1 << 20].map(size_class), [0, 8, 8, 10, 16, 20, 112, 1 << 20]);
        for size in 9..100_000 {
            let class = size_class(size);
            assert!(
                class >= size && class as f64 <= size as f64 * 1.25 && size_class(class) == class,
                "{size}"
            );
        }
    }
}
