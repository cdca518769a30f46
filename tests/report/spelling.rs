//! Command lines as they are for pprof, and where profiles are read from.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use crate::fixtures;
use crate::support::{Folder, report, report_text};

#[test]
fn options_are_understood_as_pprof_spells_them() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let old = folder.profile("old.prof", &fixtures::later());
    for (theirs, ours) in [
        (&["-top"][..], &[][..]),
        (&["-text", "-alloc_space"], &["-s", "alloc_space"]),
        (&["-top", "--sample_index=alloc_objects", "-cum"], &["-s", "alloc_objects", "--cum"]),
        (&["-sample_index", "1", "-nodecount=1"], &["-s", "1", "-n", "1"]),
        (&["-nodecount=-1", "-lines"], &["--granularity", "lines"]),
        (&["-list=load", "-source_path=/src"], &["--list", "load", "--source-path", "/src"]),
        (&["-peek", "load"], &["--peek", "load"]),
        (
            &["-tree", "-edgefraction=0.5", "-nodefraction=0"],
            &["--tree", "--edge-fraction", "0.5", "--node-fraction", "0"],
        ),
        (&["-traces", "-tagfocus=64b"], &["--traces", "--tag-focus", "64b"]),
        (&["--diff_base", &old], &["--diff-base", &old]),
        (&["-base", &old, "-normalize"], &["--base", &old, "--normalize"]),
        (
            &["-noinlines", "-relative_percentages", "-focus=load"],
            &["--no-inlines", "--relative-percentages", "--focus", "load"],
        ),
        (&["-noinlines=false", "-drop_negative=true"], &["--drop-negative"]),
        (
            &["-divide_by=2", "-unit=kB", "-hide=main"],
            &["--divide-by", "2", "--unit", "kB", "--hide", "main"],
        ),
        (&["-show_from=load", "-raw"], &["--show-from", "load", "--raw"]),
        (&["-symbolize=none", "-normalize=false", "-mean=f"], &[]),
        (&["-trim=false", "-nodecount=1", "-nodefraction=0.5"], &["-n", "0"]),
        (&["/bin/true"], &[]),
    ] {
        let text = |arguments: &[&str]| report_text(&[arguments, &[&file]].concat());
        assert_eq!(text(theirs), text(ours), "{theirs:?}");
    }
}

#[test]
fn what_there_is_only_in_pprof_is_named() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let said = |arguments: &[&str]| {
        let output = report(&[arguments, &[&file]].concat()).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(&["-tools=/usr/bin"]).contains("unexpected argument '--tools' found"));
    assert!(said(&["-symbolize=local"]).contains("heaptrace symbolize PROFILE -o NAMED looks others up"));
    let comments = report_text(&["-comments", "-add_comment=on a Friday", &file]);
    assert!(comments.ends_with("truncated_stacks: 0\non a Friday\n"), "{comments}");
}

#[test]
fn any_view_goes_to_a_file() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    for (arguments, start) in [
        (&["-top", "-output"][..], "program "),
        (&["-o"], "program "),
        (&["--json", "--output"], "{"),
        (&["--tree", "-o"], "Showing nodes"),
    ] {
        let path = folder.path("view.txt");
        let arguments = [arguments, &[path.to_str().unwrap(), &file]].concat();
        assert_eq!(report_text(&arguments), "");
        assert!(fs::read_to_string(&path).unwrap().starts_with(start), "{arguments:?}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let path = folder.path("stacks.txt");
    assert_eq!(report_text(&[&format!("--folded={}", path.display()), &file]), "");
    assert!(fs::read_to_string(path).unwrap().starts_with("main;"));
}

#[test]
fn a_profile_is_read_from_standard_input_and_from_a_url() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let expected = report_text(&[&file]);
    let output = report(&["-"]).stdin(File::open(&file).unwrap()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = fs::read(&file).unwrap();
    let server = thread::spawn(move || {
        for expected in [
            "GET /debug/pprof/heap ",
            "GET /elsewhere?x=1 ",
            "GET /debug/pprof/heap?seconds=3 ",
            "GET /x?y=1&seconds=3 ",
        ] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            assert!(request[..length].starts_with(expected.as_bytes()));
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    assert_eq!(report_text(&[&format!("http://{address}")]), expected);
    assert_eq!(report_text(&[&format!("http://{address}/elsewhere?x=1")]), expected);
    assert_eq!(report_text(&["-seconds=3", &format!("http://{address}")]), expected);
    assert_eq!(report_text(&["--seconds", "3", &format!("http://{address}/x?y=1")]), expected);
    server.join().unwrap();
}

#[test]
fn the_filters_are_said_above_what_they_leave() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let text = report_text(&["--focus", "main", "--hide", "x\ny", "--tree", &file]);
    assert!(text.starts_with("Active filters:\n   focus=main\n   hide=x\u{fffd}y\nShowing nodes"), "{text}");
    let long = "main|".repeat(30);
    for (view, next) in [("--traces", "----"), ("--list=load", "Total: "), ("--tags", " bytes: ")] {
        let text = report_text(&["--focus", &long, view, &file]);
        let said = format!("Active filters:\n   focus={}…\n{next}", &long[..74]);
        assert!(text.starts_with(&said), "{text}");
    }
    let dot = report_text(&["--focus", "main", "--dot", &file]);
    assert!(dot.contains(r#"of 26.60MB\nfocus=main" labelloc"#), "{dot}");
}

#[test]
fn a_profile_without_names_says_what_looks_them_up() {
    let folder = Folder::new();
    let mut builder = fixtures::heaptrace();
    for location in &mut builder.profile.location {
        location.line.clear();
    }
    let text = report_text(&[&folder.profile("addresses.prof", &builder)]);
    assert!(text.contains("hint       most addresses have no names; heaptrace symbolize"), "{text}");
    let file = folder.path("addresses.prof");
    let output = report(&["--traces", file.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("heaptrace: most addresses have no names; heaptrace symbolize"), "{said}");
}
