//! Profiles as pprof sees them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use heaptrace_collector::recording::{Counters, Frame, Recording, StackNumber, StackSamples, Stacks, Values};
use heaptrace_collector::symbolize::{Located, Mode, Options, Symbolizer, hex};
use heaptrace_collector::{Filled, Form, add_names, profile};
use heaptrace_pprof::proto::{Location, Profile};
use heaptrace_pprof::time_line::{Point, TimeLine};
use wanted::has;
use workshop::{Workshop, module};

#[path = "support/wanted.rs"]
mod wanted;
mod workshop;

/// Where a position-independent program is loaded.
const BIAS: u64 = 0x5555_5555_4000;

/// Start addresses of `main` and `read_names` in the program.
fn addresses(program: &Path) -> [u64; 2] {
    let output = Command::new("nm").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    ["main", "read_names"].map(|name| {
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let (address, _) = lines.find(|(_, rest)| *rest == format!("T {name}")).unwrap();
        u64::from_str_radix(address, 16).unwrap()
    })
}

/// A recording of `program` in which `read_names`, called by `main`, allocated three blocks of 40
/// bytes, one of them still in use, and `main` itself one of 100.
fn recording(program: &Path, bias: u64) -> Recording {
    let [main, read_names] = addresses(program).map(|address| address + bias + 4);
    let frame = |address| Frame { address, module: Some(0) };
    let mut stacks = Stacks::default();
    let in_main = stacks.add(StackNumber::default(), frame(main));
    let in_read_names = stacks.add(in_main, frame(read_names));
    let row = |stack, size_class, blocks: f64, inuse: f64, size: f64| StackSamples {
        stack,
        size_class: Some(size_class),
        values: Values {
            alloc_objects: blocks,
            alloc_space: blocks * size,
            inuse_objects: inuse,
            inuse_space: inuse * size,
            peak_objects: blocks,
            peak_space: blocks * size,
        },
        cohorts: None,
    };
    Recording {
        pid: 42,
        command: vec!["program".into(), "an argument\nof two lines".into()],
        executable: program.to_owned(),
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        duration: Duration::from_millis(1500),
        is_change: false,
        rate: 512 << 10,
        rates: Some("off from 0.000s, 512KiB from 90.000s".into()),
        counters: Counters {
            samples: 4,
            lost_samples: 1,
            early_samples: 0,
            lost_frees: 2,
            truncated_stacks: 3,
            is_damaged: true,
            ..Default::default()
        },
        modules: vec![module(program, bias)],
        stacks,
        rows: vec![
            row(in_read_names, 48, 3.0, 1.0, 40.0),
            row(in_main, 112, 1.0, 0.0, 100.0),
            row(in_main, 16, 0.2, 0.0, 1.0),
        ],
        most_resident: 3 << 20,
        time_line: vec![Point {
            at: 1_400_000_000,
            in_use: 40,
            most_in_use: 220,
            allocated: 220,
            resident: 1 << 20,
        }],
        eras: Vec::new(),
    }
}

/// Makes a profile of the program and shows it with `go tool pprof`.
fn pprof(workshop: &Workshop, bias: u64, mode: Mode, arguments: &[&str]) -> Option<String> {
    let recording = recording(&workshop.path("program"), bias);
    let frames = recording.stacks.frames();
    let options = Options { mode, ..options() };
    let symbols = Symbolizer::new(&options).symbolize(&recording.modules, frames, recording.pid);
    let written = profile(&recording, &symbols, Form::FILE);
    let path = workshop.path("program.prof");
    heaptrace_pprof::write_file(&path, &written).unwrap();
    assert_eq!(fs::read(&path).unwrap(), heaptrace_pprof::encode(&written));

    let mut go = Command::new("go");
    if !has("go") {
        return None;
    }
    let output = go.args(["tool", "pprof"]).args(arguments).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Options that look nowhere but beside the file.
fn options() -> Options {
    Options { debuginfod_cache: None, debuginfod_urls: Vec::new(), ..Options::default() }
}

/// The rows of a top table, without percentages: flat, cum, name.
fn top(text: &str) -> Vec<(&str, &str, &str)> {
    let rows = text.lines().skip_while(|line| !line.contains("flat%")).skip(1);
    rows.map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words[0], words[3], words[5])
    })
    .collect()
}

