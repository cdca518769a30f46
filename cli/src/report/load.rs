//! Files to one [`Profile`]: reading, merging, subtracting a base.
//!
//! The rules for what is equal are those of pprof's `profile/merge.go` and, for units,
//! `internal/measurement/measurement.go`, `ScaleProfiles`. A file is decoded twice, first without
//! its samples, then sample by sample, because samples come first in a file and refer to the rest.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use hashbrown::{DefaultHashBuilder, HashTable};
use heaptrace_collector::pprof::file::Error;
use heaptrace_collector::pprof::proto;
use prost::Message;

use super::fields::Fields;
use super::measure;
use super::profile::{
    Function, Label, LabelValue, Line, Location, Mapping, Profile, Sample, SampleType, Slices, Text,
};

/// Largest file read, in bytes.
const FILE_LIMIT: u64 = 1 << 30;
/// Most mappings, functions, locations with their lines, strings and whatever else a file has
/// beside samples. An entry takes two bytes of the file, or none after decompression, and a hundred
/// here.
const ENTRIES_LIMIT: usize = 1 << 22;
/// Most frames in all distinct stacks, labels in all distinct sets, values in all samples.
const ITEMS_LIMIT: usize = 1 << 28;
/// Number of the field `sample` in `profile.proto`.
const SAMPLE: u64 = 2;
/// The label, and its value, by which a report knows the samples of `--diff-base`; pprof's own.
pub const DIFF_BASE: (&str, &str) = ("pprof::base", "true");

/// What to subtract.
#[derive(Clone, Debug)]
pub struct Base {
    /// The older profile.
    pub file: PathBuf,
    /// Whether percentages are of its total (`--diff-base`), or of the difference (`--base`).
    pub diff: bool,
}

/// Reads `files` as one profile and subtracts `base`.
pub fn load(files: &[PathBuf], base: Option<&Base>) -> anyhow::Result<Profile> {
    let sources: Vec<Source> = files
        .iter()
        .chain(base.map(|base| &base.file))
        .map(|path| Source::read(path))
        .collect::<anyhow::Result<_>>()?;
    let types = common_types(&sources)?;
    let mut merger = Merger::new(&sources[..files.len()], types);
    for (i, source) in sources.iter().enumerate() {
        let part = match base {
            Some(base) if i == files.len() => Part::Base { diff: base.diff },
            _ => Part::Profile,
        };
        merger.add(source, part, base.is_some()).with_context(|| source.name())?;
    }
    merger.finish()
}

/// A file with everything in it decoded but the samples.
struct Source {
    path: PathBuf,
    bytes: Vec<u8>,
    tables: proto::Profile,
}

impl Source {
    fn read(path: &Path) -> anyhow::Result<Source> {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|f| f.take(FILE_LIMIT + 1).read_to_end(&mut bytes));
        let tables = match read {
            Err(error) => Err(Error::Read(error)),
            Ok(0) => Err(Error::Empty),
            Ok(_) if bytes.len() as u64 > FILE_LIMIT => Err(Error::TooLarge(FILE_LIMIT)),
            Ok(_) => tables(&bytes),
        };
        Ok(Source {
            tables: tables.map_err(|error| Error::File(path.to_owned(), Box::new(error)))?,
            path: path.to_owned(),
            bytes,
        })
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// A string of the file. Like protobuf, takes an absent table for one with the empty string.
    fn string(&self, index: i64) -> Result<&str, Error> {
        match usize::try_from(index) {
            Ok(0) => Ok(""),
            Ok(i) if i < self.tables.string_table.len() => Ok(&self.tables.string_table[i]),
            _ => Err(Error::Invalid(format!("string {index} does not exist"))),
        }
    }

