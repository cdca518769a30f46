//! What each view looks like, and what else it promises.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::builder::Builder;
use crate::fixtures;
use crate::support::{Folder, report, report_error, report_text};
use crate::wanted::has;

/// The text of a view of a fixture, with names of the test's folder taken out.
fn view(builder: &Builder, arguments: &[&str]) -> String {
    let folder = Folder::new();
    let file = folder.profile("own.prof", builder);
    report_text(&[arguments, &[&file]].concat())
}

#[test]
fn top() {
    assert_snapshot!(view(&fixtures::heaptrace(), &[]));
}

#[test]
fn top_of_other_index() {
    assert_snapshot!(view(&fixtures::heaptrace(), &["-s", "alloc_objects", "--cum"]));
}

#[test]
fn top_when_all_is_freed() {
    assert_snapshot!(view(&fixtures::all_freed(), &[]));
}

#[test]
fn top_when_almost_all_is_freed() {
    let mut builder = fixtures::all_freed();
    // One sampled block of 64 bytes, and the 8192 that it stands for.
    builder.profile.sample[1].value[2] = 8192;
    builder.profile.sample[1].value[3] = 524_320;
    assert_snapshot!(view(&builder, &[]));
}

#[test]
fn top_with_few_samples() {
    let mut builder = fixtures::heaptrace();
    let samples = builder.string("samples: 7");
    builder.profile.comment[3] = samples;
    assert_snapshot!(view(&builder, &[]));
}

#[test]
fn top_of_a_foreign_profile() {
    assert_snapshot!(view(&fixtures::anything(1), &["-s", "delay"]));
}

#[test]
fn difference() {
    let folder = Folder::new();
    let old = folder.profile("old.prof", &fixtures::heaptrace());
    assert_snapshot!(view(&fixtures::later(), &["--diff-base", &old]));
}

#[test]
fn sum_of_two_processes() {
    let folder = Folder::new();
    let other = folder.profile("other.prof", &fixtures::later());
    assert_snapshot!(view(&fixtures::heaptrace(), &[&other]));
}

#[test]
fn an_empty_profile_is_no_error() {
    let mut builder = fixtures::heaptrace();
    builder.profile.sample.clear();
    for arguments in
        [&[][..], &["--json"], &["--tree"], &["--traces"], &["--folded"], &["--tags"], &["--dot"]]
    {
        view(&builder, arguments);
    }
}

#[test]
fn json() {
    assert_snapshot!(view(&fixtures::heaptrace(), &["--json"]));
}

#[test]
fn tree() {
    assert_snapshot!(view(&fixtures::heaptrace(), &["--tree"]));
}

#[test]
fn peek() {
    assert_snapshot!(view(&fixtures::heaptrace(), &["--peek", "load|Cache"]));
}

#[test]
fn traces() {
    assert_snapshot!(view(&fixtures::heaptrace(), &["--traces"]));
}

#[test]
fn tags() {
    assert_snapshot!(view(&fixtures::heaptrace(), &["--tags"]));
}

#[test]
fn folded() {
    assert_snapshot!(view(&fixtures::heaptrace(), &["--folded"]));
}

#[test]
fn dot() {
    assert_snapshot!(view(&fixtures::heaptrace(), &["--dot"]));
}

#[test]
fn list_without_source() {
    assert_snapshot!(view(&fixtures::heaptrace(), &["--list", "orders"]));
}

#[test]
fn list_with_source_that_moved() {
    let folder = Folder::new();
    let text: String = (1..=30).map(|i| format!("\tline({i});\n")).collect();
    folder.file("load.cc", text);
    let path = folder.root().to_str().unwrap();
    let arguments = ["--list", "orders::load", "--trim-path", "/src/orders", "--source-path", path];
    assert_snapshot!(view(&fixtures::heaptrace(), &arguments));
}

