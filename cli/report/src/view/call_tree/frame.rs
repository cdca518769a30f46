//! What the nodes of the tree are of: lines of functions, whatever the address.

use std::ops::Range;

use hashbrown::HashMap;

use crate::profile::tables::{Location, Profile};
use crate::view::own::{Origin, Own};

/// A line of a function in a mapped file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Index of the function, if it is known.
    pub function: Option<u32>,
    /// The line in the function's file; 0 if unknown.
    pub line: i64,
    /// Index of the mapping, if it is known.
    pub mapping: Option<u32>,
    /// Whether it is inlined into its caller.
    pub inlined: bool,
    /// Whose code it is.
    pub origin: Origin,
}

/// The frame that stands for all that is too small to be in the tree by itself.
pub const SMALLER: u32 = 0;

/// The distinct frames of a profile, and which of them its locations are.
#[derive(Debug)]
pub struct Frames {
    /// The frames; the first is [`SMALLER`].
    pub frames: Vec<Frame>,
    /// For each location the part of `of_locations` that it is.
    ranges: Vec<Range<u32>>,
    of_locations: Vec<u32>,
}

impl Frames {
    /// The frames of a profile.
    pub fn new(profile: &Profile, own: &Own) -> Frames {
        let smaller =
            Frame { function: None, line: 0, mapping: None, inlined: false, origin: Origin::Dependency };
        let mut frames = vec![smaller];
        let mut known: HashMap<Frame, u32> = HashMap::new();
        let (mut ranges, mut of_locations) = (Vec::new(), Vec::new());
        let locations = profile.code.locations.iter().enumerate();
        for (i, location) in locations {
            let start = of_locations.len() as u32;
            for frame in frames_of(profile, own, location, i as u32) {
                let next = frames.len() as u32;
                let index = *known.entry(frame).or_insert(next);
                if index == next {
                    frames.push(frame);
                }
                of_locations.push(index);
            }
            ranges.push(start..of_locations.len() as u32);
        }
        Frames { frames, ranges, of_locations }
    }

    /// The frames of a location, the outermost first.
    pub fn of(&self, location: u32) -> &[u32] {
        let range = &self.ranges[location as usize];
        &self.of_locations[range.start as usize..range.end as usize]
    }
}

/// The frames of a location, the outermost first.
fn frames_of(profile: &Profile, own: &Own, location: &Location, index: u32) -> Vec<Frame> {
    let mapping = location.mapping;
    let lines = profile.code.lines(index);
    if lines.is_empty() {
        let origin = own.location(location);
        return vec![Frame { function: None, line: 0, mapping, inlined: false, origin }];
    }
    let last = lines.len() - 1;
    let frame = |(i, line)| {
        let origin = own.line(location, line);
        Frame { function: Some(line.function), line: line.line, mapping, inlined: i != last, origin }
    };
    lines.iter().enumerate().map(frame).rev().collect()
}
