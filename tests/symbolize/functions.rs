//! Names and declarations of functions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use heaptrace_symbolize::ResolvedFrame;

use crate::tools::{answer, instructions, llvm_start_lines, options, resolve};
use crate::workshop::Workshop;

#[test]
fn functions_start_where_they_are_declared() {
    let workshop = Workshop::new("start-lines");
    workshop.run("g++ -O2 -g @inline.cpp -o gcc");
    workshop.run("clang++ -O2 -g @inline.cpp -o clang");
    workshop.run("gcc -O2 -g -flto @inline.c @other.c -DOTHER -o lto");
    for file in ["gcc", "clang", "lto"] {
        let path = workshop.path(file);
        let addresses = instructions(&path);
        let known = |frame: &ResolvedFrame| Some(frame.function.start_line).filter(|&line| line > 0);
        let ours: BTreeMap<u64, Vec<u64>> = resolve(&path, &addresses, &options())
            .into_iter()
            .map(|(address, frames)| (address, frames.iter().filter_map(known).collect()))
            .collect();
        let llvm = llvm_start_lines(&path, &addresses);
        let different = addresses.iter().find(|address| ours.get(address) != llvm.get(address));
        assert_eq!(different.map(|address| (address, &ours[address], &llvm[address])), None, "{file}");
    }
}

/// All names, as they are shown, of the functions in a program.
fn names_in(file: &Path) -> BTreeSet<String> {
    let frames = resolve(file, &instructions(file), &options()).into_values().flatten();
    frames.map(|frame| frame.function.name.clone()).collect()
}

#[track_caller]
fn assert_named(names: &BTreeSet<String>, expected: &[&str]) {
    for name in expected {
        assert!(names.contains(*name), "no {name} in {names:#?}");
    }
}

#[test]
fn lambdas_that_were_inlined_everywhere_are_told_apart() {
    let workshop = Workshop::new("lambdas");
    workshop.run("g++ -std=c++17 -O2 -g @lambdas.cpp -o program");
    workshop.run("g++ -std=c++17 -O2 -g -flto @lambdas.cpp -o lto");
    workshop.run("g++ -std=c++17 -O2 -g -gsplit-dwarf @lambdas.cpp -o split");
    workshop.run("cp program shared");
    workshop.run("cp program shared-too");
    workshop.run("dwz -m shared.debug shared shared-too");
    for file in ["program", "lto", "split", "shared"] {
        let names = names_in(&workshop.path(file));
        assert_named(
            &names,
            &[
                "main",
                "lambdas::{lambda at lambdas.cpp:7:17}::operator()",
                "lambdas::{lambda at lambdas.cpp:8:17}::operator()",
                "outer::Inner::twice<int>(int)::{lambda(int)#1}::operator()",
                "(anonymous namespace)::hidden",
                "Widget::Widget",
            ],
        );
    }
}

/// Names that only the demangler of the same LLVM knows; with debug information those of the source.
#[test]
fn constrained_templates_of_clang_have_the_names_in_the_source() {
    let workshop = Workshop::new("constrained");
    workshop.run("clang++-19 -w -std=c++20 -O2 -g @constrained.cpp -o program");
    workshop.run("objcopy --strip-debug program symbols");
    let path = workshop.path("program");
    let names = names_in(&path);
    let expected = ["constrained<long>", "fresh<int, 0>", "wrap<std::vector, int>", "$_0::operator()<int>"];
    assert_named(&names, &expected);
    let mut llvm = Command::new("llvm-symbolizer-19");
    let llvm = answer(llvm.args(["--inlines", "--obj"]).arg(&path), &instructions(&path));
    assert!(expected.iter().all(|name| llvm.contains(name)), "{llvm}");
    assert_named(&names_in(&workshop.path("symbols")), &["constrained", "fresh", "wrap"]);
    for names in [names, names_in(&workshop.path("symbols"))] {
        assert!(!names.iter().any(|name| name.starts_with("_Z")), "{names:#?}");
    }
}

/// An #include in a function, and #line as flex, bison and Vala write it.
#[test]
fn lines_of_another_file_than_the_function_do_not_start_where_it_does() {
    let workshop = Workshop::new("include");
    workshop.run("gcc -O1 -g @include.c -o program");
    let path = workshop.path("program");
    let functions: BTreeSet<(String, String, u64)> = resolve(&path, &instructions(&path), &options())
        .into_values()
        .flatten()
        .map(|frame| {
            let file = frame.function.file.rsplit('/').next().unwrap().to_owned();
            (frame.function.name.clone(), file, frame.function.start_line)
        })
        .collect();
    for (name, file, start_line) in [
        ("included", "include.c", 5),
        ("included", "body.inc", 0),
        ("generated", "include.c", 8),
        ("generated", "scan.l", 0),
    ] {
        let expected = (name.to_owned(), file.to_owned(), start_line);
        assert!(functions.contains(&expected), "no {expected:?} in {functions:?}");
    }
}
