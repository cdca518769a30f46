//! Making a profile of a recording.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use heaptrace_pprof::proto::{Location, Mapping, Profile, ValueType, signed};
use heaptrace_pprof::samples::Encoded;
use heaptrace_pprof::time_line::TimeLine;
use heaptrace_pprof::{StringTable, drop_frames};

use crate::draft::Draft;
use crate::fold::unreal_name;
use crate::form::{Form, Times};
use crate::functions::{Functions, add_flags};
use crate::recording::{Frame, Module, Recording, Rows};
use crate::summary::Memory;
use crate::time_line::memory;
use heaptrace_symbolize::{Function, ResolvedFrame, Segment, Symbols, hex};

/// The profile of `recording`, its frames named as in `symbols`.
pub fn profile(recording: &Recording, symbols: &Symbols, form: Form) -> Profile {
    let mut draft = Draft::new(form);
    recording.rows.iter().for_each(|row| draft.add(row.clone(), &recording.stacks));
    let (profile, samples) = finish(draft, recording, symbols);
    samples.profile(profile)
}

/// A profile without its samples, which are `recording`'s, and these.
pub fn finish(draft: Draft, recording: &Recording, symbols: &Symbols) -> (Profile, Encoded) {
    let mut builder = Builder::new(symbols, draft.strings);
    builder.add_header(recording, draft.form);
    builder.add_mappings(recording);
    for frame in draft.locations.frames {
        builder.add_location(recording.stacks.frames()[frame.position()]);
    }
    builder.profile.function = builder.functions.table;
    builder.profile.string_table = builder.strings.table;
    (builder.profile, draft.samples)
}

/// A profile in the making.
struct Builder<'a> {
    symbols: &'a Symbols,
    profile: Profile,
    functions: Functions,
    strings: StringTable,
    /// The mappings of each module: a segment and an index into the profile's.
    mappings: Vec<Vec<(Segment, usize)>>,
}

impl<'a> Builder<'a> {
    fn new(symbols: &'a Symbols, strings: StringTable) -> Builder<'a> {
        Builder {
            symbols,
            profile: Profile::default(),
            functions: Functions::default(),
            strings,
            mappings: Vec::new(),
        }
    }

    fn add_header(&mut self, recording: &Recording, form: Form) {
        let strings = &mut self.strings;
        let mut value_type =
            |(name, unit)| ValueType { r#type: strings.index(name), unit: strings.index(unit) };
        let started = recording.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (time, duration) = match form.times {
            Times::Run => (started, recording.duration),
            Times::Moment => (started + recording.duration, Duration::ZERO),
            Times::Difference => (started + recording.duration, recording.duration),
        };
        self.profile = Profile {
            sample_type: form.sample_types().iter().map(|&name| value_type(name)).collect(),
            period_type: Some(value_type(("space", "bytes"))),
            period: signed(recording.rate),
            time_nanos: i64::try_from(time.as_nanos()).unwrap_or(i64::MAX),
            duration_nanos: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX),
            default_sample_type: strings.index(form.default_type),
            drop_frames: strings.index(&drop_frames()),
            time_line: TimeLine::of(&recording.time_line).filter(|_| form.has_history()),
            eras: recording.eras.iter().copied().filter(|_| form.has_history()).collect(),
            comment: comments(recording).iter().map(|text| strings.index(text)).collect(),
            ..Profile::default()
        };
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

    /// Adds the location of a frame.
    fn add_location(&mut self, frame: Frame) {
        let id = self.profile.location.len() as u64 + 1;
        let mapping = self.mapping(frame);
        let unreal = |name| [ResolvedFrame { function: Arc::new(named(name)), line: 0 }];
        let unreal = unreal_name(frame).map(unreal);
        let frames = unreal.as_ref().map_or_else(|| self.symbols.lookup(frame), |frame| &frame[..]);
        if let Some(mapping) = mapping.and_then(|index| self.profile.mapping.get_mut(index)) {
            add_flags(mapping, frames);
        }
        let line = self.functions.lines(frames, &mut self.strings);
        self.profile.location.push(Location {
            id,
            mapping_id: mapping.map_or(0, |index| index as u64 + 1),
            address: frame.address,
            line,
            is_folded: false,
        });
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
