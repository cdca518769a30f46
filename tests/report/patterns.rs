//! Regular expressions mean what they mean to `go tool pprof`, which has Go's RE2.

use std::process::Command;

use crate::builder::Builder;
use crate::fixtures;
use crate::support::{Folder, report, report_text};
use crate::wanted::has;

/// Functions that expressions tell apart.
const NAMES: [&str; 25] = [
    "core::ops::{{closure}}",
    "core::ops::{closure#0}",
    "main::{lambda(int)#1}::operator()",
    "java.lang.String.<init>",
    "java.lang.String.init",
    "a.b",
    "axb",
    "a&&b",
    "a",
    "b",
    "&",
    "aa",
    "aaa",
    "a{,3}",
    "a{2}",
    "std::vector<int>::push_back",
    "std::map<int, Foo[3]>::operator[]",
    "größe",
    "GRÖSSE",
    "ſelf",
    "x1",
    "x٣",
    "two words",
    "kK",
    "~Foo",
];

const PATTERNS: [&str; 62] = [
    "{{closure}}",
    "{lambda",
    "closure}}",
    r"\Qa.b\E",
    r"\Qa{2}",
    r"\<init\>",
    "^[a&&b]$",
    "^[a-b--]$",
    "^[[a]",
    "[]]",
    "[^]a]$",
    "^a{,3}$",
    "^a{2}$",
    "^a{2,}$",
    "^a{1,2}?$",
    "^a{0}$",
    "a{2}{3}",
    "a**",
    "a*+",
    "*a",
    "(|a)*b",
    "a||b",
    "()",
    "(?i)größe",
    "(?i)self",
    "(?i)KK",
    "(?i)^[k]k$",
    r"(?i)^\w+$",
    r"^\w+$",
    r"^\W",
    r"x\d",
    r"x\D",
    r"\s",
    r"o\b",
    r"\Bo",
    r"^\pL+$",
    r"\p{Lu}",
    r"\PL",
    r"\p{^L}",
    r"\p{Arabic}",
    r"\p{Latin}\p{Greek}",
    r"\p{Foo}",
    "[[:upper:]]",
    "[[:^alpha:]]$",
    "[[:foo:]]",
    r"[\d\pL]+::",
    r"[\D]+1",
    r"\x{61}\.\x62",
    r"\141\.b",
    r"\1",
    r"\8",
    r"\_",
    r"\Z",
    r"(?P<name>a)\.",
    "(?=a)",
    "(?x)a b",
    "(?i-s:GRÖ)",
    "(?i",
    "a(b",
    "a)b",
    "a{1001}",
    r"a\",
];

/// Each function allocates another amount.
fn profile() -> Builder {
    let mut builder = Builder::new(&[("space", "bytes")]);
    for (i, name) in NAMES.iter().enumerate() {
        let function = builder.function(name, "");
        let location = builder.location(0, 0x1000 + i as u64, &[(function, 1)]);
        builder.sample(&[location], &[1 << i]);
    }
    builder
}

/// The names in the last column of a top table.
fn shown(text: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| !line.trim_start().starts_with("flat"));
    let mut names: Vec<String> = lines.skip(1).map(|line| line[44..].trim().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_pattern_matches_what_it_matches_in_pprof() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    let file = folder.profile("names.prof", &profile());
    for pattern in PATTERNS {
        let ours = report(&["-n", "0", "--focus", pattern, &file]).output().unwrap();
        let theirs = Command::new("go")
            .args(["tool", "pprof", "-symbolize=none", "-top", "-nodecount=0", "-nodefraction=0"])
            .args([&format!("-focus={pattern}"), &file])
            .env("PPROF_TMPDIR", folder.root())
            .output()
            .unwrap();
        let (our_error, their_error) =
            (String::from_utf8_lossy(&ours.stderr), String::from_utf8_lossy(&theirs.stderr));
        assert_eq!(ours.status.success(), theirs.status.success(), "{pattern}: {our_error}{their_error}");
        if ours.status.success() {
            let text = |bytes: &[u8]| shown(&String::from_utf8_lossy(bytes));
            assert_eq!(text(&ours.stdout), text(&theirs.stdout), "{pattern}");
        } else {
            let reason = our_error.trim_end().rsplit(": ").next().unwrap();
            assert!(their_error.contains(reason), "{pattern}: {our_error}{their_error}");
        }
    }
}

#[test]
fn a_function_is_found_by_the_name_that_is_printed() {
    let folder = Folder::new();
    let file = folder.profile("names.prof", &profile());
    for name in ["core::ops::{{closure}}", "main::{lambda", "<init>"] {
        let text = report_text(&["-n", "0", "--focus", name, &file]);
        assert!(shown(&text).iter().any(|shown| shown.contains(name)), "{text}");
    }
}

#[test]
fn frames_to_drop_are_read_in_the_same_dialect() {
    let folder = Folder::new();
    let mut builder = fixtures::heaptrace();
    for drop in [r"\Qmalloc\E|operator new|{x", "malloc|operator new|a{,3}"] {
        builder.profile.drop_frames = builder.string(drop);
        let file = folder.profile("drop.prof", &builder);
        assert!(!report_text(&["-n", "0", &file]).contains("malloc"), "{drop}");
    }
}

#[test]
fn without_a_valid_expression_no_frame_is_dropped() {
    let folder = Folder::new();
    for (drop, keep) in [("(", ""), ("malloc", "("), ("malloc{2}{3}", "")] {
        let mut builder = fixtures::heaptrace();
        builder.profile.drop_frames = builder.string(drop);
        builder.profile.keep_frames = builder.string(keep);
        let file = folder.profile("drop.prof", &builder);
        assert!(report_text(&["-n", "0", &file]).contains("malloc"), "{drop} {keep}");
    }
}
