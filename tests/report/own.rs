//! Own code: each sample for the innermost frame that is neither a library's nor an allocator's.

use crate::builder::Builder;
use crate::support::{Folder, report_text};

/// A program that is asked for memory through libraries of all kinds, and by one alone.
fn profile() -> Builder {
    let mut b = Builder::new(&[("inuse_space", "bytes")]);
    let program = b.mapping("/home/me/app", 0x40_0000);
    let private = b.mapping("/opt/app/lib/libapp.so", 0x50_0000);
    let system = b.mapping("/usr/lib/x86_64-linux-gnu/libssl.so.3", 0x60_0000);
    let mut at = 0;
    let mut frame = |b: &mut Builder, mapping: u64, lines: &[(&str, &str, i64)]| {
        let lines: Vec<_> = lines.iter().map(|&(name, file, line)| (b.function(name, file), line)).collect();
        at += 16;
        b.location(mapping, 0x40_0000 + at, &lines)
    };
    let main = frame(&mut b, program, &[("main", "/home/me/src/main.rs", 3)]);
    let vector = ("alloc::vec::Vec<T>::push", "/rustc/abc/library/alloc/src/vec/mod.rs", 9);
    let load = frame(&mut b, program, &[vector, ("app::load", "/home/me/src/load.rs", 20)]);
    let parse = "/home/me/.cargo/registry/src/index/json-1/src/lib.rs";
    let parse = frame(&mut b, program, &[("json::parse", parse, 5)]);
    let plug = frame(&mut b, private, &[("plug", "/build/app/plug.c", 8)]);
    let ssl = frame(&mut b, system, &[("SSL_new", "ssl/ssl_lib.c", 700)]);
    let start = frame(&mut b, system, &[("start_thread", "./nptl/pthread_create.c", 442)]);
    for (stack, value) in
        [(&[load, main][..], 1000), (&[parse, load, main], 200), (&[ssl, plug, main], 30), (&[ssl, start], 4)]
    {
        b.sample(stack, &[value]);
    }
    b
}

/// Value and name of each row that has a value itself.
fn rows(arguments: &[&str]) -> Vec<(i64, String)> {
    rows_of(&profile(), arguments)
}

fn rows_of(profile: &Builder, arguments: &[&str]) -> Vec<(i64, String)> {
    let folder = Folder::new();
    let file = folder.profile("own.prof", profile);
    let text = report_text(&[arguments, &["--json", "-n", "0", &file]].concat());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = json["rows"].as_array().unwrap().iter();
    let row =
        |row: &serde_json::Value| (row["flat"].as_i64().unwrap(), row["name"].as_str().unwrap().to_owned());
    rows.map(row).filter(|(flat, _)| *flat != 0).collect()
}

fn named(rows: &[(i64, &str)]) -> Vec<(i64, String)> {
    rows.iter().map(|&(value, name)| (value, name.to_owned())).collect()
}

#[test]
fn a_sample_counts_for_its_innermost_own_line() {
    let load = (1200, "app::load /home/me/src/load.rs:20");
    assert_eq!(rows(&["--own"]), named(&[load, (30, "plug /build/app/plug.c:8")]));
    assert_eq!(rows(&["--own", "--granularity", "files"])[0].1, "/home/me/src/load.rs");
}

/// A frame of each of these functions of a program, all on that line.
fn frames<const N: usize>(b: &mut Builder, program: u64, names: [&str; N], line: i64) -> [u64; N] {
    let mut at = 0x40_0000 + 0x1000 * line as u64;
    names.map(|name| {
        at += 16;
        let function = b.function(name, "/home/me/src/a.c");
        b.location(program, at, &[(function, line)])
    })
}

#[test]
fn who_calls_xmalloc_is_who_asks_unless_it_is_called_from_one_place() {
    let mut b = Builder::new(&[("inuse_space", "bytes")]);
    let program = b.mapping("/home/me/app", 0x40_0000);
    let [xmalloc, xcalloc] = frames(&mut b, program, ["xmalloc", "xcalloc"], 1);
    let [parse, print] = frames(&mut b, program, ["parse", "print"], 2);
    for (stack, value) in [([xmalloc, parse], 1), ([xmalloc, print], 20), ([xcalloc, print], 300)] {
        b.sample(&stack, &[value]);
    }
    let place = |name: &str, line| format!("{name} /home/me/src/a.c:{line}");
    let expected = [(300, place("xcalloc", 1)), (20, place("print", 2)), (1, place("parse", 2))];
    assert_eq!(rows_of(&b, &["--own"]), expected);
    assert_eq!(rows_of(&b, &["--own", "--own-path", "/home/me/src"])[1], (21, place("xmalloc", 1)));
}

#[test]
fn what_calls_such_a_function_or_is_called_by_it_is_one_too() {
    let mut b = Builder::new(&[("inuse_space", "bytes")]);
    let program = b.mapping("/home/me/app", 0x40_0000);
    let [block, palloc, pcalloc] = frames(&mut b, program, ["palloc_block", "palloc", "pcalloc"], 1);
    let [parse, print, load] = frames(&mut b, program, ["parse", "print", "load"], 2);
    for (stack, value) in
        [([block, palloc, parse], 1), ([block, palloc, print], 20), ([block, pcalloc, load], 300)]
    {
        b.sample(&stack, &[value]);
    }
    let place = |name: &str| format!("{name} /home/me/src/a.c:2");
    assert_eq!(rows_of(&b, &["--own"]), [(300, place("load")), (20, place("print")), (1, place("parse"))]);
}

#[test]
fn what_is_own_code_can_be_said() {
    let plug = (30, "plug /build/app/plug.c:8");
    let main = (1200, "main /home/me/src/main.rs:3");
    assert_eq!(rows(&["--own", "--not-own", "^app::"]), named(&[main, plug]));
    assert_eq!(rows(&["--own", "--not-own", "load.rs"]), named(&[main, plug]));
    let registry = "/home/me/.cargo/registry/src/index/json-1";
    let load = "app::load /home/me/src/load.rs:20";
    assert_eq!(
        rows(&["--own", "--own-path", &format!("/nowhere:{registry}/")]),
        named(&[(1000, load), (200, &format!("json::parse {registry}/src/lib.rs:5")), plug])
    );
    let libraries = rows(&["--own", "--own-path", "/usr/lib/x86_64-linux-gnu"]);
    assert!(libraries.contains(&(34, "SSL_new ssl/ssl_lib.c:700".to_owned())), "{libraries:?}");
}

#[test]
fn the_first_screen_says_how_much_is_own_code() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &profile());
    let text = report_text(&[&file]);
    assert!(text.contains("Own code: 1230B, 99.68% of inuse_space, by line\n"), "{text}");
    assert!(!report_text(&["--own", &file]).contains("Own code"));
}
