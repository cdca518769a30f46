//! What was in the live set at one moment, for whoever has the time to look at it.

use heaptrace_channel::stacks::Stack;

use super::ages::Ages;
use super::cell::Cell;
use super::size_class::SizeClass;
use crate::pieces::Shared;
use crate::recording::{Since, Values};

/// Two pages: so much is copied at the first change to a cell after a snapshot.
pub const CELLS_SHARED: usize = 64;

/// They are only added to.
pub const OWNERS_SHARED: usize = 1024;

/// Whose sums a cell has.
pub type Owner = (Stack, SizeClass);

/// What was in the live set at one moment.
#[derive(Debug, Clone)]
pub struct Sums {
    pub(super) cells: Shared<Cell, CELLS_SHARED>,
    pub(super) owners: Shared<Owner, OWNERS_SHARED>,
    pub(super) peak_number: u64,
}

/// What the live set has of one stack and size class.
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

impl Sums {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.cells.len()
    }

    /// All of them. What is one of them stays at its position.
    pub fn iter(&self) -> impl Iterator<Item = Sum> {
        self.with_ages().map(|(sum, _)| sum)
    }

    /// The same, each with its blocks by age.
    pub fn with_ages(&self) -> impl Iterator<Item = (Sum, &Ages)> {
        let cells = self.owners.iter().zip(self.cells.iter());
        cells.map(|(&(stack, class), cell)| (self.sum(stack, class, cell), &cell.ages))
    }

    /// Bytes that they take, beside what they have in common with earlier ones of the same process.
    pub fn bytes_beside(&self, earlier: Option<&Sums>) -> usize {
        self.cells.bytes_beside(earlier.map(|earlier| &earlier.cells))
            + self.owners.bytes_beside(earlier.map(|earlier| &earlier.owners))
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
        let (in_use, at_peak) = (cell.in_use.shown(), cell.at_peak(self.peak_number).shown());
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