#[test]
fn the_time_line_is_in_the_profile_of_a_run_and_not_in_that_of_a_moment() {
    let workshop = Workshop::new("time_line");
    workshop.run("gcc -O2 -g @inline.c -o program");
    let recording = recording(&workshop.path("program"), BIAS);
    let symbols = Symbolizer::new(&options()).symbolize(&recording.modules, &[], recording.pid);
    let line = |form| -> Option<TimeLine> { profile(&recording, &symbols, form).time_line };
    assert_eq!(line(Form::FILE).unwrap().points(), recording.time_line);
    assert_eq!(line(Form::LIVE), None);
}

#[test]
fn what_is_not_known_of_a_process_or_did_not_happen_has_no_comment() {
    let workshop = Workshop::new("comments");
    workshop.run("gcc -O2 -g @inline.c -o program");
    let all = recording(&workshop.path("program"), BIAS);
    let counters = Counters { is_damaged: false, ..all.counters };
    let plain = Recording { rates: None, counters, most_resident: 0, time_line: Vec::new(), ..all };
    let symbols = Symbolizer::new(&options()).symbolize(&plain.modules, &[], plain.pid);
    let written = profile(&plain, &symbols, Form::FILE);
    let text = |&index: &i64| written.string_table[index as usize].split(':').next().unwrap();
    let names: Vec<_> = written.comment.iter().skip(1).map(text).collect();
    assert_eq!(names, ["command", "pid", "samples", "lost_samples", "lost_frees", "truncated_stacks"]);
}

#[test]
fn pprof_shows_each_sample_type() {
    let workshop = Workshop::new("top");
    workshop.run("gcc -O2 -g @inline.c -o program");
    let cases = [
        (None, vec![("40B", "40B", "read_names"), ("0", "40B", "main")]),
        (Some("alloc_space"), vec![("120B", "120B", "read_names"), ("100B", "220B", "main")]),
        (Some("alloc_objects"), vec![("3", "3", "read_names"), ("1", "4", "main")]),
        (Some("inuse_objects"), vec![("1", "1", "read_names"), ("0", "1", "main")]),
        (Some("peak_space"), vec![("120B", "120B", "read_names"), ("100B", "220B", "main")]),
        (Some("peak_objects"), vec![("3", "3", "read_names"), ("1", "4", "main")]),
    ];
    for (index, expected) in cases {
        let index = index.map(|index| format!("-sample_index={index}"));
        let arguments: Vec<&str> = ["-top"].into_iter().chain(index.as_deref()).collect();
        let Some(text) = pprof(&workshop, BIAS, Mode::Full, &arguments) else { return };
        assert_eq!(top(&text), expected, "{text}");
    }
}

#[test]
fn pprof_shows_labels_comments_and_times() {
    let workshop = Workshop::new("raw");
    workshop.run("gcc -O2 -g -Wl,--build-id=0xabcdef0123456789 @inline.c -o program");
    let Some(comments) = pprof(&workshop, BIAS, Mode::Full, &["-comments"]) else { return };
    let version = concat!("heaptrace ", env!("CARGO_PKG_VERSION"));
    let expected = [
        version,
        "command: program an argument of two lines",
        "pid: 42",
        "samples: 4",
        "lost_samples: 1",
        "lost_frees: 2",
        "truncated_stacks: 3",
        "resident: 1048576",
        "peak_resident: 3145728",
        "rates: off from 0.000s, 512KiB from 90.000s",
        "damaged: the program wrote over what was recorded of it",
    ];
    assert_eq!(comments.lines().collect::<Vec<_>>(), expected);
    let raw = pprof(&workshop, BIAS, Mode::Full, &["-raw"]).unwrap();
    for part in [
        "PeriodType: space bytes",
        "Period: 524288",
        "Duration: 1.5",
        "bytes:[48 bytes]",
        "abcdef0123456789 [FN][FL][LN][IN]",
    ] {
        assert!(raw.contains(part), "{part} is not in {raw}");
    }
}

