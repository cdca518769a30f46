//! The functions of a profile.

use std::sync::Arc;

use hashbrown::HashMap;
use heaptrace_pprof::StringTable;
use heaptrace_pprof::proto::{Function, Line, Mapping, signed};

use heaptrace_symbolize::ResolvedFrame;

/// The functions, each once.
#[derive(Debug, Default)]
pub struct Functions {
    pub table: Vec<Function>,
    ids: HashMap<Arc<heaptrace_symbolize::Function>, u64>,
    /// The highest id in use.
    last: u64,
}

impl Functions {
    /// Those of a profile that was read.
    pub fn of(table: Vec<Function>) -> Functions {
        let last = table.iter().map(|function| function.id).max().unwrap_or(0);
        Functions { table, last, ..Functions::default() }
    }

    /// The lines of a location that stands for `frames`.
    pub fn lines(&mut self, frames: &[ResolvedFrame], strings: &mut StringTable) -> Vec<Line> {
        let line = |frame: &ResolvedFrame| Line {
            function_id: self.id(&frame.function, strings),
            line: signed(frame.line),
            column: 0,
        };
        frames.iter().map(line).collect()
    }

    fn id(&mut self, function: &Arc<heaptrace_symbolize::Function>, strings: &mut StringTable) -> u64 {
        if let Some(&id) = self.ids.get(function) {
            return id;
        }
        self.last += 1;
        self.table.push(Function {
            id: self.last,
            name: strings.index(&function.name),
            system_name: strings.index(&function.system_name),
            filename: strings.index(&function.file),
            start_line: signed(function.start_line),
        });
        self.ids.insert(Arc::clone(function), self.last);
        self.last
    }
}

/// Notes in a mapping what is known of an address in it. pprof looks nothing up where a flag is set,
/// so what only has an address sets none.
pub fn add_flags(mapping: &mut Mapping, frames: &[ResolvedFrame]) {
    let named = || frames.iter().filter(|frame| !frame.function.system_name.is_empty());
    mapping.has_functions |= named().next().is_some();
    mapping.has_filenames |= named().any(|frame| !frame.function.file.is_empty());
    mapping.has_line_numbers |= named().any(|frame| frame.line != 0);
    mapping.has_inline_frames = mapping.has_line_numbers;
}
