//! The rate changes while a program runs.

use std::process::Command;

use super::commands::well;
use super::served::{Answer, Served, under};
use crate::support::{HEAPTRACE, Room};

/// As `heaptrace rate`.
#[track_caller]
fn set_rate(served: &Served, rate: &str) {
    let pid = served.program.program().to_string();
    let output = Command::new(HEAPTRACE).args(["rate", &pid, rate]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn launch(room: &Room, rate: &str) -> Served {
    let launch = room.run("obeys.c").options(["-r", rate, "-o", "out.prof", "--http", ":0"]);
    Served::launch(launch)
}

/// More than a thread allocates before it looks at the rate.
const NOTICE: &str = "churn 300 1024";

#[test]
fn a_dormant_program_is_recorded_from_when_it_is_woken_exactly_at_rate_1() {
    let room = Room::new();
    let mut served = launch(&room, "off");
    served.tell("keep 1000 10000");
    let before = served.get("/debug/pprof/heap").profile();
    assert_eq!(under(&before, "", "alloc_objects"), 0);
    set_rate(&served, "1");
    served.tell(NOTICE);
    let noticed = served.get("/debug/pprof/heap").profile();
    assert!(under(&noticed, "churn", "alloc_objects") <= 300);
    served.tell("keep 50 20");
    set_rate(&served, "off");
    served.tell("keep 5 1000");
    served.tell("drop"); // what was sampled is seen to be freed, though nothing is sampled
    served.program.ask("quit");
    let ended = served.program.wait().well();
    let profile = room.profile("out.prof");
    // With the one that was due when it was switched off.
    assert_eq!((profile.under("keep", "alloc_objects"), profile.under("keep", "alloc_space")), (51, 2000));
    assert_eq!(profile.under("keep", "inuse_objects"), 0);
    let rates = profile.comment("rates");
    assert!(rates.starts_with("off from 0.000s, 1 from ") && rates.contains("s, off from "), "{rates}");
    assert!(!ended.stderr.contains("dormant"), "{}", ended.stderr);
    let report = well(&room, &["report", "out.prof"]);
    assert!(report.contains(&format!("sampled    {rates}, ")), "{report}");
}

#[test]
fn who_was_dormant_to_the_end_is_told_how_to_be_woken() {
    let room = Room::new();
    let ended = room.run("ends.c").options(["-r", "off", "-o", "out.prof"]).args(["return", "0"]).go().well();
    assert!(ended.stderr.contains("was dormant; heaptrace rate PID 64KiB wakes it"), "{}", ended.stderr);
    assert_eq!(room.profile("out.prof").total("alloc_objects"), 0);
    let report = well(&room, &["report", "out.prof"]);
    assert!(report.contains("sampled    off from 0.000s, 0 samples"), "{report}");
    assert!(report.contains("it was dormant; heaptrace rate PID 64KiB wakes"), "{report}");
}

/// Each sample counts for what it stood for at its own rate: at rate 1 exactly, else with the error that
/// the rate has.
#[test]
fn samples_keep_the_weight_of_the_rate_that_they_were_drawn_at() {
    let room = Room::new();
    let mut served = launch(&room, "1");
    served.tell("keep 1000 100");
    set_rate(&served, "4KiB");
    served.tell("churn 20000 1000");
    set_rate(&served, "1");
    served.tell(NOTICE);
    served.tell("keep 500 100");
    let profile = served.get("/debug/pprof/heap").profile();
    assert_eq!(under(&profile, "keep", "inuse_space"), 150_000);
    // p = 1 - e^(-1000/4096) of 20,000: a relative error of sqrt((1 - p) / (20000 p)) = 1.3%.
    let error = (under(&profile, "churn", "alloc_objects") - 20_300).abs();
    assert!(error < 20_300 * 13 / 1000 * 5, "{error}");
    served.tell("drop");
    let dropped = served.get("/debug/pprof/heap").profile();
    assert_eq!(under(&dropped, "keep", "inuse_objects"), 0);
    set_rate(&served, "64KiB");
    let listed = Command::new(HEAPTRACE).arg("ps").output().unwrap();
    assert!(String::from_utf8(listed.stdout).unwrap().contains(" 64KiB "));
    served.program.ask("quit");
}

#[test]
fn a_rate_that_is_none_changes_nothing() {
    let room = Room::new();
    let mut served = launch(&room, "1");
    served.tell("keep 1 1");
    let pid = served.program.program().to_string();
    for rate in ["0", "fast", "2TiB"] {
        let output = Command::new(HEAPTRACE).args(["rate", &pid, rate]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains("such as 64KiB or 1, or off"), "{text}");
    }
    // Only the owner's socket takes commands.
    let Answer { status, .. } = served.get(&format!("/heaptrace/rate?pid={pid}&bytes=off"));
    assert_eq!(status, 404);
    served.tell("keep 1 1");
    assert_eq!(under(&served.get("/debug/pprof/heap").profile(), "keep", "alloc_objects"), 2);
    served.program.ask("quit");
}
