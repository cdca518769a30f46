//! `heaptrace check -- PROGRAM`.

use std::fs;

use crate::desk::Desk;
use crate::support::program;

fn spends() -> String {
    program("spends.c").to_str().unwrap().to_owned()
}

#[test]
fn a_run_is_judged_exactly_and_the_program_s_output_is_its_own() {
    let (desk, spends) = (Desk::new(), spends());
    desk.budgets("[[function]]\nname = \"^spend$\"\nallocs = 500\n[total]\nleaked = 0\n");
    let within = desk.check(["--", &spends, "500", "0"]);
    assert_eq!((within.status, within.out.as_str()), (0, "spent\n"), "{within:?}");
    assert!(within.err.lines().all(|line| line.starts_with("heaptrace: ")), "{within:?}");
    assert!(within.err.contains("allocs of function ^spend$: 500 of 500 allowed"), "{within:?}");
    let over = desk.check(["--", &spends, "501", "4000"]);
    assert_eq!((over.status, over.out.as_str()), (3, "spent\n"), "{over:?}");
    assert!(over.err.contains("501 of 500 allowed, 1 too much"), "{over:?}");
    assert!(over.err.contains("leaked: 4,000 B of 0 B allowed"), "{over:?}");
    let left = fs::read_dir(desk.path("")).unwrap().count();
    assert_eq!(left, 1, "no profile is left but where one is wanted");
}

#[test]
fn the_verdict_goes_to_a_file_and_the_profile_is_kept_if_that_is_wanted() {
    let (desk, spends) = (Desk::new(), spends());
    desk.budgets("[total]\nallocs = 1\n");
    let checked =
        desk.check(["-o", "v.json", "-f", "json", "--profile", "kept.prof", "--", &spends, "9", "0"]);
    assert_eq!((checked.status, checked.out.as_str()), (3, "spent\n"));
    assert_eq!(checked.err, "heaptrace: 1 budget over, 0 within\n");
    let verdict: serde_json::Value = serde_json::from_str(&desk.read("v.json")).unwrap();
    assert_eq!(verdict["outcome"], "over");
    assert_eq!(desk.check(["kept.prof"]).status, 3);
}

#[test]
fn a_program_that_fails_is_not_judged_and_passes_its_status_on() {
    let (desk, spends) = (Desk::new(), spends());
    desk.budgets("[total]\nallocs = 1\n");
    let failed = desk.check(["--", &spends, "500", "0", "7"]);
    assert_eq!(failed.status, 7, "{failed:?}");
    assert_eq!(failed.err, "heaptrace: the program failed with status 7, so it was not judged\n");
    assert_eq!(desk.check(["--", "/nonexistent"]).status, 127);
    assert_eq!(desk.check(["--", "/etc/passwd"]).status, 126);
}

#[test]
fn a_program_that_cannot_be_profiled_does_not_pass() {
    let desk = Desk::new();
    desk.budgets("[total]\nallocs = 1000\n");
    let own = program("own_malloc_only.c");
    let checked = desk.check(["--", own.to_str().unwrap()]);
    assert_eq!(checked.status, 125, "{checked:?}");
    assert!(checked.err.contains("was not profiled, so there is nothing to judge"), "{checked:?}");
}

#[test]
fn a_started_program_that_cannot_be_profiled_is_told_as_not_counted() {
    let (desk, spends, own) = (Desk::new(), spends(), program("own_malloc_only.c"));
    desk.budgets("[[function]]\nname = \"^spend$\"\nallocs = 9\n");
    let checked = desk.check(["--", "sh", "-c", &format!("{}; {spends} 9 0", own.display())]);
    assert_eq!(checked.status, 0, "{checked:?}");
    assert!(checked.err.contains("not counted: 1 process that could not be profiled"), "{checked:?}");
}

#[test]
fn a_sampled_run_says_which_rate_would_decide_and_that_does() {
    let (desk, spends) = (Desk::new(), spends());
    desk.budgets("[total]\nleaked = \"1MiB\"\n");
    let sampled = desk.check(["--rate", "512KiB", "--", &spends, "10", "4000"]);
    assert_eq!(sampled.status, 4, "{sampled:?}");
    let rate = sampled.err.split_once("--rate ").unwrap().1.split(' ').next().unwrap();
    let decided = desk.check(["--rate", rate, "--", &spends, "10", "4000"]);
    assert_eq!(decided.status, 0, "{decided:?}");
}

#[test]
fn limits_can_be_relative_to_another_program() {
    let (desk, spends) = (Desk::new(), spends());
    // The same program by a script that makes it allocate less.
    desk.write("old", format!("#!/bin/sh\nexec {spends} 100 $2\n"));
    let mut permissions = fs::metadata(desk.path("old")).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(desk.path("old"), permissions).unwrap();
    desk.budgets("[[function]]\nname = \"^spend$\"\nallocs = \"+10%\"\n");
    let check = |count| desk.check(["--vs", "./old", "--", &spends, count, "0"]);
    let (within, over) = (check("110"), check("111"));
    assert_eq!((within.status, within.out.as_str()), (0, "spent\n"), "{within:?}");
    assert_eq!(over.status, 3, "{over:?}");
    assert!(over.err.contains("111 of 110 allowed (the baseline has 100), 1 too much"), "{over:?}");
    let failed = desk.check(["--vs", "/nonexistent", "--", &spends, "1", "0"]);
    assert_eq!(failed.status, 125, "{failed:?}");
}

#[test]
fn started_processes_count_unless_they_are_not_wanted() {
    let (desk, spends) = (Desk::new(), spends());
    desk.budgets("[[function]]\nname = \"^spend$\"\nallocs = 300\n");
    let script = format!("{spends} 100 0; {spends} 200 0");
    let all = desk.check(["--", "sh", "-c", &script]);
    assert_eq!(all.status, 0, "{all:?}");
    assert!(all.err.contains("300 of 300 allowed"), "{all:?}");
    let alone = desk.check(["--children", "none", "--", "sh", "-c", &script]);
    assert!(alone.err.contains("0 of 300 allowed"), "{alone:?}");
}

#[test]
fn a_run_can_be_updated_from_and_self_tested() {
    let (desk, spends) = (Desk::new(), spends());
    assert_eq!(desk.check(["--update", "--", &spends, "500", "100"]).status, 0);
    assert_eq!(desk.check(["--", &spends, "500", "100"]).status, 0);
    assert_eq!(desk.check(["--", &spends, "501", "100"]).status, 3);
    assert_eq!(desk.check(["--", &spends, "500", "101"]).status, 3);
    let tested = desk.check(["--self-test", "--", &spends, "500", "100"]);
    assert_eq!((tested.status, tested.out.as_str()), (0, "spent\n"), "{tested:?}");
}
