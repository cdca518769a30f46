//! The samples of a profile in the making, before anything is known of what they refer to: names are looked up when
//! all are there.

use heaptrace_pprof::StringTable;
use heaptrace_pprof::proto::{Label, signed};
use heaptrace_pprof::samples::Encoded;

use crate::form::Form;
use crate::recording::{FrameNumber, Rows, StackNumber, StackSamples, Stacks, Values};

/// A profile's samples.
#[derive(Debug)]
pub struct Draft {
    pub form: Form,
    pub samples: Encoded,
    pub strings: StringTable,
    pub locations: Locations,
    /// The stack that is at hand, root first: each that called another. The next one has most in common with it.
    trail: Vec<StackNumber>,
    /// What of the next is new, leaf first, each with the id of its leaf's location.
    new: Vec<(StackNumber, u32)>,
    /// The label of a size class, without the number.
    label: Label,
}

/// The locations that samples refer to, each a frame.
#[derive(Debug, Default)]
pub struct Locations {
    /// In the order of their ids, which count from 1.
    pub frames: Vec<FrameNumber>,
    /// Of each frame, the id of its location.
    ids: Vec<u32>,
}

impl Draft {
    /// Of a profile in that form.
    pub fn new(form: Form) -> Draft {
        let mut strings = StringTable::default();
        // The table's first string has to be the empty one.
        strings.index("");
        form.sample_types().iter().for_each(|(name, unit)| {
            strings.index(name);
            strings.index(unit);
        });
        let label =
            Label { key: strings.index("bytes"), num_unit: strings.index("bytes"), ..Label::default() };
        Draft {
            form,
            samples: Encoded::default(),
            strings,
            locations: Locations::default(),
            trail: Vec::new(),
            new: Vec::new(),
            label,
        }
    }

    /// Has another stack at hand.
    fn go_on(&mut self, stack: StackNumber, stacks: &Stacks) {
        let mut depth = stacks.depth(stack) as usize;
        self.new.clear();
        for (stack, frame) in stacks.numbers(stack) {
            if self.trail.get(depth - 1) == Some(&stack) {
                break;
            }
            self.new.push((stack, self.locations.id(frame)));
            depth -= 1;
        }
        self.trail.truncate(depth);
        self.trail.extend(self.new.iter().rev().map(|&(stack, _)| stack));
        self.samples.go_on(depth, self.new.iter().rev().map(|&(_, id)| id.into()));
    }
}

impl Rows for Draft {
    fn want_ages(&self) -> bool {
        self.form.has_history()
    }

    /// Adds a sample, unless nothing is left of its estimates when they are rounded.
    fn add(&mut self, row: StackSamples, stacks: &Stacks) {
        let value = &values(&row.values)[..self.form.sample_types().len()];
        if value.iter().all(|&value| value == 0) {
            return;
        }
        let label = row.size_class.map(|size| Label { num: signed(size), ..self.label });
        self.go_on(row.stack, stacks);
        self.samples.add(value, label, row.cohorts.as_ref().filter(|_| self.form.has_history()));
    }
}

/// What has not been given an id.
const NO_LOCATION: u32 = 0;

impl Locations {
    #[inline]
    fn id(&mut self, frame: FrameNumber) -> u32 {
        match self.ids.get(frame.position()) {
            Some(&id) if id != NO_LOCATION => id,
            _ => self.new_id(frame),
        }
    }

    #[cold]
    fn new_id(&mut self, frame: FrameNumber) -> u32 {
        self.frames.push(frame);
        let (at, id) = (frame.position(), self.frames.len() as u32);
        if self.ids.len() <= at {
            self.ids.resize(at + 1, NO_LOCATION);
        }
        self.ids[at] = id;
        id
    }
}

/// The values in the order of a [`Form`]'s sample types, to the nearest integer.
fn values(values: &Values) -> [i64; 6] {
    [
        values.alloc_objects,
        values.alloc_space,
        values.inuse_objects,
        values.inuse_space,
        values.peak_objects,
        values.peak_space,
    ]
    .map(|value| value.round() as i64)
}
