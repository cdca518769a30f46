//! Making a profile of a recording.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use heaptrace_pprof::proto::{Label, Location, Mapping, Profile, ValueType, signed};
use heaptrace_pprof::samples::{Encoded, Samples};
use heaptrace_pprof::time_line::TimeLine;
use heaptrace_pprof::{StringTable, drop_frames};

use crate::fold::unreal_name;
use crate::functions::{Functions, add_flags};
use crate::recording::{Frame, Module, Recording, Stack, StackSamples, Stacks, Values};
use crate::summary::Memory;
use crate::time_line::memory;
use heaptrace_symbolize::{Function, ResolvedFrame, Segment, Symbols, hex};

/// Types and units of a sample's values, in the order of [`values`].
const SAMPLE_TYPES: [(&str, &str); 6] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
    ("peak_objects", "count"),
    ("peak_space", "bytes"),
];

/// Which profile is made of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Whether the values at the peak are in it.
    pub with_peak: bool,
    /// What is shown first.
    pub default_type: &'static str,
    /// What its times are.
    pub times: Times,
}

/// What the times of a profile are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// When recording began, and how long it went on.
    Run,
    /// The moment only, as Go's heap profiles have it: some read a duration as a difference.
    Moment,
    /// Of a difference: its end, and how long it was.
    Difference,
}

impl Form {
    /// What a file has.
    pub const FILE: Form = Form { with_peak: true, default_type: "inuse_space", times: Times::Run };
    /// What a running process is asked for.
    pub const LIVE: Form = Form { with_peak: false, default_type: "inuse_space", times: Times::Moment };

    /// Whether the time line and the ages of blocks are in it. Their times are since the recording began,
    /// and for who asks every few seconds, and keeps no more than so many bytes, they are too much.
    fn has_history(self) -> bool {
        self.times == Times::Run
    }

    fn sample_types(self) -> &'static [(&'static str, &'static str)] {
        if self.with_peak { &SAMPLE_TYPES } else { &SAMPLE_TYPES[..4] }
    }
}

/// The profile of `recording`, its frames named as in `symbols`.
pub fn profile(recording: &Recording, symbols: &Symbols, form: Form) -> Profile {
    let (profile, sample) = parts(recording, symbols, form);
    Profile { sample, ..profile }
}

/// The same as the bytes of a file, before they are gzipped.
pub fn message(recording: &Recording, symbols: &Symbols, form: Form) -> Vec<u8> {
    let (profile, samples) = parts::<Encoded>(recording, symbols, form);
    samples.message(&profile)
}

/// A profile without its samples, and these.
fn parts<S: Samples>(recording: &Recording, symbols: &Symbols, form: Form) -> (Profile, S) {
    let mut builder = Builder::<S>::new(symbols, form);
    builder.add_header(recording);
    builder.add_mappings(recording);
    builder.locations = vec![NO_LOCATION; recording.stacks.frames().len()];
    builder.samples.expect(recording.rows.len());
    for row in &recording.rows {
        builder.add_sample(row, &recording.stacks);
    }
    builder.profile.function = builder.functions.table;
    builder.profile.string_table = builder.strings.table;
    (builder.profile, builder.samples)
}

/// A profile in the making.
struct Builder<'a, S> {
    symbols: &'a Symbols,
    form: Form,
    profile: Profile,
    samples: S,
    functions: Functions,
    strings: StringTable,
    /// The mappings of each module: a segment and an index into the profile's.
    mappings: Vec<Vec<(Segment, usize)>>,
    /// Of each frame, the id of its location.
    locations: Vec<u32>,
    /// The stack that is at hand, root first: each that called another, with the id of its leaf's location. The
    /// next one has most in common with it.
    trail: Vec<(Stack, u64)>,
    /// What of the next is new, leaf first.
    new: Vec<(Stack, u64)>,
    /// The location ids of the stack that is at hand, leaf first.
    path: Vec<u64>,
    /// The label of a size class, without the number.
    label: Label,
}

/// What has not been given an id: they count from 1.
const NO_LOCATION: u32 = 0;