#[test]
fn a_source_that_is_shorter_than_it_was_is_said_to_be() {
    let folder = Folder::new();
    folder.file("load.cc", "int load;\n".repeat(18));
    let path = folder.root().to_str().unwrap();
    let arguments = ["--list", "orders::load", "--trim-path", "/src/orders", "--source-path", path];
    let text = view(&fixtures::heaptrace(), &arguments);
    assert!(text.contains("   25.10MB     20:\n"), "{text}");
    assert!(text.contains("the source has 18 lines only: it is not the one that the program was built"));
}

#[test]
fn lines_before_a_function_are_shown_where_it_has_them() {
    let folder = Folder::new();
    folder.file("load.cc", (1..=70).map(|i| format!("line {i}\n")).collect::<String>());
    let path = folder.root().to_str().unwrap();
    let mut builder = fixtures::heaptrace();
    let load = builder.profile.function.iter_mut().find(|function| function.id == 2).unwrap();
    load.start_line = 61;
    let arguments = ["--list", "orders::load", "--trim-path", "/src/orders", "--source-path", path];
    let text = view(&builder, &arguments);
    assert!(text.contains("   25.10MB     20:line 20\n"), "{text}");
}

#[test]
fn a_source_is_found_whatever_bytes_its_path_has() {
    let folder = Folder::new();
    let source = folder.root().join(OsStr::from_bytes(b"caf\xe9")).join(OsStr::from_bytes(b"men\xfc\n.c"));
    fs::create_dir(source.parent().unwrap()).unwrap();
    fs::write(&source, "first\nsecond\n").unwrap();
    let mut builder = Builder::new(&[("space", "bytes")]);
    // Bytes that no text has are put in after the message is made.
    let function = builder.function("serve", &format!("{}/caf~/men^\n.c", folder.root().display()));
    let location = builder.location(0, 0x1000, &[(function, 2)]);
    builder.sample(&[location], &[7]);
    let mut bytes = builder.encode();
    for (mark, byte) in [(b'~', 0xe9), (b'^', 0xfc)] {
        *bytes.iter_mut().find(|b| **b == mark).unwrap() = byte;
    }
    let file = folder.file("latin.prof", bytes);
    let text = report_text(&["--list", "serve", &file]);
    assert!(text.contains("7B         7B      2:second"), "{text}");
    assert!(text.contains("caf\u{fffd}/men\u{fffd}\u{fffd}.c"));
}

#[test]
fn help() {
    assert_snapshot!(report_text(&["--help"]));
}

/// The boxes of a flame graph: x, width, and name with value.
fn boxes(picture: &str) -> Vec<(f64, f64, String)> {
    let lines = picture.lines().filter(|line| line.starts_with("<svg x="));
    let between = |line: &str, start: &str, end: &str| {
        let after = line.split_once(start).unwrap().1;
        after.split_once(end).unwrap().0.to_owned()
    };
    lines
        .map(|line| {
            let number = |name: &str| between(line, &format!(" {name}=\""), "\"").parse().unwrap();
            (number("x"), number("width"), between(line, "<title>", "</title>"))
        })
        .collect()
}

#[test]
fn the_boxes_of_a_flame_graph_have_the_values_of_the_table() {
    let folder = Folder::new();
    let svg = folder.path("flame.svg");
    let draw = |builder: &Builder, arguments: &[&str]| {
        assert_eq!(view(builder, &[&["--flamegraph", svg.to_str().unwrap()], arguments].concat()), "");
        boxes(&fs::read_to_string(&svg).unwrap())
    };
    let titles = |boxes: &[(f64, f64, String)]| boxes.iter().map(|b| b.2.clone()).collect::<Vec<_>>();
    let mut builder = fixtures::heaptrace();
    let name = builder.string("f<a> & \"b\"");
    builder.profile.function[2].name = name;
    assert_eq!(
        titles(&draw(&builder, &["-s", "peak_space"])),
        [
            "all (55.15MB, 100%)",
            "main (55.15MB, 100%)",
            "orders::load (37.65MB, 68.27%)",
            "f&lt;a&gt; &amp; &quot;b&quot; (37.65MB, 68.27%)",
            "orders::Cache::insert (17.50MB, 31.73%)",
        ]
    );
}

