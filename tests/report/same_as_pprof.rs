//! The numbers of `heaptrace report` are those of `go tool pprof`.

use crate::fixtures;
use crate::support::{Folder, go_profiles, pprof_text, report, report_text};
use crate::wanted::has;

const HEAP_INDEXES: [&str; 4] = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];
/// Show all, however small.
const ALL: [&str; 3] = ["-nodecount=0", "-nodefraction=0", "-edgefraction=0"];

/// A row of a top table as text: flat, flat%, sum%, cum, cum%, name.
pub type Row = Vec<String>;

/// The rows of a top table. Ours may have two columns more.
pub fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let heading = lines.by_ref().find(|line| line.trim_start().starts_with("flat "));
    let sampled = heading.expect("there is a table").contains("samples");
    lines
        .map(|line| {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            if sampled {
                words.drain(5..7);
            }
            let name = words.split_off(5).join(" ");
            words.into_iter().map(str::to_owned).chain([name]).collect()
        })
        .collect()
}

/// Compares the rows of top tables, those of equal flat by name: pprof orders them so, we by cum. Sums
/// are the same row by row whatever their order.
pub fn assert_same_rows(ours: &[Row], theirs: &[Row], of: &str) {
    let comparable = |rows: &[Row]| {
        let sums: Vec<String> = rows.iter().map(|row| row[2].clone()).collect();
        let mut rows: Vec<[String; 5]> =
            rows.iter().map(|row| [0, 1, 3, 4, 5].map(|column| row[column].clone())).collect();
        for equal in rows.chunk_by_mut(|a, b| a[0].trim_start_matches('-') == b[0].trim_start_matches('-')) {
            equal.sort();
        }
        (rows, sums)
    };
    let ((ours, our_sums), (theirs, their_sums)) = (comparable(ours), comparable(theirs));
    assert_same_lines(&ours, &theirs, of);
    // Flat values that look the same may differ in their sign, and averages in what they are of.
    if ours.iter().all(|row| !row[0].starts_with('-')) && !of.contains("-mean") {
        assert_same_lines(&our_sums, &their_sums, of);
    }
}

/// Compares the top tables for a profile: `ours` are our arguments, `theirs` pprof's.
fn assert_same_top(files: &[&str], ours: &[&str], theirs: &[&str]) {
    let ours_all = [&["-n", "0"], ours, files].concat();
    let theirs_all = [&["-top"], &ALL[..], theirs, files].concat();
    let (left, right) = (report_text(&ours_all), pprof_text(&theirs_all));
    assert_same_rows(&rows(&left), &rows(&right), &format!("{ours_all:?} and {theirs_all:?}"));
}

/// Compares line by line, so that a failure shows the first difference and not two pages.
pub fn assert_same_lines<T: std::fmt::Debug + PartialEq>(ours: &[T], theirs: &[T], of: &str) {
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert_eq!(ours, theirs, "line {i} of {of}");
    }
    assert_eq!(ours.len(), theirs.len(), "lines of {of}");
}

/// The text from the first line that starts like `start`, without our warnings and spaces at ends.
pub fn body(text: &str, start: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim_end().to_owned());
    lines.skip_while(|line| !line.starts_with(start)).collect()
}

