//! What was recorded of one process: the input of the profile writer.

use std::ops::{AddAssign, SubAssign};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use hashbrown::HashMap;
use heaptrace_pprof::cohorts::Cohorts;
use heaptrace_pprof::time_line::Point;
pub use heaptrace_symbolize::{Frame, Module};
use serde::{Deserialize, Serialize};

/// One process image from its start (or the fork that made it) to now.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The process id, as the collector sees it.
    pub pid: u32,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Path of the executable file.
    pub executable: PathBuf,
    /// When recording began.
    pub started: SystemTime,
    /// How long recording has gone on.
    pub duration: Duration,
    /// Whether it is what changed in that time, and not what had come and was in use at its end.
    pub is_change: bool,
    /// Mean bytes between samples; 1 means that every allocation was recorded.
    pub rate: u64,
    /// What the rate was when, if it was changed while recording went on.
    pub rates: Option<String>,
    /// What was counted beside the samples.
    pub counters: Counters,
    /// Every module that a frame refers to.
    pub modules: Vec<Module>,
    /// The stacks that rows refer to.
    pub stacks: Stacks,
    /// The samples, one row for each pair of stack and size class.
    pub rows: Vec<StackSamples>,
    /// The largest resident set in bytes, if the kernel has told; else 0.
    pub most_resident: u64,
    /// The heap over time, up to now.
    pub time_line: Vec<Point>,
    /// When the eras of the rows' cohorts began, in nanoseconds since the recording did.
    pub eras: Vec<i64>,
}

/// Counts that tell how complete a recording is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Samples taken.
    pub samples: u64,
    /// Samples that could not be recorded.
    pub lost_samples: u64,
    /// Those of them that came before recording began.
    pub early_samples: u64,
    /// Those of them for which the program had no memory.
    pub unplaced_samples: u64,
    /// Frees of sampled blocks that were not seen or could not be recorded in time.
    pub lost_frees: u64,
    /// Samples whose stack does not reach its root.
    pub truncated_stacks: u64,
    /// The program wrote over what the library had recorded: all of it may be wrong.
    pub is_damaged: bool,
}

/// Stacks as a tree: each is a frame, called from another stack. The two are apart, and a frame is its number
/// there, as who goes from caller to caller, millions of times, needs no more than those in its cache.
#[derive(Debug, Clone, Default)]
pub struct Stacks {
    /// Each once, in the order of their numbers.
    frames: Vec<Frame>,
    numbers: HashMap<Frame, FrameNumber>,
    /// Of each its leaf and what that was called from.
    nodes: Vec<(FrameNumber, StackNumber)>,
    /// How many frames each has.
    depths: Vec<u32>,
}

/// One of the [`Stacks`]: the position of its leaf, from 1, or 0 for the one without frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct StackNumber(u32);

/// Which of the [`Stacks::frames`] a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameNumber(u32);

impl FrameNumber {
    /// Its position among them.
    pub fn position(self) -> usize {
        self.0 as usize
    }
}

impl Stacks {
    /// Adds the stack of `frame` called from `caller`.
    pub fn add(&mut self, caller: StackNumber, frame: Frame) -> StackNumber {
        let number = self.number(frame);
        self.add_numbered(caller, number)
    }

    /// The number of a frame, from now on.
    pub fn number(&mut self, frame: Frame) -> FrameNumber {
        *self.numbers.entry(frame).or_insert_with(|| {
            self.frames.push(frame);
            FrameNumber(self.frames.len() as u32 - 1)
        })
    }

    /// Adds the stack of the frame with that number called from `caller`.
    pub fn add_numbered(&mut self, caller: StackNumber, leaf: FrameNumber) -> StackNumber {
        self.nodes.push((leaf, caller));
        self.depths.push(self.depth(caller) + 1);
        StackNumber(self.nodes.len() as u32)
    }

    /// All frames, each once.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// How many frames a stack has.
    pub fn depth(&self, stack: StackNumber) -> u32 {
        (stack.0 as usize).checked_sub(1).map_or(0, |at| self.depths[at])
    }