#[test]
fn pprof_finds_names_itself_where_we_gave_none() {
    let workshop = Workshop::new("unnamed");
    // Without that option gcc puts main apart from the other functions, where the debug information
    // reader of go 1.19 does not find it.
    for (flags, bias) in [("-pie", BIAS), ("-no-pie", 0)] {
        workshop.run(&format!("gcc -O2 -g -fno-reorder-functions {flags} @inline.c -o program"));
        let Some(text) = pprof(&workshop, bias, Mode::None, &["-top", "-sample_index=alloc_space"]) else {
            return;
        };
        assert_eq!(top(&text), [("120B", "120B", "read_names"), ("100B", "220B", "main")], "{text}");
    }
}

#[test]
fn names_are_filled_in_later() {
    let workshop = Workshop::new("later");
    for (flags, bias, start) in [("-pie", BIAS, BIAS), ("-no-pie", 0, 0x400000)] {
        workshop.run(&format!("gcc -O2 -g -Wl,--build-id {flags} @inline.c -o program"));
        let recording = recording(&workshop.path("program"), bias);
        let frames = recording.stacks.frames();
        let written = |mode| {
            let symbolizer = Symbolizer::new(&Options { mode, ..options() });
            profile(&recording, &symbolizer.symbolize(&recording.modules, frames, recording.pid), Form::FILE)
        };
        let full = written(Mode::Full);
        let mut later = written(Mode::None);
        let here = |path: &str| Located::At(workshop.path(path));
        let filled = add_names(&mut later, &Symbolizer::new(&options()));
        assert_eq!((filled.named, filled.unnamed), (2, 0));
        assert_eq!(filled.modules[0].located, here("program"));
        assert_eq!(names(&later), names(&full));
        assert_eq!(later.mapping[0].has_functions, full.mapping[0].has_functions);
        // What has names is left alone.
        assert_eq!(add_names(&mut later, &Symbolizer::new(&options())), Filled::default());

        // The file is to be had neither when the profile is written nor by its path, but by its id.
        workshop.run(&format!("install -D program cache/{}/executable", hex(&recording.modules[0].build_id)));
        let mut elsewhere = recording.clone();
        elsewhere.modules[0].file = None;
        elsewhere.modules[0].start = start;
        elsewhere.modules[0].path = "/nonexistent/program".into();
        let symbols = Symbolizer::new(&options()).symbolize(&elsewhere.modules, frames, 0);
        let mut later = profile(&elsewhere, &symbols, Form::FILE);
        let cached = Options { debuginfod_cache: Some(workshop.path("cache")), ..options() };
        let filled = add_names(&mut later, &Symbolizer::new(&cached));
        assert_eq!((filled.named, filled.unnamed), (2, 0));
        let id = hex(&recording.modules[0].build_id);
        assert_eq!(filled.modules[0].located, here(&format!("cache/{id}/executable")));
        assert_eq!(names(&later), names(&full));
    }
}

/// For each location the names and lines that it stands for.
fn names(profile: &Profile) -> Vec<Vec<(&str, i64)>> {
    let name = |id| {
        let function = profile.function.iter().find(|function| function.id == id).unwrap();
        profile.string_table[function.name as usize].as_str()
    };
    let lines =
        |location: &Location| location.line.iter().map(|line| (name(line.function_id), line.line)).collect();
    profile.location.iter().map(lines).collect()
}