#[test]
fn a_flame_graph_of_a_difference_shows_what_is_gone() {
    let folder = Folder::new();
    let of = |values: &[(&str, i64)]| {
        let mut builder = Builder::new(&[("inuse_space", "bytes")]);
        let main = builder.function("main", "");
        let main = builder.location(0, 0x1000, &[(main, 1)]);
        for (i, &(name, value)) in values.iter().enumerate() {
            let function = builder.function(name, "");
            let location = builder.location(0, 0x2000 + i as u64, &[(function, 1)]);
            builder.sample(&[location, main], &[value]);
        }
        builder
    };
    let old = folder.profile("old.prof", &of(&[("gone", 1000), ("same", 500), ("grew", 100)]));
    let new = folder.profile("new.prof", &of(&[("born", 50), ("same", 500), ("grew", 300)]));
    let svg = folder.path("flame.svg");
    let svg = svg.to_str().unwrap();
    report_text(&["--flamegraph", svg, "--diff-base", &old, &new]);
    let boxes = boxes(&fs::read_to_string(svg).unwrap());
    let titles: Vec<_> = boxes.iter().map(|b| b.2.as_str()).collect();
    assert_eq!(
        titles,
        [
            "all (-750B, 46.88%)",
            "main (-750B, 46.88%)",
            "grew (+200B, 12.50%)",
            "gone (-1000B, 62.50%)",
            "born (+50B, 3.12%)",
        ]
    );
    // As wide as what changed, side by side.
    let widths: Vec<_> = boxes.iter().map(|b| (b.0, b.1)).collect();
    let all = (0.0, 1200.0);
    assert_eq!(widths, [all, all, (1008.0, 192.0), (48.0, 960.0), (0.0, 48.0)]);
    let error = report_error(&["--flamegraph", svg, "--diff-base", &old, &old]);
    assert_eq!(error, "inuse_space is zero, there is nothing to draw");
}

#[test]
fn graphviz_draws_the_graph() {
    if !has("dot") {
        return;
    }
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::anything(4));
    for (format, start) in [("--svg", &b"<?xml"[..]), ("--png", b"\x89PNG\r\n\x1a\n")] {
        let output = report(&[format, &file]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(output.stdout.starts_with(start), "{format}");
    }
}

#[test]
fn a_browser_shows_the_graph() {
    if !has("dot") {
        return;
    }
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let browser = folder.file("browser", "#!/bin/sh\ncp \"$1\" \"$1.shown\"\n");
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = report(&["--web", &file]);
    let output = command.env("BROWSER", browser).env("TMPDIR", folder.root()).output().unwrap();
    assert!(output.status.success());
    let shown = folder.path("heaptrace001.svg.shown");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !fs::read_to_string(&shown).is_ok_and(|text| text.contains("</svg>")) {
        assert!(Instant::now() < deadline, "the browser was not started");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn without_graphviz_there_is_no_picture_but_a_hint() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let output = report(&["--svg", &file]).env("PATH", folder.root()).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "heaptrace: there is no dot to draw with; install graphviz, or take --dot to draw elsewhere\n"
    );
}

