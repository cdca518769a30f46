//! The tables that the profiles of a request have in common, made of those of a pprof profile.

use hashbrown::HashMap;
use heaptrace_pprof::{StringTable, proto as pprof};

use super::proto::{
    AnyValue, Function, KeyValueAndUnit, Line, Link, Location, Mapping, ProfilesDictionary, Stack, any_value,
};

/// What a mapping's build id is called.
const BUILD_ID: &str = "process.executable.build_id.gnu";
/// What kind of code a location is in, and that of all that is not made up.
const FRAME_TYPE: (&str, &str) = ("profile.frame.type", "native");

/// The tables. The first entry of each means nothing, so the ids of pprof are the indices here.
#[derive(Debug)]
pub struct Dictionary<'a> {
    from: &'a pprof::Profile,
    strings: StringTable,
    attributes: Vec<KeyValueAndUnit>,
    stacks: Vec<Stack>,
    known_stacks: HashMap<Vec<u64>, i32>,
}

/// An index or an id, of which there are fewer than 2^31: a profile has a few megabytes.
fn index<N: TryInto<i32>>(number: N) -> i32 {
    number.try_into().unwrap_or(0)
}

fn text(value: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) })
}

impl<'a> Dictionary<'a> {
    /// Those of a profile, but for its stacks.
    pub fn new(from: &'a pprof::Profile) -> Dictionary<'a> {
        let mut strings = StringTable::default();
        strings.index("");
        let frame_type =
            KeyValueAndUnit { key_strindex: index(strings.index(FRAME_TYPE.0)), value: text(FRAME_TYPE.1) };
        let attributes = vec![KeyValueAndUnit::default(), frame_type];
        let (stacks, known_stacks) = (vec![Stack::default()], HashMap::new());
        Dictionary { from, strings, attributes, stacks, known_stacks }
    }

    /// The index of a string.
    pub fn string(&mut self, text: &str) -> i32 {
        index(self.strings.index(text))
    }

    /// The index of one of pprof's strings.
    pub fn known(&mut self, strindex: i64) -> i32 {
        let text = usize::try_from(strindex).ok().and_then(|at| self.from.string_table.get(at));
        text.map_or(0, |text| index(self.strings.index(text)))
    }

    /// The index of the stack with these locations, innermost first.
    pub fn stack(&mut self, locations: &[u64]) -> i32 {
        if let Some(&known) = self.known_stacks.get(locations) {
            return known;
        }
        let stack = index(self.stacks.len());
        self.stacks.push(Stack { location_indices: locations.iter().map(|&id| index(id)).collect() });
        self.known_stacks.insert(locations.to_vec(), stack);
        stack
    }

    /// All of them.
    pub fn finish(mut self) -> ProfilesDictionary {
        let mapping_table = self.mappings();
        let function_table = self.functions();
        ProfilesDictionary {
            mapping_table,
            location_table: self.locations(),
            function_table,
            link_table: vec![Link { trace_id: vec![0; 16], span_id: vec![0; 8] }],
            string_table: self.strings.table,
            attribute_table: self.attributes,
            stack_table: self.stacks,
        }
    }

    fn mappings(&mut self) -> Vec<Mapping> {
        let mut table = vec![Mapping::default()];
        for mapping in &self.from.mapping {
            let filename_strindex = self.known(mapping.filename);
            let attribute_indices = self.build_id(mapping.build_id).into_iter().collect();
            let pprof::Mapping { memory_start, memory_limit, file_offset, .. } = *mapping;
            table.push(Mapping {
                memory_start,
                memory_limit,
                file_offset,
                filename_strindex,
                attribute_indices,
            });
        }
        table
    }

    fn build_id(&mut self, strindex: i64) -> Option<i32> {
        let id = self.from.string_table.get(usize::try_from(strindex).ok()?).filter(|id| !id.is_empty())?;
        let attribute = KeyValueAndUnit { key_strindex: self.string(BUILD_ID), value: text(id) };
        let known = self.attributes.iter().position(|other| *other == attribute);
        Some(index(known.unwrap_or_else(|| {
            self.attributes.push(attribute);
            self.attributes.len() - 1
        })))
    }

    fn functions(&mut self) -> Vec<Function> {
        let mut table = vec![Function::default()];
        for function in &self.from.function {
            table.push(Function {
                name_strindex: self.known(function.name),
                system_name_strindex: self.known(function.system_name),
                filename_strindex: self.known(function.filename),
                start_line: function.start_line,
            });
        }
        table
    }

    fn locations(&self) -> Vec<Location> {
        let line = |line: &pprof::Line| Line {
            function_index: index(line.function_id),
            line: line.line,
            column: line.column,
        };
        let location = |location: &pprof::Location| Location {
            mapping_index: index(location.mapping_id),
            address: location.address,
            lines: location.line.iter().map(line).collect(),
            attribute_indices: if location.mapping_id == 0 { Vec::new() } else { vec![1] },
        };
        [Location::default()].into_iter().chain(self.from.location.iter().map(location)).collect()
    }
}
