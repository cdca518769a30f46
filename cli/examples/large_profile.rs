//! Writes a profile of a million samples, or as many as its argument says, and a hundred thousand functions
//! to stdout, for scripts/bench-report and the tests of the viewer.

use std::io::{self, BufWriter, Write};

use heaptrace_pprof::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use prost::Message;

const SAMPLES: u64 = 1_000_000;
const FUNCTIONS: u64 = 100_000;
const TEXTS: [&str; 6] = ["", "alloc_objects", "count", "alloc_space", "bytes", "/usr/bin/large"];

/// Messages of profiles end to end are one profile, so that not all of it need be in memory.
fn main() -> io::Result<()> {
    let samples = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(SAMPLES);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut write = |part: Profile| out.write_all(&part.encode_to_vec());
    let random = &mut Random(0x9e37_79b9_7f4a_7c15);
    let callees: Vec<[u64; 3]> = (0..FUNCTIONS).map(|_| [0; 3].map(|_| random.below(FUNCTIONS))).collect();
    write(Profile {
        sample_type: vec![ValueType { r#type: 1, unit: 2 }, ValueType { r#type: 3, unit: 4 }],
        string_table: TEXTS.map(str::to_owned).to_vec(),
        mapping: vec![Mapping { id: 1, memory_limit: 1 << 32, filename: 5, ..Mapping::default() }],
        ..Profile::default()
    })?;
    for i in 0..FUNCTIONS {
        write(function(i))?;
    }
    for _ in 0..samples {
        write(Profile { sample: vec![sample(&callees, random)], ..Profile::default() })?;
    }
    out.flush()
}

/// A function with a name as long as those of C++, and a location in it.
fn function(i: u64) -> Profile {
    let (id, name) = (i + 1, TEXTS.len() as i64 + i as i64);
    let line = vec![Line { function_id: id, line: 1, column: 0 }];
    Profile {
        string_table: vec![format!("std::__detail::_Map_base<Key{}, Value>::function_{i}", i % 977)],
        function: vec![Function { id, name, ..Function::default() }],
        location: vec![Location { id, mapping_id: 1, address: i * 8, line, ..Location::default() }],
        ..Profile::default()
    }
}

/// A walk from one of 50 functions to what they call, 13 to 30 deep.
fn sample(callees: &[[u64; 3]], random: &mut Random) -> Sample {
    let mut stack = vec![1 + random.below(50)];
    for _ in 0..12 + random.below(18) {
        let caller = stack[stack.len() - 1] as usize - 1;
        stack.push(callees[caller][random.below(3) as usize] + 1);
    }
    stack.reverse();
    let blocks = 1 + random.below(50) as i64;
    let size = Label { key: 4, num: 64, num_unit: 4, ..Label::default() };
    Sample { location_id: stack, value: vec![blocks, blocks * 64], label: vec![size], cohorts: None }
}

/// xorshift64*: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}
