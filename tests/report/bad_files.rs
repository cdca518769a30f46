//! Files that are no profiles, or wrong ones: one line that says so, exit status 1, no panic, and
//! memory that the file does not decide.

use std::fs;
use std::io::Write;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use heaptrace_pprof::proto::{Label, Location, Profile};

use crate::builder::Random;
use crate::fixtures;
use crate::support::{Folder, report_error};

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_file_that_is_no_profile_is_named_with_the_reason() {
    let folder = Folder::new();
    let whole = gzipped(&fixtures::heaptrace().encode());
    let text = "text, and no pprof profile; heaptrace reads profile.proto only";
    let files: [(&str, &[u8], &str); 13] = [
        ("empty", b"", "the file is empty"),
        ("truncated", &whole[..whole.len() / 2], "the file is truncated: its gzip stream ends too early"),
        ("zeros", &[0; 4096], "not a valid pprof profile: "),
        ("script", b"#!/bin/sh\nexit 0\n", "it is a script, and no pprof profile; "),
        ("json", b"{\"nodes\": []}\n", "it is JSON, and no pprof profile; "),
        ("folded", b"main;f 12\nmain;g 7\n", &format!("it is {text}")),
        ("folded.gz", &gzipped(b"main;f 12\nmain;g 7\n"), &format!("it is {text}")),
        ("jemalloc", b"heap_v2/524288\n  t*: 1: 2 [0: 0]\n", "it is a heap profile of jemalloc, "),
        ("gperftools", b"heap profile:  1:  2 [ 3: 4] @ heapprofile\n", "it is a heap profile of gperftools"),
        ("heaptrack.gz", &gzipped(b"v 10400 2\nx ./a.out\n"), "it is a recording of heaptrack, "),
        ("zstd", b"\x28\xb5\x2f\xfd\x04\x00abc", "it is compressed with zstd, and no pprof profile; unpack"),
        ("cpu", &[&[0; 8][..], &[3], &[0; 31]].concat(), "it is a CPU profile of gperftools, "),
        ("elf", &fs::read("/bin/true").unwrap(), "it is a program, a library or a core file, "),
    ];
    for (name, content, reason) in files {
        let file = folder.file(name, content);
        let error = report_error(&[&file]);
        assert!(error.starts_with(&format!("{file}: {reason}")), "{error}");
    }
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let error = report_error(&["/nonexistent/x.prof"]);
    assert_eq!(error, "/nonexistent/x.prof: cannot read: No such file or directory (os error 2)");
    let error = report_error(&["/"]);
    assert_eq!(error, "/: cannot read: Is a directory (os error 21)");
}

