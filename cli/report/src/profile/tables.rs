//! A profile in memory, laid out for reading: everything is an index into a table, stacks and label
//! sets are stored once, and a sample is two indices and its values.
//!
//! A million samples of twenty frames take some 150 MB here, and would take three times that as
//! messages of `profile.proto` with their vectors inside vectors.

use std::ops::Range;

use heaptrace_pprof::SampleType;
use heaptrace_pprof::cohorts::Cohorts;
use heaptrace_pprof::time_line::Point;

use crate::profile::intern::{Slices, Strings, Text};

/// The label, and its value, by which a report knows the samples of `--diff-base`; pprof's own.
pub const DIFF_BASE: (&str, &str) = ("pprof::base", "true");

/// One or several profiles, merged.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// What each value of a sample means.
    pub sample_types: Vec<SampleType>,
    /// The name of the sample type to show if none is asked for; empty: the last.
    pub default_sample_type: String,
    /// What the sampling period counts.
    pub period_type: SampleType,
    /// The sampling period; for heap profiles, the mean bytes between two samples.
    pub period: i64,
    /// Whether all merged files have the same period.
    pub one_period: bool,
    /// When the recording began, in nanoseconds since 1970; 0 if unknown.
    pub time_nanos: i64,
    /// How long the recording took.
    pub duration_nanos: i64,
    /// The heap over time, in nanoseconds since `time_nanos`; empty if it is not known.
    pub time_line: Vec<Point>,
    /// When the eras of `cohorts` began, in nanoseconds since `time_nanos`.
    pub eras: Vec<i64>,
    /// The sampled blocks of each sample by age, as far as one file tells them.
    pub cohorts: Vec<Option<Box<Cohorts>>>,
    /// What the writers of the files noted, file by file.
    pub comments: Vec<String>,
    /// Where what the profile shows is explained.
    pub doc_url: String,
    /// Functions to leave out together with all that they call: a regular expression.
    pub drop_frames: String,
    /// Exceptions to `drop_frames`.
    pub keep_frames: String,
    /// Mapped files.
    pub mappings: Vec<Mapping>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Places in the program.
    pub code: Code,
    /// The distinct stacks, leaf first.
    pub stacks: Slices<u32>,
    /// The distinct sets of labels.
    pub label_sets: Slices<Label>,
    /// The samples.
    pub samples: Vec<Sample>,
    /// The values of all samples, `sample_types.len()` each.
    pub values: Vec<i64>,
    /// Where a base was subtracted: the same values with what was subtracted added.
    pub gross: Option<Vec<i64>>,
    /// All texts.
    pub strings: Strings,
}

/// A mapped file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub limit: u64,
    /// Where in the file it starts.
    pub offset: u64,
    /// The file's name.
    pub file: Text,
    /// The file's build id.
    pub build_id: Text,
    /// Whether functions, files, line numbers, inline frames of its locations are known.
    pub has: [bool; 4],
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// Its name, demangled.
    pub name: Text,
    /// Its name in the symbol table.
    pub system_name: Text,
    /// Its source file.
    pub file: Text,
    /// The line where it starts; 0 if unknown.
    pub start_line: i64,
}

/// The locations with their lines. Filters that hide frames make a changed copy of it.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Addresses that occur in stacks.
    pub locations: Vec<Location>,
    /// The lines of all locations.
    pub lines: Vec<Line>,
}

impl Code {
    /// The lines of a location: inline frames innermost first.
    pub fn lines(&self, location: u32) -> &[Line] {
        let lines = &self.locations[location as usize].lines;
        &self.lines[lines.start as usize..lines.end as usize]
    }

    /// Keeps those lines of each location that `keep` is true for.
    pub fn retain_lines(&mut self, mut keep: impl FnMut(&Location, &Line) -> bool) {
        let old = std::mem::take(&mut self.lines);
        for location in &mut self.locations {
            let start = self.lines.len() as u32;
            let lines = location.lines.start as usize..location.lines.end as usize;
            let kept = old[lines].iter().filter(|line| keep(location, line));
            self.lines.extend(kept);
            location.lines = start..self.lines.len() as u32;
        }
    }
}

/// An address in the program.
#[derive(Clone, Debug)]
pub struct Location {
    /// Index of its mapping.
    pub mapping: Option<u32>,
    /// The address.
    pub address: u64,
    /// Its lines, in [`Code::lines`].
    pub lines: Range<u32>,
    /// Whether the linker made several functions one, and the lines name only one of them.
    pub folded: bool,
}

/// A line of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// Index of the function.
    pub function: u32,
    /// The line in the function's file; 0 if unknown.
    pub line: i64,
    /// The column in the line; 0 if unknown.
    pub column: i64,
}

/// What a label says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelValue {
    /// A text.
    Text(Text),
    /// A number and its unit, which may be empty.
    Number(i64, Text),
}

/// A label of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// Its key.
    pub key: Text,
    /// Its value.
    pub value: LabelValue,
}

/// A sample: its values are in [`Profile::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Index of its stack.
    pub stack: u32,
    /// Index of its label set.
    pub labels: u32,
}

impl Profile {
    /// The text that `text` stands for.
    pub fn text(&self, text: Text) -> &str {
        self.strings.get(text)
    }

    /// The values of all samples for one sample type, each with its sample.
    pub fn values_of(&self, index: usize) -> impl Iterator<Item = (&Sample, i64)> {
        let types = self.sample_types.len();
        let values = self.values.chunks_exact(types).map(move |row| row[index]);
        self.samples.iter().zip(values)
    }

    /// The sum of the absolute values of one sample type.
    pub fn sum(&self, index: usize) -> i64 {
        self.values_of(index).map(|(_, value)| value.abs()).sum()
    }

    /// The index of the sample type called `name`, as pprof finds it (`profile/index.go`): an empty
    /// name is the default one, a number an index, and `inuse_` may be left out.
    pub fn sample_index(&self, name: &str) -> Result<usize, String> {
        let position = |name: &str| self.sample_types.iter().position(|t| t.name == name);
        let last = self.sample_types.len() - 1;
        if name.is_empty() {
            return Ok(position(&self.default_sample_type).unwrap_or(last));
        }
        if let Ok(index) = name.parse::<usize>() {
            return if index <= last {
                Ok(index)
            } else {
                Err(format!("sample index {index} is not one of 0 to {last}"))
            };
        }
        position(name).or_else(|| position(name.strip_prefix("inuse_")?)).ok_or_else(|| {
            let names: Vec<_> = self.sample_types.iter().map(|t| t.name.as_str()).collect();
            format!("no sample index {name:?} in this profile, it has {}", names.join(", "))
        })
    }
}
