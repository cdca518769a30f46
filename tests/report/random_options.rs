//! Options in any combination do to any profile what they do in `go tool pprof`: the same arguments, which
//! are in pprof's spelling, for both. The combinations look random and are the same in every run.

use crate::builder::Random;
use crate::fixtures;
use crate::same_as_pprof::{assert_same_lines, assert_same_rows, body, rows};
use crate::support::{Folder, go_profiles, try_pprof, try_report};
use crate::wanted::has;

/// A profile, its sample types, and what there is to match in it.
struct Subject {
    file: String,
    types: &'static [&'static str],
    names: &'static [&'static str],
}

fn subjects(folder: &Folder) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for seed in 60..64 {
        let mut anything = fixtures::anything(seed);
        // pprof writes no stacks where there are none.
        anything.profile.sample.retain(|sample| !sample.location_id.is_empty());
        subjects.push(Subject {
            file: folder.profile(&format!("{seed}.prof"), &anything),
            types: &["objects", "space", "delay"],
            names: &["main", "visit", "alloc", "ns::", "g.h", "a.c", "two.so", "keep", "nobody"],
        });
    }
    subjects.push(Subject {
        file: folder.profile("own.prof", &fixtures::heaptrace()),
        types: &["alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "peak_space"],
        names: &["main", "load", "[a-c]ache", "std::vec", "libc"],
    });
    for (file, types) in [
        ("after.prof", &["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"][..]),
        ("cpu.prof", &["samples", "cpu"]),
    ] {
        let file = go_profiles().join(file).to_str().unwrap().to_owned();
        subjects.push(Subject { file, types, names: &["main", "visit", "concat", "runtime", "alloc"] });
    }
    subjects
}

/// The values that options may have, and how likely one in a hundred each is; REGEX stands for a name or
/// two of the profile.
const OPTIONS: [(u64, &str, &[&str]); 25] = [
    (20, "-focus", &["REGEX"]),
    (15, "-ignore", &["REGEX"]),
    (20, "-hide", &["REGEX"]),
    (12, "-show", &["REGEX"]),
    (12, "-show_from", &["REGEX"]),
    (12, "-prune_from", &["REGEX"]),
    (10, "-tagfocus", &["1kb:", "64b:4kb", "bytes=:256b", "thread=main", "thread:io"]),
    (10, "-tagignore", &["1kb:", "64b:4kb", "bytes=:256b", "thread=main", "thread:io"]),
    (10, "-tagshow", &["bytes", "thread", "b"]),
    (10, "-taghide", &["bytes", "thread", "b"]),
    (20, "-tagroot", &["thread", "bytes", "bytes,thread", "nothing,thread"]),
    (20, "-tagleaf", &["thread", "bytes", "thread,bytes", "nothing"]),
    (15, "-mean", &["true"]),
    (15, "-drop_negative", &["true"]),
    (20, "-noinlines", &["true"]),
    (20, "-relative_percentages", &["true"]),
    (15, "-divide_by", &["2", "7", "0.5", "1000"]),
    (20, "-unit", &["kB", "MB", "auto", "B", "ms", "count", "xyz"]),
    (20, "-nodecount", &["1", "3", "12", "0"]),
    (20, "-nodefraction", &["0", "0.05", "0.3"]),
    (20, "-edgefraction", &["0", "0.05", "0.3"]),
    (10, "-trim", &["true", "false"]),
    (10, "-trim_path", &["/src"]),
    (10, "-compact_labels", &["true"]),
    (30, "-sort", &["cum", "flat"]),
];

/// Arguments for a view of a subject, without the options in `without`.
fn arguments(random: &mut Random, subject: &Subject, without: &[&str]) -> Vec<String> {
    let pick = |random: &mut Random, of: &[&str]| of[random.below(of.len() as u64) as usize].to_owned();
    let granularity = pick(random, &["functions", "filefunctions", "lines", "addresses"]);
    let index = pick(random, subject.types);
    let mut arguments = vec![format!("-sample_index={index}"), format!("-{granularity}")];
    for (likely, option, values) in OPTIONS {
        if random.below(100) >= likely || without.contains(&option) {
            continue;
        }
        let value = match pick(random, values).as_str() {
            "REGEX" => format!("{}|{}", pick(random, subject.names), pick(random, subject.names)),
            value => value.to_owned(),
        };
        arguments.push(match option {
            "-sort" => format!("-{value}"),
            _ => format!("{option}={value}"),
        });
    }
    arguments
}

