//! What grows: in one profile by the ages of its blocks, over several by what they have in use.

use heaptrace_pprof::cohorts::{Cohort, Cohorts};
use heaptrace_pprof::proto::ValueType;

use crate::builder::Builder;
use crate::support::{Folder, report, report_error, report_text};

const MINUTE: i64 = 60_000_000_000;
/// When the tests' eras begin, in seconds of an hour.
const ERAS: [i64; 10] = [0, 240, 360, 500, 670, 900, 1200, 1600, 2130, 2840];

/// A heap profile with a stack for each name, of so many blocks of 1000 bytes, at rate 1.
fn profile(stacks: &[(&str, i64)], minutes: i64) -> Builder {
    let mut builder = Builder::new(&[("inuse_objects", "count"), ("inuse_space", "bytes")]);
    let mapping = builder.mapping("/app/orders", 0x1000);
    for (number, (name, blocks)) in stacks.iter().enumerate() {
        let function = builder.function(name, "/src/orders.c");
        let location = builder.location(mapping, 0x1000 + number as u64, &[(function, 10 + number as i64)]);
        let label = builder.number_label("bytes", 1000, "bytes");
        builder.sample(&[location], &[*blocks, *blocks * 1000]).label.push(label);
    }
    let (r#type, unit) = (builder.string("space"), builder.string("bytes"));
    builder.profile.period_type = Some(ValueType { r#type, unit });
    builder.profile.period = 1;
    builder.profile.time_nanos = 1_700_000_000_000_000_000;
    builder.profile.duration_nanos = minutes * MINUTE;
    builder
}

/// The cohorts of a stack of which `alive` says how many of each era are there, and of which no block
/// that is gone was ever old; `short_lived` more were born and freed in each.
fn cohorts(alive: [i64; 10], short_lived: i64, last_freed: Option<i64>) -> Option<Cohorts> {
    let mut in_use = 0;
    let rows = alive.iter().enumerate().map(|(era, &alive)| {
        let older = in_use;
        in_use += alive;
        Cohort { era, born: alive * 4 + short_lived, alive, in_use, older }
    });
    Some(Cohorts::of(rows, last_freed))
}

/// The row of a stack, and the line below it.
fn row(text: &str, function: &str) -> (String, String) {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.trim_start().starts_with(function)).unwrap();
    (lines[at - 1].to_owned(), lines[at].to_owned())
}

fn aged() -> Builder {
    let mut builder = profile(&[("leaks", 360), ("starts", 100), ("serves", 50)], 60);
    builder.profile.eras = ERAS.map(|second| second * 1_000_000_000).to_vec();
    // As many as the eras have tens of seconds.
    builder.profile.sample[0].cohorts =
        cohorts([24, 12, 14, 17, 23, 30, 40, 53, 71, 76], 0, Some(MINUTE * 59));
    builder.profile.sample[1].cohorts = cohorts([100, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, None);
    builder.profile.sample[2].cohorts = cohorts([0, 0, 0, 0, 0, 0, 0, 0, 0, 50], 1000, Some(MINUTE * 60));
    builder
}

#[test]
fn one_profile_tells_by_the_ages_of_its_blocks_what_leaks() {
    let folder = Folder::new();
    let text = report_text(&["--growth", &folder.profile("a.prof", &aged())]);
    assert!(text.starts_with("Growth over 60m, by the ages of what is in use\nHeap: 498.05kB\n"), "{text}");
    let (leak, stack) = row(&text, "leaks");
    assert_eq!(stack.trim(), "leaks orders.c:10");
    let words: Vec<_> = leak.split_whitespace().collect();
    // 360 blocks of 1000 bytes an hour; every block was recorded.
    assert!(words[0].starts_with("+35") && words[0].ends_with("kB"), "{leak}");
    assert_eq!(words[1..], ["±0", "351.56kB", "25%", "30m", "60s", "leak"]);
    assert!(row(&text, "starts").0.ends_with(" never  start-up"), "{text}");
    assert!(row(&text, "serves").0.ends_with(" 0ms  steady"), "{text}");
    assert!(text.find("leaks") < text.find("starts"), "what surely grows most comes first");
}

#[test]
fn what_is_filtered_away_is_not_judged() {
    let folder = Folder::new();
    let text = report_text(&["--growth", "--focus=starts", &folder.profile("a.prof", &aged())]);
    assert!(text.contains("starts") && !text.contains("leaks"), "{text}");
    let text = report_text(&["--growth", "-n", "1", &folder.profile("a.prof", &aged())]);
    assert!(text.ends_with("2 more; -n 0 shows all\n"), "{text}");
}

#[test]
fn a_profile_that_is_written_anew_still_tells_ages() {
    let folder = Folder::new();
    let file = folder.profile("a.prof", &aged());
    let again = folder.path("again.prof");
    report_text(&["--proto", "-o", again.to_str().unwrap(), &file]);
    assert_eq!(report_text(&["--growth", again.to_str().unwrap()]), report_text(&["--growth", &file]));
}

#[test]
fn profiles_that_do_not_tell_ages_are_compared_in_their_order_of_time() {
    let folder = Folder::new();
    let mut files: Vec<String> = (0..8)
        .map(|n| {
            let stacks = [("leaks", 100 + 50 * n), ("fills", 1000 - (900 >> n)), ("stays", 400 + n % 2)];
            folder.profile(&format!("{n}.prof"), &profile(&stacks, 10 * (n + 1)))
        })
        .collect();
    let text = |files: &[String]| {
        let arguments = ["--growth"].into_iter().chain(files.iter().map(String::as_str));
        report_text(&arguments.collect::<Vec<_>>())
    };
    let in_order = text(&files);
    assert!(in_order.starts_with("Growth over 70m, by what 8 profiles have in use\n"), "{in_order}");
    assert!(
        row(&in_order, "leaks").0.trim_start().starts_with("+292.97kB"),
        "300,000 bytes an hour: {in_order}"
    );
    assert!(row(&in_order, "leaks").0.ends_with("  leak"));
    assert!(row(&in_order, "fills").0.ends_with("  cache"), "{in_order}");
    assert!(row(&in_order, "stays").0.ends_with("  steady"), "{in_order}");
    files.reverse();
    assert_eq!(text(&files), in_order);
}

#[test]
fn what_growth_cannot_be_told_from_is_refused_with_advice() {
    let folder = Folder::new();
    let one = folder.profile("one.prof", &profile(&[("f", 1)], 1));
    assert_eq!(
        report_error(&["--growth", &one]),
        "this profile does not say when its blocks were allocated; what grows can be told from several, oldest first"
    );
    let mut timeless = profile(&[("f", 1)], 1);
    timeless.profile.time_nanos = 0;
    let timeless = folder.profile("timeless.prof", &timeless);
    assert_eq!(
        report_error(&["--growth", &one, &timeless]),
        "a profile does not say when it was taken, so it cannot be told how fast anything grows"
    );
    assert_eq!(
        report_error(&["--growth", "--base", &one, &one]),
        "--growth takes no base: name all profiles, oldest first"
    );
    let mut cpu = Builder::new(&[("cpu", "nanoseconds")]);
    let function = cpu.function("f", "f.c");
    let location = cpu.location(0, 1, &[(function, 1)]);
    cpu.sample(&[location], &[5]);
    assert_eq!(
        report_error(&["--growth", &folder.profile("cpu.prof", &cpu)]),
        "a profile has no inuse_space, so nothing can be told to grow"
    );
}

#[test]
fn ages_that_make_no_sense_are_no_harm() {
    let folder = Folder::new();
    let mut wild = aged();
    wild.profile.eras = vec![i64::MAX, i64::MIN, 0, 5, -7, 1 << 62, 3];
    wild.profile.duration_nanos = -1;
    for sample in &mut wild.profile.sample {
        let rows = (0..7).map(|n| [i64::MAX >> n, n, i64::MIN, 1 << 50, -1]).collect::<Vec<_>>();
        sample.cohorts = Some(Cohorts { rows: rows.concat(), last_freed: Some(i64::MIN) });
    }
    report_text(&["--growth", &folder.profile("wild.prof", &wild)]);
    wild.profile.eras = vec![0; 100_000];
    report_text(&["--growth", &folder.profile("many.prof", &wild)]);
}

#[test]
fn growth_is_told_to_programs_as_json() {
    let folder = Folder::new();
    let file = folder.profile("aged.prof", &aged());
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&report_text(&[&["--growth", "--json"], arguments].concat())).unwrap()
    };
    let told = json(&[&file]);
    assert_eq!((&told["evidence"], &told["seconds"]), (&"ages".into(), &3600.0.into()));
    let rows = told["rows"].as_array().unwrap();
    let row =
        |name: &str| rows.iter().find(|row| row["stack"][0].as_str().unwrap().starts_with(name)).unwrap();
    let leak = row("leaks orders.c:10");
    assert_eq!((&leak["verdict"], &leak["inuse_space"]), (&"leak".into(), &360_000.into()));
    let hourly = leak["bytes_per_hour"].as_f64().unwrap();
    assert!((300_000.0..420_000.0).contains(&hourly), "{leak}");
    assert_eq!(leak["interval"], serde_json::json!([hourly, hourly]), "at rate 1 it is exact");
    assert_eq!(leak["last_freed"], 60.0);
    assert_eq!(
        (&row("starts")["verdict"], &row("starts")["last_freed"]),
        (&"start-up".into(), &serde_json::Value::Null)
    );
    assert_eq!(json(&["-n", "1", &file])["more"], 2);
    let both = report(&["--growth", "--tree", &file]).output().unwrap();
    let error = String::from_utf8(both.stderr).unwrap();
    assert_eq!(both.status.code(), Some(2));
    assert!(error.contains("the argument '--tree' cannot be used with '--growth'"), "{error}");
}

/// A worker that was forked when its parent had run for an hour has that one's eras, which are long.
fn forked_late() -> Builder {
    let mut builder = profile(&[("leaks", 100), ("inherits", 50)], 10);
    builder.profile.duration_nanos = 10 * MINUTE;
    builder.profile.eras = [-60, -30, -15, 5].map(|minute| minute * MINUTE).to_vec();
    let row = |era, born, older| Cohort { era, born, alive: born, in_use: older + born, older };
    builder.profile.sample[0].cohorts = Some(Cohorts::of([row(2, 50, 0), row(3, 50, 50)], None));
    builder.profile.sample[1].cohorts = Some(Cohorts::of([row(0, 50, 0)], None));
    builder
}

#[test]
fn of_a_process_that_was_forked_late_more_is_wanted_than_the_ages_of_its_blocks() {
    let folder = Folder::new();
    let text = report_text(&["--growth", &folder.profile("a.prof", &forked_late())]);
    // 70 minutes, and another (4/3)^4 - 1 of them.
    assert!(row(&text, "leaks").0.ends_with("  too early: needs about 152 more minutes"), "{text}");
    let earlier: Vec<_> = (1..4)
        .map(|n| {
            let mut builder = forked_late();
            builder.profile.duration_nanos = 2 * n * MINUTE;
            builder.profile.sample[0].value =
                builder.profile.sample[0].value.iter().map(|value| value * 2 * n / 10).collect();
            folder.profile(&format!("{n}.prof"), &builder)
        })
        .collect();
    let newest = folder.profile("4.prof", &forked_late());
    let all: Vec<_> =
        ["--growth"].into_iter().chain(earlier.iter().map(String::as_str)).chain([&*newest]).collect();
    let text = report_text(&all);
    assert!(text.starts_with("Growth over 8m, by what 4 profiles have in use\n"), "{text}");
    assert!(row(&text, "leaks").0.ends_with("  leak"), "{text}");
}