/// A filter or other option, ours and pprof's.
const OPTIONS: [(&[&str], &[&str]); 26] = [
    (&[], &[]),
    (&["--cum"], &["-cum"]),
    (&["--focus", "alloc|keep|concat"], &["-focus=alloc|keep|concat"]),
    (&["--focus", "two.so"], &["-focus=two.so"]),
    (&["--ignore", "visit|recurse"], &["-ignore=visit|recurse"]),
    (&["--hide", "main|one"], &["-hide=main|one"]),
    (&["--show", "main|a.c|allocate"], &["-show=main|a.c|allocate"]),
    (&["--hide", "a.c", "--show", "main|alloc"], &["-hide=a.c", "-show=main|alloc"]),
    (&["--show-from", "visit|recurse"], &["-show_from=visit|recurse"]),
    (&["--prune-from", "visit|alloc|concat"], &["-prune_from=visit|alloc|concat"]),
    (&["--prune-from", "visit", "--hide", "a.c"], &["-prune_from=visit", "-hide=a.c"]),
    (&["--drop-negative"], &["-drop_negative"]),
    (&["--no-inlines"], &["-noinlines"]),
    (&["--no-inlines", "--granularity", "lines"], &["-noinlines", "-lines"]),
    (&["--focus", "main|alloc", "--relative-percentages"], &["-focus=main|alloc", "-relative_percentages"]),
    (&["--divide-by", "7"], &["-divide_by=7"]),
    (&["--tag-focus", "1kb:"], &["-tagfocus=1kb:"]),
    (&["--tag-focus", "bytes=64b:4kb"], &["-tagfocus=bytes=64b:4kb"]),
    (&["--tag-focus", "thread=main"], &["-tagfocus=thread=main"]),
    (&["--tag-focus", "thread:io"], &["-tagfocus=thread:io"]),
    (&["--tag-ignore", ":256b"], &["-tagignore=:256b"]),
    (&["--granularity", "lines"], &["-lines"]),
    (&["--granularity", "filefunctions"], &["-filefunctions"]),
    (&["--granularity", "addresses"], &["-addresses"]),
    (&["--unit", "kB"], &["-unit=kB"]),
    (&["--trim-path", "/src", "--granularity", "lines"], &["-trim_path=/src", "-lines"]),
];

#[test]
fn every_row_of_a_go_heap_profile_is_the_same() {
    if !has("go") {
        return;
    }
    let file = go_profiles().join("after.prof");
    for index in HEAP_INDEXES {
        assert_same_top(&[file.to_str().unwrap()], &["-s", index], &[&format!("-sample_index={index}")]);
    }
}

#[test]
fn every_option_does_the_same_to_a_go_heap_profile() {
    if !has("go") {
        return;
    }
    let file = go_profiles().join("after.prof");
    for (ours, theirs) in OPTIONS {
        assert_same_top(&[file.to_str().unwrap()], ours, theirs);
    }
}

#[test]
fn every_row_of_a_go_cpu_profile_is_the_same() {
    if !has("go") {
        return;
    }
    let file = go_profiles().join("cpu.prof");
    for index in ["samples", "cpu", "0", "1"] {
        assert_same_top(&[file.to_str().unwrap()], &["-s", index], &[&format!("-sample_index={index}")]);
    }
}

#[test]
fn every_option_does_the_same_to_profiles_of_anything() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    for seed in 0..4 {
        let file = folder.profile(&format!("{seed}.prof"), &fixtures::anything(seed));
        for (ours, theirs) in OPTIONS {
            assert_same_top(&[&file], ours, theirs);
        }
        for index in ["objects", "space", "inuse_space", "delay"] {
            assert_same_top(&[&file], &["-s", index], &[&format!("-sample_index={index}")]);
        }
    }
}

#[test]
fn our_own_profile_is_the_same_for_each_index() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    for index in
        ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "peak_objects", "peak_space"]
    {
        assert_same_top(&[&file], &["-s", index], &[&format!("-sample_index={index}")]);
    }
}

#[test]
fn without_options_the_largest_rows_are_the_same() {
    if !has("go") {
        return;
    }
    for name in ["after.prof", "cpu.prof"] {
        let file = go_profiles().join(name);
        let file = file.to_str().unwrap();
        let (ours, theirs) = (report_text(&[file]), pprof_text(&["-top", "-nodecount=20", file]));
        // Which of those without a flat value are among the first is a matter of their order; and whether a
        // function is said to be inlined is told from its callers among them.
        let without_label = |mut row: Row| {
            row[5] = row[5].replace(" (partial-inline)", "").replace(" (inline)", "");
            row
        };
        let with_flat = |text: &str| {
            rows(text).into_iter().filter(|row| row[0] != "0").map(without_label).collect::<Vec<_>>()
        };
        assert_same_rows(&with_flat(&ours), &with_flat(&theirs), name);
        assert_eq!(rows(&ours).len(), rows(&theirs).len());
        let showing = "Showing nodes";
        let legend = |text: &str| body(text, showing).into_iter().take(2).collect::<Vec<_>>();
        assert_eq!(legend(&ours), legend(&theirs));
    }
}