#[test]
fn the_rows_of_json_are_those_of_the_table() {
    let text = view(&fixtures::heaptrace(), &["--json", "-n", "0", "-s", "alloc_space"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["sample_index"], "alloc_space");
    assert_eq!(json["unit"], "bytes");
    assert_eq!(json["total"], 52_633_600 + 1_572_928 + 16_777_216);
    let rows = json["rows"].as_array().unwrap();
    let cache = rows.iter().find(|row| row["name"] == "orders::Cache::insert").unwrap();
    assert_eq!(cache["flat"], 1_572_928 + 16_777_216);
    // Three blocks of 64 bytes, and two that are larger than the rate.
    assert_eq!(cache["samples"], 5);
    let stderr = cache["stderr"].as_f64().unwrap();
    let theory = 3f64.sqrt() * 524_288.0;
    assert!((stderr / theory - 1.0).abs() < 0.01, "{stderr} and {theory}");
}

#[test]
fn samples_are_as_many_as_were_taken_whatever_the_size_class_is() {
    let mut builder = fixtures::heaptrace();
    builder.profile.period = 1;
    // 2,000 blocks of 20,000 bytes, and ten of 65.
    for (sample, (class, blocks, bytes)) in
        builder.profile.sample.iter_mut().zip([(20_480, 2000, 40_000_000), (80, 10, 650)])
    {
        sample.label[0].num = class;
        sample.value = [blocks, bytes].repeat(3);
    }
    builder.profile.sample.truncate(2);
    for index in ["alloc_space", "inuse_space", "peak_objects"] {
        let text = view(&builder, &["--json", "--cum", "-n", "0", "-s", index]);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (name, samples) in [("orders::load", 2000), ("orders::Cache::insert", 10), ("main", 2010)] {
            let rows = json["rows"].as_array().unwrap();
            let row = rows.iter().find(|row| row["name"] == name).unwrap();
            assert_eq!(row["samples"], samples, "{name} {index}");
            assert_eq!(row["stderr"], 0);
        }
    }
}

#[test]
fn there_is_no_colour_in_a_pipe_and_none_if_it_is_not_wanted() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    assert!(!report_text(&[&file]).contains('\x1b'));
    assert!(on_terminal("TERM=xterm", &file).contains('\x1b'));
    assert!(!on_terminal("NO_COLOR=1 TERM=xterm", &file).contains('\x1b'));
}

/// What `heaptrace report` writes on a terminal of 100 columns.
fn on_terminal(variables: &str, arguments: &str) -> String {
    let report = format!("{} report {arguments}", env!("CARGO_BIN_EXE_heaptrace"));
    let command = format!("stty rows 50 cols 100; {variables} {report}");
    let output = Command::new("script").args(["-qec", &command, "/dev/null"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn names_are_as_wide_as_the_terminal_leaves_room_for_and_whole_elsewhere() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    for view in ["--top", "--tree", "--peek insert", "--traces", "--list insert"] {
        let text = on_terminal("NO_COLOR=1", &format!("{view} {file}"));
        let lines = text.lines().filter(|line| line.contains("insert"));
        let widths: Vec<usize> = lines.map(|line| line.trim_end().chars().count()).collect();
        assert!(!widths.is_empty() && widths.iter().all(|&width| width <= 100), "{view}: {text}");
        let arguments: Vec<&str> = view.split(' ').chain([file.as_str()]).collect();
        assert!(
            report_text(&arguments)
                .contains("std::allocator<orders::Order>>::_M_realloc_insert<orders::Order const&>")
        );
    }
}

#[test]
fn names_cannot_drive_the_terminal() {
    let mut builder = fixtures::heaptrace();
    let name = builder.string("evil\x1b[2J\nname");
    builder.profile.function[0].name = name;
    let text = view(&builder, &[]);
    assert!(text.contains("evil\u{fffd}[2J\u{fffd}name"));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    // More than a pipe holds.
    let mut builder = fixtures::heaptrace();
    let sample = builder.profile.sample[0].clone();
    for size in 1..5000 {
        let label = builder.number_label("bytes", size, "bytes");
        builder.sample(&sample.location_id, &sample.value).label.push(label);
    }
    let folder = Folder::new();
    let file = folder.profile("own.prof", &builder);
    let binary = env!("CARGO_BIN_EXE_heaptrace");
    let script = format!("{{ {binary} report --traces {file}; echo $? >&2; }} | head -1");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "0\n");
}

#[test]
fn a_profile_is_read_from_a_pipe_too() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let mut command = report(&["/dev/stdin", "--folded"]);
    let output = command.stdin(fs::File::open(file).unwrap()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("main;orders::load;"));
}
