//! Symbols, where there is no debug information, and what has none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use heaptrace_symbolize::{Frame, Mode, Options, Symbolizer};

use crate::tools::{BIAS, instructions, options, ours, resolve};
use crate::workshop::{Workshop, module};

#[test]
fn symbol_tables_alone() {
    let workshop = Workshop::new("symbols");
    workshop.run("g++ -O2 @inline.cpp -o program");
    workshop.check("program", "program", &options());
    workshop.run("g++ -O2 -g @inline.cpp -o with-lines");
    workshop.run("objcopy --strip-debug with-lines without");
    workshop.check("with-lines", "without", &Options { mode: Mode::Symbols, ..options() });
}

#[test]
fn dynamic_symbols_alone() {
    let workshop = Workshop::new("dynamic");
    workshop.run("gcc -O2 -rdynamic -s @inline.c -o program");
    workshop.check("program", "program", &options());
}

#[test]
fn symbols_in_compressed_mini_debug_information() {
    let workshop = Workshop::new("mini");
    workshop.run("gcc -O2 @inline.c -o whole");
    workshop.run("objcopy --only-keep-debug whole mini");
    workshop.run("xz mini");
    workshop.run("objcopy --strip-all --add-section .gnu_debugdata=mini.xz whole program");
    workshop.check("program", "whole", &options());
}

#[test]
fn stubs_of_the_linkage_table() {
    let workshop = Workshop::new("plt");
    workshop.run("gcc -O2 -fcf-protection=none -Wl,-z,lazy @inline.c -o lazy");
    workshop.run("gcc -O2 -fcf-protection=full -Wl,-z,now,-z,ibtplt @inline.c -o protected");
    for file in ["lazy", "protected"] {
        let stubs = stubs(&workshop.path(file));
        assert!(stubs.iter().any(|(_, name)| name == "malloc@plt"), "{stubs:?}");
        let addresses: Vec<u64> = stubs.iter().map(|(address, _)| address + 5).collect();
        let ours = ours(&workshop.path(file), &addresses, &options());
        let names: Vec<&str> = ours.values().map(|levels| levels[0].name.as_str()).collect();
        let expected: Vec<&str> = stubs.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, expected);
    }
}

/// Without symbols there are the bounds of functions, which unwinding needs.
#[test]
fn functions_of_a_stripped_program_are_one_each() {
    let workshop = Workshop::new("stripped");
    workshop.run("gcc -O2 @inline.c -o whole");
    workshop.run("objcopy --strip-all whole stripped");
    let (whole, stripped) = (workshop.path("whole"), workshop.path("stripped"));
    let addresses = instructions(&whole);
    let output = Command::new("nm").arg("--defined-only").arg(&whole).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let starts: BTreeMap<String, u64> = text
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .map(|fields| (fields[2].to_owned(), u64::from_str_radix(fields[0], 16).unwrap()))
        .collect();
    let named = resolve(&whole, &addresses, &options());
    let mut compared = BTreeSet::new();
    for (address, frames) in resolve(&stripped, &addresses, &options()) {
        let name = &named[&address][0].function.system_name;
        // What the linker adds to a program has no unwind information.
        if ["main", "_start", "read_names", "total"].contains(&name.as_str()) {
            assert_eq!(frames[0].function.name, format!("stripped+{:#x}", starts[name]), "{address:#x}");
            assert_eq!(frames[0].function.system_name, "");
            compared.insert(name.clone());
        }
    }
    assert_eq!(compared.len(), 4, "{compared:?}");

    let bounds = |file: &Path| {
        let addresses = [starts["total"] + 1, starts["main"], 0];
        Symbolizer::new(&options()).functions(&module(file, BIAS), &addresses)
    };
    let [Some(total), Some(main), None] = &bounds(&whole)[..] else { panic!("{:?}", bounds(&whole)) };
    assert_eq!((total.start, main.start), (starts["total"], starts["main"]));
    assert_eq!(bounds(&stripped), [Some(total.clone()), Some(main.clone()), None]);
}

/// The stubs that objdump names, in the order of their addresses.
fn stubs(file: &Path) -> Vec<(u64, String)> {
    let output = Command::new("objdump").arg("--disassemble").arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let label = |line: &str| {
        let (address, name) = line.strip_suffix(">:")?.split_once(" <")?;
        let address = u64::from_str_radix(address, 16).ok()?;
        name.ends_with("@plt").then(|| (address, name.to_owned()))
    };
    let mut stubs: Vec<_> = text.lines().filter_map(label).collect();
    stubs.sort();
    stubs
}

#[test]
fn code_made_at_run_time() {
    let pid = std::process::id();
    let map = format!("/tmp/perf-{pid}.map");
    fs::write(&map, "7f0000001000 80 py::work:/app.py\n").unwrap();
    let frame = |address| Frame { address, module: None };
    let frames = [frame(0x7f00_0000_1040), frame(0x7f00_0000_2000)];
    let symbols = Symbolizer::new(&options()).symbolize(&[], &frames, pid);
    fs::remove_file(&map).unwrap();
    assert_eq!(symbols.lookup(frames[0])[0].function.name, "py::work:/app.py");
    assert!(symbols.lookup(frames[1]).is_empty());
}

#[test]
fn a_file_that_was_replaced_gives_no_names() {
    let workshop = Workshop::new("replaced");
    workshop.run("gcc -O2 -g @inline.c -o program");
    let mut module = module(&workshop.path("program"), BIAS);
    module.file = None;
    module.build_id = vec![1; 20];
    let frame = Frame { address: BIAS + 0x1234, module: Some(0) };
    let symbols = Symbolizer::new(&options()).symbolize(&[module], &[frame], 0);
    let [resolved] = symbols.lookup(frame) else { panic!("not one frame") };
    assert_eq!(resolved.function.name, "program+0x1234");
    assert_eq!(resolved.function.system_name, "");
}