#[test]
fn a_base_is_subtracted_as_pprof_does() {
    if !has("go") {
        return;
    }
    let (before, after) = (go_profiles().join("before.prof"), go_profiles().join("after.prof"));
    let (before, after) = (before.to_str().unwrap(), after.to_str().unwrap());
    for index in HEAP_INDEXES {
        let sample_index = format!("-sample_index={index}");
        let base = ["--base", before, "-s", index];
        assert_same_top(&[after], &base, &[&format!("-base={before}"), &sample_index]);
        let diff_base = ["--diff-base", before, "-s", index];
        assert_same_top(&[after], &diff_base, &[&format!("-diff_base={before}"), &sample_index]);
    }
}

#[test]
fn several_bases_are_subtracted_as_what_pprof_adds_up() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    let [before, after] = ["before.prof", "after.prof"].map(|name| go_profiles().join(name));
    let (before, after) = (before.to_str().unwrap(), after.to_str().unwrap());
    let both = folder.path("both.prof").to_string_lossy().into_owned();
    // Go's pprof, other than that of google/pprof, takes the last base only.
    pprof_text(&["-proto", "-output", &both, before, after]);
    for option in ["base", "diff_base"] {
        let [one, other, sum] = [before, after, &both].map(|file| format!("-{option}={file}"));
        let ours = [&*one, &*other, "-s", "alloc_space"];
        assert_same_top(&[after, after, before], &ours, &[&sum, "-sample_index=alloc_space"]);
    }
}

#[test]
fn fractions_leave_out_the_same_rows() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    let anything = folder.profile("anything.prof", &fixtures::anything(3));
    let heap = go_profiles().join("after.prof");
    for file in [&anything, heap.to_str().unwrap()] {
        for fraction in ["0", "0.02", "0.3"] {
            let (ours, theirs) = (["--node-fraction", fraction], format!("-nodefraction={fraction}"));
            let left = report_text(&[&ours[..], &["-n", "99", file]].concat());
            let right = pprof_text(&["-top", "-nodecount=99", &theirs, file]);
            assert_same_rows(&rows(&left), &rows(&right), &theirs);
        }
        let (ours, theirs) = (["--edge-fraction", "0.2"], "-edgefraction=0.2");
        assert_same_table(&[&ours[..], &["--tree", file]].concat(), &["-tree", theirs, file]);
    }
}

#[test]
fn a_normalized_base_is_subtracted_as_pprof_does() {
    if !has("go") {
        return;
    }
    // Profiles whose samples all differ in their stacks: pprof adds up equal ones before it rounds,
    // this rounds each, so that a row may differ by a unit for each of them.
    let folder = Folder::new();
    let old = folder.profile("old.prof", &fixtures::heaptrace());
    let new = folder.profile("new.prof", &fixtures::later());
    for index in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"] {
        let ours = ["--base", &old, "--normalize", "-s", index];
        let theirs = [&format!("-base={old}"), "-normalize", &format!("-sample_index={index}")];
        assert_same_top(&[&new], &ours, &theirs);
    }
}

