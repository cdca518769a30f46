//! Several profiles as one, and a profile written again.

use heaptrace_pprof::proto::{Profile, ValueType};
use prost::Message;

use crate::builder::Builder;
use crate::support::{Folder, report, report_error, report_text};

/// A profile of one function with these sample types, each with its value.
fn profile(types: &[(&str, &str, i64)]) -> Builder {
    let names: Vec<_> = types.iter().map(|&(name, unit, _)| (name, unit)).collect();
    let values: Vec<_> = types.iter().map(|&(.., value)| value).collect();
    let mut builder = Builder::new(&names);
    let function = builder.function("f", "f.c");
    let location = builder.location(0, 0x1000, &[(function, 1)]);
    builder.sample(&[location], &values);
    let (r#type, unit) = (builder.string("space"), builder.string("bytes"));
    builder.profile.period_type = Some(ValueType { r#type, unit });
    builder
}

fn two() -> Builder {
    profile(&[("inuse_objects", "count", 1), ("inuse_space", "bytes", 100)])
}

fn four() -> Builder {
    profile(&[
        ("alloc_objects", "count", 10),
        ("alloc_space", "bytes", 1000),
        ("inuse_space", "kilobytes", 4),
        ("inuse_objects", "count", 4),
    ])
}

/// The first row of a top table, and what it is of.
fn first(arguments: &[&str]) -> (String, String) {
    let text = report_text(arguments);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let of = text.lines().find_map(|line| line.strip_prefix("Type: ")).unwrap();
    let row = text.lines().find(|line| line.ends_with("  f")).unwrap();
    (of.to_owned(), words(row)[0].clone())
}

#[test]
fn profiles_are_added_up_in_the_sample_types_that_they_share() {
    let folder = Folder::new();
    let (two, four) = (folder.profile("two.prof", &two()), folder.profile("four.prof", &four()));
    for files in [[&two, &four], [&four, &two]] {
        let with = |index: &str| first(&["-s", index, files[0], files[1]]).1;
        assert_eq!(with("inuse_space"), "4.10kB");
        assert_eq!(with("inuse_objects"), "5");
        assert_eq!(
            report_error(&["-s", "alloc_space", files[0], files[1]]),
            format!(
                "no sample index \"alloc_space\" in this profile, it has {}",
                if files[0] == &two { "inuse_objects, inuse_space" } else { "inuse_space, inuse_objects" }
            )
        );
    }
    for base in ["--base", "--diff-base"] {
        assert_eq!(first(&["-s", "inuse_space", base, &two, &four]).1, "3.90kB");
        assert_eq!(first(&["-s", "inuse_objects", base, &four, &two]).1, "-3");
    }
    // Scaled to the total of the other, nothing is left.
    let nothing = report_text(&["-s", "inuse_space", "--normalize", "--base", &two, &four]);
    assert!(nothing.contains("accounting for 0, 0% of 0 total"), "{nothing}");
}

#[test]
fn what_is_shown_of_several_is_the_first_default_that_is_shared() {
    let folder = Folder::new();
    let with_default = |mut builder: Builder, name: &str| {
        builder.profile.default_sample_type = builder.string(name);
        folder.profile(name, &builder)
    };
    let two = with_default(two(), "inuse_space");
    assert_eq!(first(&[&two, &with_default(four(), "inuse_objects")]).0, "inuse_space");
    // The types that are left are in the order of the first file.
    assert_eq!(first(&[&with_default(four(), "alloc_space"), &two]).0, "inuse_space");
    assert_eq!(first(&[&with_default(four(), "inuse_objects"), &two]).0, "inuse_objects");
}

#[test]
fn a_profile_that_does_not_say_how_it_was_sampled_goes_with_any() {
    let folder = Folder::new();
    let mut silent = two();
    silent.profile.period_type = None;
    let (two, silent) = (folder.profile("two.prof", &two()), folder.profile("silent.prof", &silent));
    assert_eq!(first(&["-s", "inuse_space", &two, &silent]).1, "200B");
    assert_eq!(first(&["-s", "inuse_space", &silent, &two]).1, "200B");
}

#[test]
fn a_profile_written_again_has_all_that_it_had() {
    let folder = Folder::new();
    let mut builder = two();
    builder.profile.doc_url = builder.string("https://example.com/doc");
    builder.profile.location[0].line[0].column = 17;
    let mapping = builder.mapping("/bin/f", 0x1000);
    builder.profile.location[0].mapping_id = mapping;
    let thread = builder.text_label("thread", "main");
    builder.sample(&[], &[3, 300]).label.push(thread);
    let file = folder.profile("all.prof", &builder);
    let rewritten = |arguments: &[&str]| {
        let output = report(&[arguments, &["--proto", &file]].concat()).output().unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*output.stdout), &mut bytes).unwrap();
        Profile::decode(&*bytes).unwrap()
    };
    let whole = rewritten(&[]);
    let text = |index: i64| whole.string_table[index as usize].as_str();
    assert_eq!(text(whole.doc_url), "https://example.com/doc");
    assert_eq!(whole.location[0].line[0].column, 17);
    let values: Vec<_> = whole.sample.iter().map(|sample| sample.value.clone()).collect();
    assert_eq!(values, [vec![1, 100], vec![3, 300]]);
    assert_eq!(whole.sample[1].label.len(), 1);
    // What has no frame cannot be in focus.
    assert_eq!(rewritten(&["--focus", "f"]).sample.len(), 1);
    assert_eq!(rewritten(&["--ignore", "g"]).sample.len(), 2);
    assert_eq!(rewritten(&["--tag-ignore", "thread:main"]).sample.len(), 1);
    let raw = report_text(&["--raw", &file]);
    assert!(raw.contains("Doc: https://example.com/doc\n") && raw.contains(" f f.c:1:17 s=0\n"), "{raw}");
}