impl<'a, S: Samples> Builder<'a, S> {
    fn new(symbols: &'a Symbols, form: Form) -> Builder<'a, S> {
        Builder {
            symbols,
            form,
            profile: Profile::default(),
            samples: S::default(),
            functions: Functions::default(),
            strings: StringTable::default(),
            mappings: Vec::new(),
            locations: Vec::new(),
            trail: Vec::new(),
            new: Vec::new(),
            path: Vec::new(),
            label: Label::default(),
        }
    }

    fn add_header(&mut self, recording: &Recording) {
        let strings = &mut self.strings;
        // The table's first string has to be the empty one.
        strings.index("");
        let mut value_type =
            |(name, unit)| ValueType { r#type: strings.index(name), unit: strings.index(unit) };
        let started = recording.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (time, duration) = match self.form.times {
            Times::Run => (started, recording.duration),
            Times::Moment => (started + recording.duration, Duration::ZERO),
            Times::Difference => (started + recording.duration, recording.duration),
        };
        self.profile = Profile {
            sample_type: self.form.sample_types().iter().map(|&name| value_type(name)).collect(),
            period_type: Some(value_type(("space", "bytes"))),
            period: signed(recording.rate),
            time_nanos: i64::try_from(time.as_nanos()).unwrap_or(i64::MAX),
            duration_nanos: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX),
            default_sample_type: strings.index(self.form.default_type),
            drop_frames: strings.index(&drop_frames()),
            time_line: TimeLine::of(&recording.time_line).filter(|_| self.form.has_history()),
            eras: recording.eras.iter().copied().filter(|_| self.form.has_history()).collect(),
            comment: comments(recording).iter().map(|text| strings.index(text)).collect(),
            ..Profile::default()
        };
        self.label =
            Label { key: strings.index("bytes"), num_unit: strings.index("bytes"), ..Label::default() };
    }

    /// Adds the program's own mappings, which come first, and those of the other modules.
    fn add_mappings(&mut self, recording: &Recording) {
        self.mappings = vec![Vec::new(); recording.modules.len()];
        let is_program = |&(_, module): &(usize, &Module)| module.path == recording.executable;
        let (program, others): (Vec<_>, Vec<_>) = recording.modules.iter().enumerate().partition(is_program);
        for (index, module) in program.into_iter().chain(others) {
            let known = self.symbols.segments(index as u32);
            let whole = [Segment { start: module.start, end: module.end, offset: 0 }];
            for &segment in if known.is_empty() { &whole } else { known } {
                self.mappings[index].push((segment, self.profile.mapping.len()));
                self.profile.mapping.push(Mapping {
                    id: self.profile.mapping.len() as u64 + 1,
                    memory_start: segment.start,
                    memory_limit: segment.end,
                    file_offset: segment.offset,
                    filename: self.strings.index(&module.path.to_string_lossy()),
                    build_id: self.strings.index(&hex(&module.build_id)),
                    ..Mapping::default()
                });
            }
        }
    }

    /// Adds a sample, unless nothing is left of its estimates when they are rounded.
    fn add_sample(&mut self, row: &StackSamples, stacks: &Stacks) {
        let value = &values(&row.values)[..self.form.sample_types().len()];
        if value.iter().all(|&value| value == 0) {
            return;
        }
        let label = row.size_class.map(|size| Label { num: signed(size), ..self.label });
        self.follow(row.stack, stacks);
        let cohorts = row.cohorts.as_ref().filter(|_| self.form.has_history());
        self.samples.add(&self.path, value, label, cohorts);
    }

    /// Has the location ids of a stack in `path`.
    fn follow(&mut self, stack: Stack, stacks: &Stacks) {
        let mut depth = stacks.depth(stack) as usize;
        self.new.clear();
        for (stack, frame) in stacks.numbers(stack) {
            if self.trail.get(depth - 1).is_some_and(|(known, _)| *known == stack) {
                break;
            }
            let frame = frame.position();
            if self.locations[frame] == NO_LOCATION {
                self.locations[frame] = self.location(stacks.frames()[frame]);
            }
            self.new.push((stack, self.locations[frame].into()));
            depth -= 1;
        }
        self.trail.truncate(depth);
        self.trail.extend(self.new.iter().rev());
        self.path.clear();
        self.path.extend(self.trail.iter().rev().map(|&(_, id)| id));
    }

    /// Adds the location of a frame.
    fn location(&mut self, frame: Frame) -> u32 {
        let id = self.profile.location.len() as u32 + 1;
        let mapping = self.mapping(frame);
        let unreal = |name| [ResolvedFrame { function: Arc::new(named(name)), line: 0 }];
        let unreal = unreal_name(frame).map(unreal);
        let frames = unreal.as_ref().map_or_else(|| self.symbols.lookup(frame), |frame| &frame[..]);
        if let Some(mapping) = mapping.and_then(|index| self.profile.mapping.get_mut(index)) {
            add_flags(mapping, frames);
        }
        let line = self.functions.lines(frames, &mut self.strings);
        self.profile.location.push(Location {
            id: id.into(),
            mapping_id: mapping.map_or(0, |index| index as u64 + 1),
            address: frame.address,
            line,
            is_folded: false,
        });
        id
    }

    /// The index of the mapping that a frame's address is in.
    fn mapping(&self, frame: Frame) -> Option<usize> {
        let mappings = self.mappings.get(frame.module? as usize)?;
        let inside = |s: &Segment| (s.start..s.end).contains(&frame.address);
        let found = mappings.iter().find(|(segment, _)| inside(segment)).or(mappings.first());
        found.map(|&(_, index)| index)
    }
}

/// A function of which only the name is known.
fn named(name: &str) -> Function {
    Function { name: name.to_owned(), system_name: String::new(), file: String::new(), start_line: 0 }
}

/// The values in the order of [`SAMPLE_TYPES`], to the nearest integer.
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

/// The comments, each of one line.
fn comments(recording: &Recording) -> Vec<String> {
    let counters = &recording.counters;
    let command = recording.command.join(" ").replace(char::is_control, " ");
    let mut comments = vec![
        concat!("heaptrace ", env!("CARGO_PKG_VERSION")).to_owned(),
        format!("command: {command}"),
        format!("pid: {}", recording.pid),
        format!("samples: {}", counters.samples),
        format!("lost_samples: {}", counters.lost_samples),
        format!("lost_frees: {}", counters.lost_frees),
        format!("truncated_stacks: {}", counters.truncated_stacks),
    ];
    let Memory { resident, most_resident, .. } = memory(&recording.time_line, recording.most_resident);
    for (name, bytes) in [("resident", resident), ("peak_resident", most_resident)] {
        if bytes > 0 {
            comments.push(format!("{name}: {bytes}"));
        }
    }
    comments.extend(recording.rates.iter().map(|rates| format!("rates: {rates}")));
    if recording.is_change {
        comments.push(heaptrace_pprof::CHANGE.to_owned());
    }
    if counters.is_damaged {
        comments.push("damaged: the program wrote over what was recorded of it".to_owned());
    }
    comments
}