#[test]
fn a_base_of_anything_is_subtracted_as_pprof_does() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    let old = folder.profile("old.prof", &fixtures::anything(10));
    let mut changed = fixtures::anything(10);
    for sample in changed.profile.sample.iter_mut().step_by(3) {
        sample.value[1] += 1000;
    }
    let new = folder.profile("new.prof", &changed);
    for index in ["objects", "space", "delay"] {
        let sample_index = format!("-sample_index={index}");
        let base = ["--base", &old, "-s", index];
        assert_same_top(&[&new], &base, &[&format!("-base={old}"), &sample_index]);
        let diff_base = ["--diff-base", &old, "-s", index];
        assert_same_top(&[&new], &diff_base, &[&format!("-diff_base={old}"), &sample_index]);
    }
}

#[test]
fn several_files_are_added_up_as_pprof_does() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    let mut files = Vec::new();
    for seed in 20..23 {
        let mut b = fixtures::anything(seed);
        // The same code elsewhere in memory, and a finer unit.
        for mapping in &mut b.profile.mapping {
            mapping.memory_start += seed * 0x1000;
            mapping.memory_limit += seed * 0x1000;
        }
        if seed == 21 {
            b.profile.sample_type[1].unit = b.string("kilobytes");
            // pprof forgets samples that are 0 in a type that it scales, whatever else they are.
            for sample in &mut b.profile.sample {
                sample.value[1] = sample.value[1].max(1);
            }
        }
        b.profile.drop_frames = 0;
        files.push(folder.profile(&format!("{seed}.prof"), &b));
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    for index in ["objects", "space", "delay"] {
        assert_same_top(&files, &["-s", index], &[&format!("-sample_index={index}")]);
    }
}

#[test]
fn every_line_of_a_listing_is_the_same() {
    if !has("go") {
        return;
    }
    let file = go_profiles().join("after.prof");
    let file = file.to_str().unwrap();
    for index in HEAP_INDEXES {
        let ours = report_text(&["--list", "main", "-s", index, file]);
        let theirs = pprof_text(&["-list=main", &format!("-sample_index={index}"), file]);
        assert!(with_values(&ours).len() > 4);
        assert_same_lines(&with_values(&ours), &with_values(&theirs), index);
    }
}

#[test]
fn every_line_of_a_listing_of_anything_is_the_same() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    let text: String = (1..=100).map(|i| format!("line {i}\n")).collect();
    let sources = ["a.c", "b.c"].map(|name| folder.file(name, &text));
    for seed in 30..33 {
        let mut builder = fixtures::anything(seed);
        let files = [builder.string(&sources[0]), builder.string(&sources[1])];
        for (i, function) in builder.profile.function.iter_mut().enumerate() {
            function.filename = files[i % 2];
        }
        let file = folder.profile("anything.prof", &builder);
        for index in ["objects", "space", "delay"] {
            let ours = report_text(&["--list", ".", "-s", index, &file]);
            let theirs = pprof_text(&["-list=.", &format!("-sample_index={index}"), &file]);
            assert!(with_values(&ours).len() > 20);
            assert_same_lines(&with_values(&ours), &with_values(&theirs), &file);
        }
    }
}

/// The lines of a listing that have values, and the headings. Which lines around them pprof shows
/// depends on the order of its maps, and so do lines without a number.
fn with_values(text: &str) -> Vec<String> {
    let mut lines = body(text, "Total");
    lines.retain(|line| !line.trim_start().starts_with(".          . ") && !line.contains(" 0:"));
    lines
}

/// A Go heap profile and some of anything.
fn heap_and_anything(folder: &Folder) -> Vec<String> {
    let anything = (40..44).map(|seed| folder.profile(&format!("{seed}.prof"), &fixtures::anything(seed)));
    let heap = go_profiles().join("after.prof");
    anything.chain([heap.to_str().unwrap().to_owned()]).collect()
}

/// Compares the tables of a view, which begin with a line of dashes.
fn assert_same_table(ours: &[&str], theirs: &[&str]) {
    let (left, right) = (report_text(ours), pprof_text(theirs));
    assert_same_lines(&body(&left, "-----"), &body(&right, "-----"), &format!("{ours:?} and {theirs:?}"));
}

