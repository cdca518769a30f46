//! What was counted: facts, for whoever tells a user of them.

use std::ffi::OsString;
use std::ops::AddAssign;

use heaptrace_channel::counters::Family;
use serde::{Deserialize, Serialize};

use crate::summary::{Missed, Refused};

/// What a program and all that it started have counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// The processes, each from exec to exec, in the order in which they were read.
    pub processes: Vec<ProcessCounts>,
    /// Processes that could not be counted.
    pub refused: Vec<Refused>,
    /// Processes that were not counted, as far as the kernel tells of them.
    pub missed: Vec<Missed>,
    /// There may be more of them: the kernel had more to tell than there was room for.
    pub missed_more: bool,
    /// Programs of which processes still run: their counts are those of this moment.
    pub running: usize,
}

/// What a process has counted while it was one program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessCounts {
    /// The program's name.
    pub name: OsString,
    /// Its process id; that of a forked child as it sees itself.
    pub pid: u32,
    /// It is the process that was asked for.
    pub is_program: bool,
    /// It forked from another one, so what it has in use is what it added to what it inherited.
    pub is_forked: bool,
    /// How many processes these are: more than one where there were too many to tell them apart.
    pub processes: u64,
    /// What they counted.
    pub counts: Counts,
}

/// Counts, of a process or of several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// For each way to ask for memory, in the order of [`Family::ALL`].
    pub families: [FamilyCounts; Family::COUNT],
    /// Blocks freed, by `realloc` too.
    pub frees: u64,
    /// Blocks whose size `realloc` changed where they were.
    pub in_place: u64,
    /// Blocks that `realloc` moved.
    pub moved: u64,
    /// Bytes in use at the end, by the allocator's usable size.
    pub in_use: i64,
    /// The most bytes in use; of several processes that of the one that had most.
    pub peak: i64,
    /// How far the peak may be from the truth, as threads tell theirs in steps.
    pub peak_within: u64,
}

/// Counts of one way to ask for memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FamilyCounts {
    /// Bytes asked for.
    pub bytes: u64,
    /// Requests that failed, which are not among the others.
    pub failures: u64,
    /// Calls for each class of sizes (0 bytes, 1, 2 to 3, 4 to 7, …), without the last that are 0.
    pub histogram: Vec<u64>,
}

impl FamilyCounts {
    /// Calls that got what they asked for.
    pub fn calls(&self) -> u64 {
        self.histogram.iter().fold(0, |sum, &count| sum.saturating_add(count))
    }
}

impl Counts {
    /// The counts of a family.
    pub fn family(&self, family: Family) -> &FamilyCounts {
        &self.families[family as usize]
    }

    fn sum(&self, of: impl Fn(&FamilyCounts) -> u64) -> u64 {
        self.families.iter().fold(0, |sum, family| sum.saturating_add(of(family)))
    }

    /// Blocks allocated, by `realloc` too.
    pub fn allocations(&self) -> u64 {
        self.sum(FamilyCounts::calls)
    }

    /// Bytes asked for.
    pub fn bytes(&self) -> u64 {
        self.sum(|family| family.bytes)
    }

    /// Requests that failed.
    pub fn failures(&self) -> u64 {
        self.sum(|family| family.failures)
    }

    /// Requests for no bytes.
    pub fn zeros(&self) -> u64 {
        self.sum(|family| family.histogram.first().copied().unwrap_or_default())
    }

    /// Calls for each class of sizes, of all families.
    pub fn histogram(&self) -> Vec<u64> {
        let mut all = FamilyCounts::default();
        self.families.iter().for_each(|family| all += family);
        all.histogram
    }
}

impl AddAssign<&FamilyCounts> for FamilyCounts {
    fn add_assign(&mut self, other: &FamilyCounts) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.failures = self.failures.saturating_add(other.failures);
        let length = self.histogram.len().max(other.histogram.len());
        self.histogram.resize(length, 0);
        for (to, &from) in self.histogram.iter_mut().zip(&other.histogram) {
            *to = to.saturating_add(from);
        }
    }
}

impl AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Counts) {
        self.families.iter_mut().zip(&other.families).for_each(|(to, from)| *to += from);
        self.frees = self.frees.saturating_add(other.frees);
        self.in_place = self.in_place.saturating_add(other.in_place);
        self.moved = self.moved.saturating_add(other.moved);
        self.in_use = self.in_use.saturating_add(other.in_use);
        self.peak = self.peak.max(other.peak);
        self.peak_within = self.peak_within.max(other.peak_within);
    }
}
