//! Several files to one profile. The rules for what is equal are those of pprof's
//! `profile/merge.go`.

use std::collections::HashMap;
use std::hash::BuildHasher;

use anyhow::bail;
use hashbrown::{DefaultHashBuilder, HashTable};
use heaptrace_pprof::cohorts::{Cohorts, MOST_ERAS};
use heaptrace_pprof::{Error, Source, printable, proto};

use crate::profile::common::Common;
use crate::profile::ids::Ids;
use crate::profile::intern::{Slices, Text};
use crate::profile::part::Part;
use crate::profile::resolved_sample::{ResolvedSample, string};
use crate::profile::tables::{
    DIFF_BASE, Function, Label, LabelValue, Line, Location, Mapping, Profile, Sample,
};
use crate::profile::time_line;

/// Most frames in all distinct stacks, labels in all distinct sets, values in all samples.
const ITEMS_LIMIT: usize = 1 << 28;

/// Builds the merged profile, and finds what is already in it.
pub struct Merger {
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
    pub fn new(sources: &[Source], common: Common) -> Merger {
        let text = |source: &Source, i| {
            let text = source.string(i).unwrap_or_default();
            printable(text).into_owned()
        };
        let first = &sources[0];
        let mut profile = Profile {
            sample_types: common.sample_types,
            default_sample_type: common.default_sample_type,
            period_type: common.period_type,
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
            if profile.doc_url.is_empty() {
                profile.doc_url = text(source, tables.doc_url);
            }
        }
        profile.time_line = time_line::merged(sources, profile.time_nanos);
        if let [only] = sources {
            profile.eras = only.tables.eras.clone();
            profile.eras.truncate(MOST_ERAS);
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

    /// Adds a file. `differs` tells whether one of all is subtracted.
    pub fn add(&mut self, part: &Part, differs: bool) -> anyhow::Result<()> {
        let source = part.source;
        self.profile.one_period &= source.tables.period == self.profile.period;
        let strings = self.strings(source);
        let locations = self.tables(source, &strings)?;
        let mark = part.marked.then(|| Label {
            key: self.profile.strings.intern(DIFF_BASE.0),
            value: LabelValue::Text(self.profile.strings.intern(DIFF_BASE.1)),
        });
        if differs && self.profile.gross.is_none() {
            self.profile.gross = Some(Vec::new());
        }
        let mut row = ResolvedSample::default();
        source.each_sample(|sample| {
            row.fill(sample, part, &locations, &strings)?;
            row.labels.extend(mark);
            let index = self.add_row(&mut row)?;
            if let (Some(index), Some(cohorts)) = (index, &sample.cohorts) {
                self.add_cohorts(index, cohorts);
            }
            Ok(())
        })?;
        Ok(())
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
                let function = functions.get(line.function_id)?;
                lines.push(Line { function, line: line.line, column: line.column });
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
            has: [
                mapping.has_functions,
                mapping.has_filenames,
                mapping.has_line_numbers,
                mapping.has_inline_frames,
            ],
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
            locations.push(Location { mapping, address, lines, folded: location.is_folded });
            locations.len() as u32 - 1
        })
    }

    /// Adds a sample, or its values to the sample with the same stack and labels.
    fn add_row(&mut self, row: &mut ResolvedSample) -> Result<Option<usize>, Error> {
        if row.values.iter().all(|&value| value == 0) {
            return Ok(None);
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
        Ok(Some(index))
    }

    /// The ages of a sample's blocks. Those of several files have each their own eras.
    fn add_cohorts(&mut self, index: usize, more: &Cohorts) {
        let profile = &mut self.profile;
        if profile.eras.is_empty() || profile.gross.is_some() {
            return;
        }
        profile.cohorts.resize_with(profile.samples.len(), || None);
        match &mut profile.cohorts[index] {
            Some(cohorts) => cohorts.add(more),
            none => *none = Some(Box::new(more.clone())),
        }
    }

    /// The profile, if sums of its values fit into 64 bits. That none overflows is checked once,
    /// here: whatever a report adds up is a part of what is added up here.
    pub fn finish(mut self) -> anyhow::Result<Profile> {
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