    fn sample_type(&self, of: &proto::ValueType) -> Result<SampleType, Error> {
        Ok(SampleType {
            name: printable(self.string(of.r#type)?).into_owned(),
            unit: printable(self.string(of.unit)?).into_owned(),
        })
    }

    fn sample_types(&self) -> Result<Vec<SampleType>, Error> {
        let types = self.tables.sample_type.iter();
        types.map(|t| self.sample_type(t)).collect()
    }

    fn period_type(&self) -> Result<SampleType, Error> {
        self.sample_type(&self.tables.period_type.unwrap_or_default())
    }
}

/// Decodes everything but the samples.
fn tables(bytes: &[u8]) -> Result<proto::Profile, Error> {
    let mut fields = Fields::new(bytes);
    let mut tables = proto::Profile::default();
    let mut entries = 0;
    while let Some(field) = fields.next()? {
        if field.number == SAMPLE {
            continue;
        }
        let locations = tables.location.len();
        tables.merge(field.encoded).map_err(Error::Protobuf)?;
        entries += 1;
        entries += tables.location[locations..].iter().map(|l| l.line.len()).sum::<usize>();
        if entries > ENTRIES_LIMIT {
            return Err(Error::Invalid(format!("more than {ENTRIES_LIMIT} locations, functions or strings")));
        }
    }
    if tables.sample_type.is_empty() {
        return Err(Error::Invalid("it has no sample types".to_owned()));
    }
    if tables.string_table.first().is_some_and(|s| !s.is_empty()) {
        return Err(Error::Invalid("the first string is not empty".to_owned()));
    }
    Ok(tables)
}

/// The sample types that all files share, in the finest of their units.
fn common_types(sources: &[Source]) -> anyhow::Result<Vec<SampleType>> {
    let first = &sources[0];
    let mut common = first.sample_types().with_context(|| first.name())?;
    let period = first.period_type().with_context(|| first.name())?;
    for source in &sources[1..] {
        let types = source.sample_types().with_context(|| source.name())?;
        let other_period = source.period_type().with_context(|| source.name())?;
        let same = types.len() == common.len()
            && same_kind(&period, &other_period)
            && types.iter().zip(&common).all(|(a, b)| same_kind(a, b));
        ensure!(
            same,
            "{} and {} are profiles of different kinds: the one has {}, the other {}",
            first.name(),
            source.name(),
            names(&common),
            names(&types),
        );
        for (common, other) in common.iter_mut().zip(types) {
            if measure::scale(1, &other.unit, &common.unit).0 < 1.0 {
                *common = other;
            }
        }
    }
    Ok(common)
}

/// Whether values of two types can be added; a plural is no difference (`compatibleValueTypes`).
fn same_kind(a: &SampleType, b: &SampleType) -> bool {
    a.name.strip_suffix('s').unwrap_or(&a.name) == b.name.strip_suffix('s').unwrap_or(&b.name)
        && measure::compatible(&a.unit, &b.unit)
}

fn names(types: &[SampleType]) -> String {
    let names: Vec<_> = types.iter().map(|t| t.name.as_str()).collect();
    names.join(", ")
}

/// Which part of the result a file is.
#[derive(Clone, Copy)]
enum Part {
    /// What is shown.
    Profile,
    /// What is subtracted from it.
    Base { diff: bool },
}

/// Builds the merged profile, and finds what is already in it.
struct Merger {
    profile: Profile,
    mappings: HashMap<MappingKey, u32>,
    functions: HashMap<Function, u32>,
    locations: HashMap<LocationKey, u32>,
    lines: Slices<Line>,
    samples: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// Equal mappings of several files: of one size, whatever the address (`merge.go`, `mappingKey`).
#[derive(PartialEq, Eq, Hash)]
struct MappingKey {
    pages: u64,
    offset: u64,
    name: Text,
}

/// Equal locations of several files (`merge.go`, `locationKey`).
#[derive(PartialEq, Eq, Hash)]
struct LocationKey {
    /// Relative to the mapping's start.
    address: u64,
    mapping: Option<u32>,
    lines: u32,
    folded: bool,
}

impl Merger {
    /// A profile without samples, with what `sources` say of themselves.
    fn new(sources: &[Source], sample_types: Vec<SampleType>) -> Merger {
        let text = |source: &Source, i| {
            let text = source.string(i).unwrap_or_default();
            printable(text).into_owned()
        };
        let first = &sources[0];
        let mut profile = Profile {
            sample_types,
            period_type: first.period_type().unwrap_or_default(),
            drop_frames: text(first, first.tables.drop_frames),
            keep_frames: text(first, first.tables.keep_frames),
            one_period: true,
            ..Profile::default()
        };
        for source in sources {
            let tables = &source.tables;
            profile.period = profile.period.max(tables.period);
            profile.duration_nanos = profile.duration_nanos.saturating_add(tables.duration_nanos);
            if profile.time_nanos == 0 || (1..profile.time_nanos).contains(&tables.time_nanos) {
                profile.time_nanos = tables.time_nanos;
            }
            let comments = tables.comment.iter();
            profile.comments.extend(comments.map(|&comment| text(source, comment)));
            if profile.default_sample_type.is_empty() {
                profile.default_sample_type = text(source, tables.default_sample_type);
            }
        }
        Merger {
            profile,
            mappings: HashMap::new(),
            functions: HashMap::new(),
            locations: HashMap::new(),
            lines: Slices::default(),
            samples: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Adds a file.
    fn add(&mut self, source: &Source, part: Part, differs: bool) -> anyhow::Result<()> {
        self.profile.one_period &= source.tables.period == self.profile.period;
        let ratios = self.ratios(source, part)?;
        let strings = self.strings(source);
        let locations = self.tables(source, &strings)?;
        let base = match part {
            Part::Base { diff: true } => Some(Label {
                key: self.profile.strings.intern(DIFF_BASE.0),
                value: LabelValue::Text(self.profile.strings.intern(DIFF_BASE.1)),
            }),
            _ => None,
        };
        if differs && self.profile.gross.is_none() {
            self.profile.gross = Some(Vec::new());
        }
        let mut fields = Fields::new(&source.bytes);
        let mut sample = proto::Sample::default();
        let mut row = Row::default();
        while let Some(field) = fields.next()? {
            if field.number != SAMPLE {
                continue;
            }
            sample.clear();
            sample.merge(field.payload).map_err(Error::Protobuf)?;
            row.fill(&sample, &ratios, &locations, &strings)?;
            row.labels.extend(base);
            self.add_row(&mut row)?;
        }
        Ok(())
    }

    /// What to multiply the values of a file by: their unit, and the sign of a base.
    fn ratios(&self, source: &Source, part: Part) -> Result<Vec<f64>, Error> {
        let sign = match part {
            Part::Profile => 1.0,
            Part::Base { .. } => -1.0,
        };
        let types = source.sample_types()?.into_iter();
        let units = types.zip(&self.profile.sample_types);
        Ok(units
            .map(|(own, common)| match own.unit == common.unit {
                true => sign,
                false => sign * measure::scale(1, &own.unit, &common.unit).0,
            })
            .collect())
    }

    fn strings(&mut self, source: &Source) -> Vec<Text> {
        let table = source.tables.string_table.iter();
        let mut texts: Vec<Text> = table.map(|text| self.profile.strings.intern(&printable(text))).collect();
        if texts.is_empty() {
            texts.push(Text::default());
        }
        texts
    }

    /// Adds mappings, functions and locations; returns which location an id of the file is.
    fn tables(&mut self, source: &Source, strings: &[Text]) -> Result<Ids, Error> {
        let tables = &source.tables;
        let mut mappings = Ids::new("mapping", tables.mapping.len());
        for mapping in &tables.mapping {
            mappings.insert(mapping.id, self.mapping(mapping, strings)?)?;
        }
        let mut functions = Ids::new("function", tables.function.len());
        for function in &tables.function {
            functions.insert(function.id, self.function(function, strings)?)?;
        }
        let starts: HashMap<u64, u64> = tables.mapping.iter().map(|m| (m.id, m.memory_start)).collect();
        let mut locations = Ids::new("location", tables.location.len());
        let mut lines = Vec::new();
        for location in &tables.location {
            lines.clear();
            for line in &location.line {
                lines.push(Line { function: functions.get(line.function_id)?, line: line.line });
            }
            // pprof takes a location whose mapping does not exist for one without.
            let mapping = mappings.get(location.mapping_id).ok();
            let start = starts.get(&location.mapping_id).copied().unwrap_or(0);
            let index = self.location(location, mapping, start, &lines);
            locations.insert(location.id, index)?;
        }
        Ok(locations)
    }

    fn mapping(&mut self, mapping: &proto::Mapping, strings: &[Text]) -> Result<u32, Error> {
        let new = Mapping {
            start: mapping.memory_start,
            limit: mapping.memory_limit,
            offset: mapping.file_offset,
            file: string(strings, mapping.filename)?,
            build_id: string(strings, mapping.build_id)?,
        };
        let key = MappingKey {
            pages: new.limit.wrapping_sub(new.start).div_ceil(0x1000),
            offset: new.offset,
            name: match new.build_id.is_empty() {
                true => new.file,
                false => new.build_id,
            },
        };
        let mappings = &mut self.profile.mappings;
        Ok(*self.mappings.entry(key).or_insert_with(|| {
            mappings.push(new);
            mappings.len() as u32 - 1
        }))
    }

    fn function(&mut self, function: &proto::Function, strings: &[Text]) -> Result<u32, Error> {
        let new = Function {
            name: string(strings, function.name)?,
            system_name: string(strings, function.system_name)?,
            file: string(strings, function.filename)?,
            start_line: function.start_line,
        };
        let functions = &mut self.profile.functions;
        Ok(*self.functions.entry(new).or_insert_with(|| {
            functions.push(new);
            functions.len() as u32 - 1
        }))
    }

    /// `start` is where the file has the mapping, which may be elsewhere than in the first file.
    fn location(
        &mut self,
        location: &proto::Location,
        mapping: Option<u32>,
        start: u64,
        lines: &[Line],
    ) -> u32 {
        let key = LocationKey {
            address: location.address.wrapping_sub(start),
            mapping,
            lines: self.lines.intern(lines),
            folded: location.is_folded,
        };
        let first_start = mapping.map_or(0, |m| self.profile.mappings[m as usize].start);
        let locations = &mut self.profile.code.locations;
        let address = key.address.wrapping_add(first_start);
        let lines = self.lines.range(key.lines);
        *self.locations.entry(key).or_insert_with(|| {
            locations.push(Location { mapping, address, lines });
            locations.len() as u32 - 1
        })
    }

    /// Adds a sample, or its values to the sample with the same stack and labels.
    fn add_row(&mut self, row: &mut Row) -> Result<(), Error> {
        if row.values.iter().all(|&value| value == 0) {
            return Ok(());
        }
        row.labels.sort_by_key(|label| label.key);
        let profile = &mut self.profile;
        let sample = Sample {
            stack: profile.stacks.intern(&row.frames),
            labels: profile.label_sets.intern(&row.labels),
        };
        let found = self.samples.entry(
            self.hasher.hash_one(sample),
            |&i| profile.samples[i as usize] == sample,
            |&i| self.hasher.hash_one(profile.samples[i as usize]),
        );
        let index = *found.or_insert(profile.samples.len() as u32).get() as usize;
        let start = index * profile.sample_types.len();
        if index == profile.samples.len() {
            profile.samples.push(sample);
            profile.values.resize(start + row.values.len(), 0);
        }
        for (sum, value) in profile.values[start..].iter_mut().zip(&row.values) {
            *sum = sum.saturating_add(*value);
        }
        if let Some(gross) = &mut profile.gross {
            gross.resize(profile.values.len(), 0);
            for (sum, value) in gross[start..].iter_mut().zip(&row.values) {
                *sum = sum.saturating_add(value.saturating_abs());
            }
        }
        let sizes = [profile.stacks.items(), profile.label_sets.items(), profile.values.len()];
        if sizes.iter().any(|&items| items > ITEMS_LIMIT) {
            return Err(Error::Invalid(format!("more than {ITEMS_LIMIT} frames, labels or values")));
        }
        Ok(())
    }

    /// The profile, if sums of its values fit into 64 bits. That none overflows is checked once,
    /// here: whatever a report adds up is a part of what is added up here.
    fn finish(mut self) -> anyhow::Result<Profile> {
        let types = self.profile.sample_types.len();
        for (i, sample_type) in self.profile.sample_types.iter().enumerate() {
            let values = self.profile.gross.as_ref().unwrap_or(&self.profile.values);
            let sum: u128 = values.chunks_exact(types).map(|row| u128::from(row[i].unsigned_abs())).sum();
            if sum > i64::MAX as u128 {
                bail!("the values of {} add up to more than 2^63", sample_type.name);
            }
        }
        self.profile.code.lines = self.lines.into_items();
        self.profile.stacks.freeze();
        self.profile.label_sets.freeze();
        self.profile.samples.shrink_to_fit();
        self.profile.values.shrink_to_fit();
        Ok(self.profile)
    }
}

/// A sample with everything in it resolved; reused from one sample to the next.
#[derive(Default)]
struct Row {
    frames: Vec<u32>,
    labels: Vec<Label>,
    values: Vec<i64>,
}

impl Row {
    fn fill(
        &mut self,
        sample: &proto::Sample,
        ratios: &[f64],
        locations: &Ids,
        strings: &[Text],
    ) -> Result<(), Error> {
        if sample.value.len() != ratios.len() {
            return Err(Error::Invalid(format!(
                "a sample has {} values, but there are {} sample types",
                sample.value.len(),
                ratios.len()
            )));
        }
        self.values.clear();
        self.values.extend(sample.value.iter().zip(ratios).map(|(&v, &r)| scaled(v, r)));
        self.frames.clear();
        for &id in &sample.location_id {
            self.frames.push(locations.get(id)?);
        }
        self.labels.clear();
        for label in &sample.label {
            let key = string(strings, label.key)?;
            if label.str != 0 {
                let value = LabelValue::Text(string(strings, label.str)?);
                self.labels.push(Label { key, value });
            } else if label.num != 0 || label.num_unit != 0 {
                let value = LabelValue::Number(label.num, string(strings, label.num_unit)?);
                self.labels.push(Label { key, value });
            }
        }
        Ok(())
    }
}

/// `text` without control characters, which could move the cursor or end a line: a file may come
/// from anywhere.
fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => Cow::Owned(text.replace(char::is_control, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// `value` times `ratio`, exact for the ratios that almost all files have.
fn scaled(value: i64, ratio: f64) -> i64 {
    if ratio == 1.0 {
        value
    } else if ratio == -1.0 {
        value.saturating_neg()
    } else {
        (value as f64 * ratio).round() as i64
    }
}

/// A string of the file as one of the merged profile.
fn string(strings: &[Text], index: i64) -> Result<Text, Error> {
    usize::try_from(index)
        .ok()
        .and_then(|i| strings.get(i).copied())
        .ok_or_else(|| Error::Invalid(format!("string {index} does not exist")))
}

/// From the ids of one kind in a file to indices of the merged profile. Writers number things from
/// 1, so most ids are found in a vector; the file decides only how many, not how large.
struct Ids {
    kind: &'static str,
    dense: Vec<u32>,
    sparse: HashMap<u64, u32>,
}

const NO_INDEX: u32 = u32::MAX;

impl Ids {
    fn new(kind: &'static str, count: usize) -> Ids {
        Ids { kind, dense: vec![NO_INDEX; count + 1], sparse: HashMap::new() }
    }

    fn insert(&mut self, id: u64, index: u32) -> Result<(), Error> {
        let kind = self.kind;
        if id == 0 {
            return Err(Error::Invalid(format!("a {kind} has the id 0")));
        }
        let previous = match usize::try_from(id).ok().and_then(|i| self.dense.get_mut(i)) {
            Some(slot) => std::mem::replace(slot, index),
            None => self.sparse.insert(id, index).unwrap_or(NO_INDEX),
        };
        match previous {
            NO_INDEX => Ok(()),
            _ => Err(Error::Invalid(format!("two {kind}s have the id {id}"))),
        }
    }

    fn get(&self, id: u64) -> Result<u32, Error> {
        let dense = usize::try_from(id).ok().and_then(|i| self.dense.get(i));
        match dense.or_else(|| self.sparse.get(&id)) {
            Some(&index) if index != NO_INDEX => Ok(index),
            _ => Err(Error::Invalid(format!("{} {id} does not exist", self.kind))),
        }
    }
}
