//! Profiles made by hand, of the messages of `profile.proto`.

use heaptrace_pprof::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use prost::Message;

/// A profile in the making. Things are referred to by what the methods return.
#[derive(Clone, Default)]
pub struct Builder {
    pub profile: Profile,
}

impl Builder {
    /// A profile with these sample types, each a name with a unit.
    pub fn new(sample_types: &[(&str, &str)]) -> Builder {
        let mut builder = Builder::default();
        builder.string("");
        for (name, unit) in sample_types {
            let (name, unit) = (builder.string(name), builder.string(unit));
            builder.profile.sample_type.push(ValueType { r#type: name, unit });
        }
        builder
    }

    /// The index of a string.
    pub fn string(&mut self, text: &str) -> i64 {
        let table = &mut self.profile.string_table;
        let known = table.iter().position(|known| known == text);
        known.unwrap_or_else(|| {
            table.push(text.to_owned());
            table.len() - 1
        }) as i64
    }

    pub fn comment(&mut self, text: &str) {
        let text = self.string(text);
        self.profile.comment.push(text);
    }

    /// A mapping of a file, at `start`.
    pub fn mapping(&mut self, file: &str, start: u64) -> u64 {
        let id = self.profile.mapping.len() as u64 + 1;
        let filename = self.string(file);
        self.profile.mapping.push(Mapping {
            id,
            memory_start: start,
            memory_limit: start + 0x10_0000,
            filename,
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            ..Mapping::default()
        });
        id
    }

    /// A function.
    pub fn function(&mut self, name: &str, file: &str) -> u64 {
        let id = self.profile.function.len() as u64 + 1;
        let (name, filename) = (self.string(name), self.string(file));
        self.profile.function.push(Function { id, name, system_name: name, filename, start_line: 0 });
        id
    }

    /// A location with its lines, functions with line numbers, innermost first.
    pub fn location(&mut self, mapping: u64, address: u64, lines: &[(u64, i64)]) -> u64 {
        let id = self.profile.location.len() as u64 + 1;
        let lines = lines.iter().map(|&(function_id, line)| Line { function_id, line, column: 0 });
        self.profile.location.push(Location {
            id,
            mapping_id: mapping,
            address,
            line: lines.collect(),
            is_folded: false,
        });
        id
    }

    /// A sample of a stack, leaf first.
    pub fn sample(&mut self, stack: &[u64], values: &[i64]) -> &mut Sample {
        self.profile.sample.push(Sample {
            location_id: stack.to_vec(),
            value: values.to_vec(),
            label: Vec::new(),
            cohorts: None,
        });
        self.profile.sample.last_mut().expect("it was just pushed")
    }

    /// A label with a text.
    pub fn text_label(&mut self, key: &str, text: &str) -> Label {
        Label { key: self.string(key), str: self.string(text), ..Label::default() }
    }

    /// A label with a number.
    pub fn number_label(&mut self, key: &str, number: i64, unit: &str) -> Label {
        Label { key: self.string(key), num: number, num_unit: self.string(unit), ..Label::default() }
    }

    /// The bytes of the file, not gzipped.
    pub fn encode(&self) -> Vec<u8> {
        self.profile.encode_to_vec()
    }
}

/// Numbers that look random and are the same in every run (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}