#[test]
fn callers_and_callees_are_the_same() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    for file in heap_and_anything(&folder) {
        let regex = "visit|main|ns::|concat";
        assert_same_table(&["--peek", regex, &file], &[&format!("-peek={regex}"), &file]);
        assert_same_table(&["--tree", &file], &["-tree", &file]);
        assert_same_table(&["--tree", "-n", "3", &file], &["-tree", "-nodecount=3", &file]);
    }
}

#[test]
fn traces_are_the_same() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    for file in heap_and_anything(&folder) {
        assert_same_table(&["--traces", &file], &["-traces", &file]);
        let ours = ["--traces", "--tag-hide", "bytes", "--divide-by", "3", &file];
        assert_same_table(&ours, &["-traces", "-taghide=bytes", "-divide_by=3", &file]);
        assert_same_table(&["--traces", "--tag-show", "byt", &file], &["-traces", "-tagshow=byt", &file]);
    }
}

#[test]
fn the_raw_profile_is_the_same() {
    if !has("go") {
        return;
    }
    let heap = go_profiles().join("after.prof");
    let heap = heap.to_str().unwrap();
    for arguments in [&[][..], &["-sample_index=1"]] {
        let (ours, theirs) =
            (report_text(&["--raw", heap]), pprof_text(&[arguments, &["-raw", heap]].concat()));
        assert_same_lines(&body(&ours, "Samples"), &body(&theirs, "Samples"), "a Go heap profile");
    }
    let folder = Folder::new();
    for seed in 50..54 {
        let mut builder = fixtures::anything(seed);
        // pprof numbers also locations that only dropped frames have.
        builder.profile.drop_frames = 0;
        // It keeps samples without a stack too.
        builder.profile.sample.retain(|sample| !sample.location_id.is_empty());
        let file = folder.profile("anything.prof", &builder);
        let (ours, theirs) = (report_text(&["--raw", &file]), pprof_text(&["-raw", &file]));
        assert_same_lines(&body(&ours, "PeriodType"), &body(&theirs, "PeriodType"), "anything");
    }
}

#[test]
fn a_profile_written_again_is_the_same_to_pprof() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    // pprof loses samples without a stack where it writes a profile again.
    let with_stacks = (40..44).map(|seed| {
        let mut builder = fixtures::anything(seed);
        builder.profile.sample.retain(|sample| !sample.location_id.is_empty());
        folder.profile(&format!("{seed}.prof"), &builder)
    });
    let heap = go_profiles().join("after.prof");
    for file in with_stacks.chain([heap.to_str().unwrap().to_owned()]) {
        for (ours, theirs) in [
            (&["--proto", "--focus", "main", "--divide-by", "2"][..], &["-focus=main", "-divide_by=2"][..]),
            (
                &["--proto", "--hide", "visit|concat", "--tag-hide", "thread"][..],
                &["-hide=visit|concat", "-taghide=thread"],
            ),
        ] {
            let bytes = report(&[ours, &[&file]].concat()).output().unwrap().stdout;
            let (our, their) = (folder.file("ours.prof", bytes), folder.file("theirs.prof", ""));
            pprof_text(&[&["-proto", &format!("-output={their}")], theirs, &[&file]].concat());
            for view in ["-top", "-traces"] {
                let lines = |file: &str| {
                    let text = pprof_text(&[&[view, "-lines"], &ALL[..], &[file]].concat());
                    body(&text, if view == "-top" { "Showing" } else { "---" })
                };
                assert_same_lines(&lines(&our), &lines(&their), &format!("{ours:?}"));
            }
        }
    }
}

#[test]
fn the_callgrind_file_is_the_same() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    for file in heap_and_anything(&folder) {
        let (ours, theirs) = (report_text(&["--callgrind", &file]), pprof_text(&["-callgrind", &file]));
        assert_same_lines(&body(&ours, "positions"), &body(&theirs, "positions"), &file);
    }
}