/// Compares a view with combinations of options that begin at a seed.
fn compare(seed: u64, view: &str, without: &[&str], compare: impl Fn(&[&str], &str, &str)) {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    let random = &mut Random::new(seed);
    for subject in subjects(&folder).iter().cycle().take(28) {
        let name = subject.names[random.below(subject.names.len() as u64) as usize];
        let view = view.replace("REGEX", name);
        let options = arguments(random, subject, without);
        let options = options.iter().map(String::as_str);
        let arguments: Vec<&str> = view.split(' ').chain(options).chain([&*subject.file]).collect();
        match (try_report(&arguments), try_pprof(&arguments)) {
            (Some(ours), Some(theirs)) => compare(&arguments, &ours, &theirs),
            // Where nothing is left, some views are errors.
            (ours, theirs) => assert_eq!(ours, theirs, "{arguments:?}"),
        }
    }
}

/// What is said of how much is shown. prune_from is a filter of which pprof does not tell.
fn showing(text: &str) -> Vec<&str> {
    let is_filter = |line: &str| line.starts_with("   ") && line.contains('=') && !line.contains('%');
    let said = |line: &&str| {
        let starts = ["Type: ", "Showing ", "Dropped "];
        is_filter(line) && !line.contains("prune_from") || starts.iter().any(|start| line.starts_with(start))
    };
    text.lines().filter(said).collect()
}

#[test]
fn the_table_is_the_same() {
    // Which rows of those with equal flat are among the first is ours to say, as is what precedes a table.
    compare(1, "-top -nodecount=999", &["-nodecount", "-compact_labels"], |arguments, ours, theirs| {
        let of = format!("{arguments:?}");
        assert_eq!(showing(ours), showing(theirs), "{of}");
        // pprof calls a function inlined by those of its callers only that are shown.
        let plain = |text: &str| text.replace(" (inline)", "").replace(" (partial-inline)", "");
        assert_same_rows(&rows(&plain(ours)), &rows(&plain(theirs)), &of);
    });
}

#[test]
fn callers_and_callees_are_the_same() {
    // Calls have averages too, which they have not in pprof.
    for view in ["-tree", "-peek=REGEX"] {
        compare(2, view, &["-mean"], |arguments, ours, theirs| {
            let of = format!("{arguments:?}");
            let showing = |text| {
                showing(text).into_iter().filter(|line| !line.starts_with("Type: ")).collect::<Vec<_>>()
            };
            assert_eq!(showing(ours), showing(theirs), "{of}");
            assert_same_lines(&calls_by_name(ours), &calls_by_name(theirs), &of);
        });
    }
}

/// The lines of a tree, calls of the same weight by name: their order in pprof is that of a map if they
/// differ in their sign.
fn calls_by_name(text: &str) -> Vec<String> {
    let weight = |line: &str| {
        let (weight, name) = line.split_once(" |   ")?;
        Some((weight.trim().trim_start_matches('-').to_owned(), name.to_owned()))
    };
    let mut lines = body(text, "------");
    for equal in lines.chunk_by_mut(|a, b| weight(a).map(|w| w.0) == weight(b).map(|w| w.0)) {
        equal.sort_by_key(|line| weight(line).map(|w| w.1));
    }
    lines
}

#[test]
fn traces_are_the_same() {
    // pprof does not trim names there.
    compare(3, "-traces", &["-trim_path"], |arguments, ours, theirs| {
        assert_same_lines(&body(ours, "------"), &body(theirs, "------"), &format!("{arguments:?}"));
    });
}

#[test]
fn the_calls_of_a_call_tree_are_the_same() {
    let without = ["-nodecount", "-nodefraction", "-edgefraction", "-trim", "-mean", "-drop_negative"];
    for view in ["-dot -trim=false -call_tree", "-dot -trim=false"] {
        compare(5, view, &without, |arguments, ours, theirs| {
            assert_same_lines(&calls(ours), &calls(theirs), &format!("{arguments:?}"));
        });
    }
}

/// The values of the calls in a picture, in which N1_0 is what stands for a label.
fn calls(dot: &str) -> Vec<&str> {
    let lines = dot.lines().filter_map(|line| line.split_once(" [label=\""));
    let calls = lines.filter(|(nodes, _)| nodes.contains(" -> ") && !nodes.contains('_'));
    let mut labels: Vec<&str> = calls.filter_map(|(_, rest)| rest.split('"').next()).collect();
    labels.sort_unstable();
    labels
}

#[test]
fn labels_are_the_same() {
    // pprof divides everything but these.
    compare(4, "-tags", &["-divide_by"], |arguments, ours, theirs| {
        // Filters are told above every view of ours, and not above this of pprof's.
        let lines = |text: &str| body(text, "").into_iter().skip_while(|line| !line.contains(": Total "));
        let [ours, theirs] = [ours, theirs].map(|text| lines(text).collect::<Vec<_>>());
        assert_same_lines(&ours, &theirs, &format!("{arguments:?}"));
    });
}