    /// The stack, the one that called it, and so on, each with its leaf.
    pub fn callers(&self, stack: StackNumber) -> impl Iterator<Item = (StackNumber, Frame)> {
        self.numbers(stack).map(|(stack, leaf)| (stack, self.frames[leaf.position()]))
    }

    /// The stack, the one that called it, and so on, each with the number of its leaf.
    pub fn numbers(&self, stack: StackNumber) -> impl Iterator<Item = (StackNumber, FrameNumber)> {
        let mut next = stack;
        std::iter::from_fn(move || {
            let stack = next;
            let (leaf, caller) = self.nodes[(stack.0 as usize).checked_sub(1)?];
            next = caller;
            Some((stack, leaf))
        })
    }
}

/// Where the samples of a recording go as they are worked out.
pub trait Rows {
    /// Whether it has a use for their blocks by age.
    fn want_ages(&self) -> bool {
        true
    }

    /// Takes one, whose stack is among these.
    fn add(&mut self, row: StackSamples, stacks: &Stacks);
}

impl Rows for Vec<StackSamples> {
    fn add(&mut self, row: StackSamples, _: &Stacks) {
        self.push(row);
    }
}

/// All samples with one stack, and mostly one size class.
#[derive(Debug, Clone, PartialEq)]
pub struct StackSamples {
    /// The stack.
    pub stack: StackNumber,
    /// Upper bound of the size class in bytes: the label `bytes`. None of blocks of several classes.
    pub size_class: Option<u64>,
    /// Weighted estimates.
    pub values: Values,
    /// Its sampled blocks by when they were born, if some are in use.
    pub cohorts: Option<Cohorts>,
}

impl StackSamples {
    /// Adds those of another stack that is to be shown as the same.
    pub fn add(&mut self, other: StackSamples) {
        self.values += other.values;
        match (&mut self.cohorts, other.cohorts) {
            (Some(cohorts), Some(more)) => cohorts.add(&more),
            (cohorts, more) => *cohorts = cohorts.take().or(more),
        }
    }
}

/// Estimates in the order of the profile's sample types, each the sum of its samples' weights.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Values {
    /// Blocks allocated.
    pub alloc_objects: f64,
    /// Bytes allocated.
    pub alloc_space: f64,
    /// Blocks in use.
    pub inuse_objects: f64,
    /// Bytes in use.
    pub inuse_space: f64,
    /// Blocks in use when the estimated bytes in use were largest.
    pub peak_objects: f64,
    /// Bytes in use when the estimated bytes in use were largest.
    pub peak_space: f64,
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Counters) {
        self.samples += other.samples;
        self.lost_samples += other.lost_samples;
        self.early_samples += other.early_samples;
        self.unplaced_samples += other.unplaced_samples;
        self.lost_frees += other.lost_frees;
        self.truncated_stacks += other.truncated_stacks;
        self.is_damaged |= other.is_damaged;
    }
}

impl AddAssign for Values {
    fn add_assign(&mut self, other: Values) {
        self.alloc_objects += other.alloc_objects;
        self.alloc_space += other.alloc_space;
        self.inuse_objects += other.inuse_objects;
        self.inuse_space += other.inuse_space;
        self.peak_objects += other.peak_objects;
        self.peak_space += other.peak_space;
    }
}

impl SubAssign for Values {
    fn sub_assign(&mut self, other: Values) {
        self.alloc_objects -= other.alloc_objects;
        self.alloc_space -= other.alloc_space;
        self.inuse_objects -= other.inuse_objects;
        self.inuse_space -= other.inuse_space;
        self.peak_objects -= other.peak_objects;
        self.peak_space -= other.peak_space;
    }
}

/// What of a recording is taken as the difference to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Everything: what was allocated since, and what is more in use than then.
    Everything,
    /// What was allocated; what is in use is all that is.
    Allocations,
}