#[test]
fn references_to_nothing_are_named() {
    type Break = fn(&mut Profile);
    let breaks: [(Break, &str); 9] = [
        (|p| p.sample[0].location_id[0] = 99, "location 99 does not exist"),
        (|p| p.location[2].line[0].function_id = 99, "function 99 does not exist"),
        (|p| p.function[0].name = 999, "string 999 does not exist"),
        (|p| p.function[0].name = -1, "string -1 does not exist"),
        (
            |p| p.sample[0].label = vec![Label { key: 999, num: 1, ..Label::default() }],
            "string 999 does not exist",
        ),
        (|p| p.location.push(p.location[0].clone()), "two locations have the id 1"),
        (|p| p.location.push(Location::default()), "a location has the id 0"),
        (|p| p.sample[0].value.truncate(2), "a sample has 2 values, but there are 6 sample types"),
        (|p| p.sample_type.clear(), "it has no sample types"),
    ];
    let folder = Folder::new();
    for (break_it, reason) in breaks {
        let mut builder = fixtures::heaptrace();
        break_it(&mut builder.profile);
        let file = folder.profile("broken.prof", &builder);
        let error = report_error(&[&file]);
        assert_eq!(error, format!("{file}: not a valid pprof profile: {reason}"));
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let folder = Folder::new();
    let mut builder = fixtures::heaptrace();
    builder.profile.sample[0].value = vec![i64::MIN; 6];
    builder.profile.sample[1].value = vec![i64::MIN; 6];
    let file = folder.profile("huge.prof", &builder);
    assert_eq!(report_error(&[&file]), "the values of alloc_objects add up to more than 2^63");
}

#[test]
fn profiles_of_different_kinds_are_not_added_up() {
    let folder = Folder::new();
    let heap = folder.profile("heap.prof", &fixtures::heaptrace());
    let other = folder.profile("other.prof", &fixtures::anything(1));
    let error = report_error(&[&heap, &other]);
    assert!(error.contains("have no sample type in common: the one has alloc_objects, "), "{error}");
    assert_eq!(report_error(&["--base", &other, &heap]), error);
    let mut builder = fixtures::heaptrace();
    let cpu = builder.string("cpu");
    builder.profile.period_type.as_mut().unwrap().r#type = cpu;
    let other = folder.profile("other.prof", &builder);
    let error = report_error(&[&heap, &other]);
    assert!(
        error.ends_with("do not add up: the one is sampled by space in bytes, the other by cpu in bytes")
    );
}

#[test]
fn profiles_one_after_the_other_are_told_from_one() {
    let folder = Folder::new();
    let profile = fixtures::heaptrace().encode();
    for (name, bytes) in [
        ("plain", profile.repeat(2)),
        ("gz", gzipped(&profile).repeat(2)),
        ("inside.gz", gzipped(&profile.repeat(2))),
    ] {
        let file = folder.file(name, bytes);
        assert_eq!(
            report_error(&[&file]),
            format!("{file}: several profiles in one file; name each file of its own, and they are added up")
        );
    }
}

#[test]
fn a_bad_option_is_named_with_what_would_be_good() {
    let folder = Folder::new();
    let file = folder.profile("heap.prof", &fixtures::heaptrace());
    assert_eq!(
        report_error(&["-s", "inuse", &file]),
        "no sample index \"inuse\" in this profile, it has alloc_objects, alloc_space, inuse_objects, \
         inuse_space, peak_objects, peak_space"
    );
    assert_eq!(report_error(&["-s", "6", &file]), "sample index 6 is not one of 0 to 5");
    assert_eq!(
        report_error(&["--focus", "a(", &file]),
        "--focus: \"a(\" is no regular expression: missing closing )"
    );
    assert_eq!(
        report_error(&["--tag-focus", "thread=a,(", &file]),
        "--tag-focus: \"(\" is no regular expression: missing closing )"
    );
    assert_eq!(report_error(&["--list", "nothing", &file]), "no function matches nothing");
    assert_eq!(report_error(&["--peek", "nothing", &file]), "no function matches nothing");
}

/// Runs `heaptrace report` with 512 MiB of address space, and returns whether it read the file.
fn survives(file: &str, what: &str) -> bool {
    let binary = env!("CARGO_BIN_EXE_heaptrace");
    let script = "ulimit -v 524288; exec \"$0\" report -n 0 \"$1\"";
    let output = Command::new("sh").args(["-c", script, binary, file]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => true,
        Some(1) => {
            assert_eq!(error.lines().count(), 1, "{what}: {error}");
            assert!(error.starts_with("heaptrace: "), "{what}: {error}");
            false
        }
        _ => panic!("{what}: {:?} {error}", output.status),
    }
}

#[test]
fn gzip_bombs_need_little_memory() {
    let folder = Folder::new();
    let zeros = folder.file("zeros", gzipped(&vec![0; 32 << 20]));
    assert!(!survives(&zeros, "zeros"));
    // A well-formed message of nothing but empty samples, and one of empty locations.
    for tag in [0x12, 0x22] {
        let empty = [tag, 0].repeat(16 << 20);
        let bomb = folder.file("bomb", gzipped(&empty));
        assert!(!survives(&bomb, "empty messages"));
    }
}

#[test]
fn a_field_as_long_as_memory_is_refused() {
    let folder = Folder::new();
    let mut bytes = fixtures::heaptrace().encode();
    bytes.extend([0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    let file = folder.file("long", bytes);
    assert!(!survives(&file, "a long field"));
}

#[test]
fn mutated_files_neither_crash_nor_hang() {
    let folder = Folder::new();
    let random = &mut Random::new(42);
    let originals = [fixtures::heaptrace().encode(), fixtures::anything(2).encode()];
    let mut read = 0;
    for i in 0..400 {
        let mut bytes = originals[i % 2].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => bytes[at] = random.below(256) as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, random.below(256) as u8),
            }
        }
        let bytes = if i % 3 == 0 { gzipped(&bytes) } else { bytes };
        let file = folder.file("mutated.prof", bytes);
        read += usize::from(survives(&file, &format!("mutation {i}")));
    }
    // Some mutations change no more than a number or a letter.
    assert!((20..380).contains(&read), "{read} of 400 were read");
}
