//! A profile of a million samples and a hundred thousand functions, against `go tool pprof` in the
//! same run. It takes minutes: `cargo test --release -p heaptrace --test report -- --ignored`.

use std::process::{Command, Stdio};

use heaptrace_collector::pprof::proto::{Function, Line, Location, Profile, Sample};
use prost::Message;

use crate::builder::{Builder, Random};
use crate::support::{Folder, has_go};

const SAMPLES: u64 = 1_000_000;
const FUNCTIONS: u64 = 100_000;

/// The bytes of the profile. Messages of profiles end to end are one profile, so that not all of it
/// need be in memory.
fn large() -> Vec<u8> {
    let random = &mut Random::new(1);
    let callees: Vec<[u64; 3]> = (0..FUNCTIONS).map(|_| [0; 3].map(|_| random.below(FUNCTIONS))).collect();
    let mut builder = Builder::new(&[("alloc_objects", "count"), ("alloc_space", "bytes")]);
    let mapping = builder.mapping("/usr/bin/large", 0x40_0000);
    let label = builder.number_label("bytes", 64, "bytes");
    let strings = builder.profile.string_table.len() as i64;
    let mut bytes = builder.encode();
    for i in 0..FUNCTIONS {
        let id = i + 1;
        let part = Profile {
            string_table: vec![format!("std::__detail::_Map_base<Key{}, Value>::function_{i}", i % 977)],
            function: vec![Function { id, name: strings + i as i64, ..Function::default() }],
            location: vec![Location {
                id,
                mapping_id: mapping,
                address: 0x40_0000 + i * 8,
                line: vec![Line { function_id: id, line: 1, column: 0 }],
                is_folded: false,
            }],
            ..Profile::default()
        };
        part.encode(&mut bytes).unwrap();
    }
    for _ in 0..SAMPLES {
        let mut stack = vec![1 + random.below(50)];
        for _ in 0..12 + random.below(18) {
            let caller = stack[stack.len() - 1] as usize - 1;
            stack.push(callees[caller][random.below(3) as usize] + 1);
        }
        stack.reverse();
        let blocks = 1 + random.below(50) as i64;
        let sample = Sample { location_id: stack, value: vec![blocks, blocks * 64], label: vec![label] };
        Profile { sample: vec![sample], ..Profile::default() }.encode(&mut bytes).unwrap();
    }
    bytes
}

/// Seconds and kilobytes that a command takes, and what it writes.
fn cost(command: &[&str]) -> (f64, f64, String) {
    let output = Command::new("/usr/bin/time")
        .args(["-f", "%e %M"])
        .args(command)
        .stdin(Stdio::null())
        .output()
        .expect("there is /usr/bin/time; apt-get install time");
    assert!(output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    let numbers = error.lines().last().unwrap().split_once(' ').unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (numbers.0.parse().unwrap(), numbers.1.parse().unwrap(), text)
}

#[test]
#[ignore = "takes minutes"]
fn a_million_samples_take_a_quarter_of_the_time_and_memory_of_pprof() {
    if !has_go() {
        return;
    }
    let folder = Folder::new();
    let file = folder.file("large.prof", large());
    let ours = cost(&[env!("CARGO_BIN_EXE_heaptrace"), "report", "--json", &file]);
    let theirs = cost(&["go", "tool", "pprof", "-symbolize=none", "-top", "-nodecount=20", &file]);
    println!("seconds {} and {}, kilobytes {} and {}", ours.0, theirs.0, ours.1, theirs.1);
    let rows: serde_json::Value = serde_json::from_str(&ours.2).unwrap();
    let first = rows["rows"][0]["name"].as_str().unwrap();
    assert!(theirs.2.contains(first), "{first} is in the table of pprof too");
    assert!(ours.0 * 4.0 <= theirs.0 && ours.1 * 4.0 <= theirs.1);
}
