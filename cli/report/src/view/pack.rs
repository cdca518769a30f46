//! What the filters leave of a profile as a message of `profile.proto` again, with ids given in the
//! order in which samples refer to things, as pprof gives them.

use std::collections::HashMap;

use heaptrace_pprof::time_line::TimeLine;
use heaptrace_pprof::{SampleType, proto};

use crate::profile::intern::Text;
use crate::profile::tables::{Label, LabelValue, Line, Profile, Sample};
use crate::view::basis::View;

/// The message.
pub fn pack(view: &View) -> proto::Profile {
    let mut packer = Packer::new(view);
    packer.describe();
    if !view.profile.mappings.is_empty() {
        // The program's own is the first, whether samples refer to it or not.
        packer.mapping(0);
    }
    let types = view.profile.sample_types.len();
    for (row, sample, _) in view.selection.samples_with_stackless(view.index) {
        packer.sample(row, sample, &view.profile.values[row * types..(row + 1) * types]);
    }
    packer.message
}

/// The message in the making, and the ids that things have in it.
struct Packer<'a> {
    view: &'a View<'a>,
    profile: &'a Profile,
    message: proto::Profile,
    strings: HashMap<&'a str, i64>,
    mappings: HashMap<u32, u64>,
    functions: HashMap<u32, u64>,
    locations: HashMap<u32, u64>,
}

impl<'a> Packer<'a> {
    fn new(view: &'a View) -> Packer<'a> {
        Packer {
            view,
            profile: view.profile,
            message: proto::Profile { string_table: vec![String::new()], ..proto::Profile::default() },
            strings: HashMap::from([("", 0)]),
            mappings: HashMap::new(),
            functions: HashMap::new(),
            locations: HashMap::new(),
        }
    }

    /// What the profile says of itself.
    fn describe(&mut self) {
        let profile = self.profile;
        self.message.sample_type = profile.sample_types.iter().map(|t| self.sample_type(t)).collect();
        self.message.period_type = Some(self.sample_type(&profile.period_type));
        self.message.default_sample_type = self.string(&profile.default_sample_type);
        self.message.drop_frames = self.string(&profile.drop_frames);
        self.message.keep_frames = self.string(&profile.keep_frames);
        self.message.comment = profile.comments.iter().map(|comment| self.string(comment)).collect();
        self.message.doc_url = self.string(&profile.doc_url);
        self.message.period = profile.period;
        self.message.time_nanos = profile.time_nanos;
        self.message.duration_nanos = profile.duration_nanos;
        self.message.time_line = TimeLine::of(&profile.time_line);
        self.message.eras.clone_from(&profile.eras);
    }

    fn string(&mut self, text: &'a str) -> i64 {
        *self.strings.entry(text).or_insert_with(|| {
            self.message.string_table.push(text.to_owned());
            self.message.string_table.len() as i64 - 1
        })
    }

    fn text(&mut self, text: Text) -> i64 {
        self.string(self.profile.text(text))
    }

    fn sample_type(&mut self, of: &'a SampleType) -> proto::ValueType {
        proto::ValueType { r#type: self.string(&of.name), unit: self.string(&of.unit) }
    }

    fn sample(&mut self, row: usize, sample: &Sample, values: &[i64]) {
        let cohorts = self.profile.cohorts.get(row).and_then(Option::as_deref);
        let view = self.view;
        let scale = view.scale();
        let sample = proto::Sample {
            location_id: view.selection.stack(sample.stack).map(|l| self.location(l)).collect(),
            value: values.iter().map(|&value| scale.divided(value)).collect(),
            label: view.selection.labels(sample.labels).map(|label| self.label(label)).collect(),
            cohorts: cohorts.cloned(),
        };
        self.message.sample.push(sample);
    }

    fn label(&mut self, label: &Label) -> proto::Label {
        let key = self.text(label.key);
        match label.value {
            LabelValue::Text(text) => proto::Label { key, str: self.text(text), ..proto::Label::default() },
            LabelValue::Number(num, unit) => {
                proto::Label { key, num, num_unit: self.text(unit), ..proto::Label::default() }
            }
        }
    }

    fn location(&mut self, index: u32) -> u64 {
        if let Some(&id) = self.locations.get(&index) {
            return id;
        }
        let id = self.locations.len() as u64 + 1;
        self.locations.insert(index, id);
        let code = &self.view.selection.code;
        let location = &code.locations[index as usize];
        let location = proto::Location {
            id,
            mapping_id: location.mapping.map_or(0, |mapping| self.mapping(mapping)),
            address: location.address,
            line: code.lines(index).iter().map(|line| self.line(line)).collect(),
            is_folded: location.folded,
        };
        self.message.location.push(location);
        id
    }

    fn line(&mut self, line: &Line) -> proto::Line {
        proto::Line { function_id: self.function(line.function), line: line.line, column: line.column }
    }

    fn function(&mut self, index: u32) -> u64 {
        if let Some(&id) = self.functions.get(&index) {
            return id;
        }
        let id = self.functions.len() as u64 + 1;
        self.functions.insert(index, id);
        let function = &self.profile.functions[index as usize];
        let function = proto::Function {
            id,
            name: self.text(function.name),
            system_name: self.text(function.system_name),
            filename: self.text(function.file),
            start_line: function.start_line,
        };
        self.message.function.push(function);
        id
    }

    fn mapping(&mut self, index: u32) -> u64 {
        if let Some(&id) = self.mappings.get(&index) {
            return id;
        }
        let id = self.mappings.len() as u64 + 1;
        self.mappings.insert(index, id);
        let mapping = &self.profile.mappings[index as usize];
        let [has_functions, has_filenames, has_line_numbers, has_inline_frames] = mapping.has;
        let mapping = proto::Mapping {
            id,
            memory_start: mapping.start,
            memory_limit: mapping.limit,
            file_offset: mapping.offset,
            filename: self.text(mapping.file),
            build_id: self.text(mapping.build_id),
            has_functions,
            has_filenames,
            has_line_numbers,
            has_inline_frames,
        };
        self.message.mapping.push(mapping);
        id
    }
}
