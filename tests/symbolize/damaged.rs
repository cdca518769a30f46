//! Files that are damaged, or made to take forever.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use heaptrace_symbolize::Options;

use crate::fuzzed;
use crate::tools::{instructions, options, ours};
use crate::workshop::Workshop;

#[test]
fn calls_nested_beyond_reason_are_cut() {
    let workshop = Workshop::new("nested");
    workshop.run("gcc @nested.s -o program");
    let path = workshop.path("program");
    let address = main_of(&path) + 50;
    let frames = &ours(&path, &[address], &options())[&address];
    assert_eq!(frames.len(), 513);
    assert_eq!((frames[0].name.as_str(), frames[512].name.as_str()), ("deep", "main"));
}

#[test]
fn debug_information_made_to_take_forever_takes_seconds() {
    let workshop = Workshop::new("quadratic");
    for source in ["shared_ranges", "shared_abbreviations"] {
        workshop.run(&format!("gcc @{source}.s -o {source}"));
        let path = workshop.path(source);
        let address = main_of(&path) + 50;
        let started = Instant::now();
        let options = Options { time_limit: Duration::from_secs(1), ..options() };
        let frames = &ours(&path, &[address], &options)[&address];
        assert_eq!(frames[0].name, "main");
        assert!(started.elapsed() < Duration::from_secs(5), "{source}: {:?}", started.elapsed());
    }
}

/// The address of `main` in a file.
fn main_of(file: &Path) -> u64 {
    let output = Command::new("nm").arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let address = text.lines().find_map(|line| line.strip_suffix(" T main")).unwrap();
    u64::from_str_radix(address, 16).unwrap()
}

#[test]
fn damaged_files_cost_names_only() {
    let workshop = Workshop::new("damaged");
    workshop.run("gcc -O2 -g @inline.c -o program");
    workshop.run("objcopy --compress-debug-sections=zlib-gabi program compressed");
    let files = ["program", "compressed"].map(|file| fs::read(workshop.path(file)).unwrap());
    let addresses = instructions(&workshop.path("program"));
    // The numbers of xorshift64, from a seed of no meaning: the same damage in each run.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..200 {
        let whole = &files[round / 4 % 2];
        let mut bytes = whole.clone();
        match round % 4 {
            0 => bytes.truncate(random(whole.len())),
            // Headers of the file and its segments, and of its sections, which are at its end.
            1 => bytes[random(0x400)] = random(256) as u8,
            2 => bytes[whole.len() - 1 - random(0x900)] = random(256) as u8,
            _ => (0..100).for_each(|_| bytes[random(whole.len())] = random(256) as u8),
        }
        fuzzed::run(&bytes);
        fs::write(workshop.path("damaged"), bytes).unwrap();
        let frames = ours(&workshop.path("damaged"), &addresses, &options());
        assert_eq!(frames.len(), addresses.len());
    }
}
