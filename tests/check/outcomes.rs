//! Within, over, undecided, failed.

use crate::desk::Desk;

const MAIN: &[&str] = &["render", "handle", "main"];
const OTHER: &[&str] = &["parse", "main"];

#[test]
fn an_exact_profile_is_within_or_over_to_the_last_byte_and_says_by_how_much_and_where() {
    let desk = Desk::new();
    desk.profile("p", 1, &[(MAIN, 100, 10, 1), (OTHER, 50, 3, 0)]);
    for (limits, status, says) in [
        ("bytes = 1150", 0, "within     bytes: 1,150 B of 1,150 B allowed"),
        ("bytes = 1149", 3, "over       bytes: 1,150 B of 1,149 B allowed, 1 B too much"),
        ("allocs = 13", 0, "within     allocs: 13 of 13 allowed"),
        ("allocs = 12", 3, "over       allocs: 13 of 12 allowed, 1 too much"),
        ("leaked = 99", 3, "over       leaked: 100 B of 99 B allowed, 1 B too much"),
        ("peak = \"1KiB\"", 3, "over       peak: 1,150 B of 1,024 B allowed, 126 B too much"),
    ] {
        desk.budgets(&format!("[total]\n{limits}\n"));
        let checked = desk.check(["p"]);
        assert_eq!(checked.status, status, "{limits}: {checked:?}");
        assert!(checked.out.starts_with(&format!("{says}\n")), "{checked:?}");
        let site = checked.out.contains("render at src/app.c:7");
        assert_eq!(site, status == 3, "{checked:?}");
    }
}

#[test]
fn a_function_counts_with_all_that_it_calls_and_by_its_name_alone() {
    let desk = Desk::new();
    desk.profile("p", 1, &[(MAIN, 100, 10, 1), (OTHER, 50, 3, 0)]);
    for (function, status) in [
        ("name = \"^handle$\"\nallocs = 10", 0),
        ("name = \"^handle$\"\nallocs = 9", 3),
        ("name = \"^(handle|parse)$\"\nallocs = 12", 3),
        ("name = \"app.c|prog\"\nallocs = 0", 0),
        ("name = \"^parse$\"\nmust-not-allocate = true", 3),
        ("name = \"^never_called$\"\nmust-not-allocate = true", 0),
    ] {
        desk.budgets(&format!("[[function]]\n{function}\nreason = \"ticket 7\"\n"));
        let checked = desk.check(["p"]);
        assert_eq!(checked.status, status, "{function}: {checked:?}");
        assert_eq!(checked.out.contains("ticket 7"), status == 3);
    }
}

#[test]
fn each_stack_is_held_against_the_limit_and_only_those_beyond_it_are_told() {
    let desk = Desk::new();
    desk.profile("p", 1, &[(MAIN, 100, 10, 10), (OTHER, 50, 3, 1)]);
    desk.budgets("[each-stack]\nleaked = 60\n");
    let checked = desk.check(["p"]);
    assert_eq!(checked.status, 3);
    assert!(checked.out.contains("leaked of stack render ← handle ← main: 1,000 B of 60 B"), "{checked:?}");
    assert!(!checked.out.contains("parse"), "{checked:?}");
    desk.budgets("[each-stack]\nleaked = 1000\n");
    assert_eq!(desk.check(["p"]).status, 0);
}

#[test]
fn limits_against_a_baseline_are_of_what_that_has() {
    let desk = Desk::new();
    desk.profile("old", 1, &[(MAIN, 100, 100, 0), (OTHER, 50, 4, 4)]);
    desk.profile("new", 1, &[(MAIN, 100, 104, 0), (OTHER, 50, 4, 4)]);
    for (budgets, status) in [
        ("[total]\nallocs = \"+0\"", 3),
        ("[total]\nallocs = \"+4\"", 0),
        ("[total]\nallocs = \"+4%\"", 0),
        ("[total]\nallocs = \"+3%\"", 3),
        ("[total]\nbytes = \"+400B\"", 0),
        ("[total]\nbytes = \"-1%\"", 3),
        ("[[function]]\nname = \"^parse$\"\nallocs = \"+0\"", 0),
        ("[each-stack]\nbytes = \"+0%\"", 3),
        ("[each-stack]\nleaked = \"+0%\"", 0),
    ] {
        desk.budgets(&format!("baseline = \"old\"\n{budgets}\n"));
        let checked = desk.check(["new"]);
        assert_eq!(checked.status, status, "{budgets}: {checked:?}");
        if status == 3 {
            assert!(
                checked.out.contains("the baseline has") && checked.out.contains("render"),
                "{checked:?}"
            );
        }
        desk.budgets(&format!("{budgets}\n"));
        assert_eq!(desk.check(["--baseline", "old", "new"]).status, status, "{budgets}");
        assert!(desk.check(["new"]).failure().contains("needs a baseline"));
    }
}

#[test]
fn a_sample_fails_beyond_its_interval_passes_below_it_and_is_undecided_within() {
    let desk = Desk::new();
    // 400 samples of 4 KiB at 512 KiB: some 200 MiB, with an interval of 10%.
    desk.profile("p", 512 << 10, &[(MAIN, 4096, 400, 400)]);
    for (limit, status) in [("150MiB", 3), ("190MiB", 4), ("210MiB", 4), ("250MiB", 0)] {
        desk.budgets(&format!("[total]\nbytes = \"{limit}\"\n"));
        let checked = desk.check(["p"]);
        assert_eq!(checked.status, status, "{limit}: {checked:?}");
        let advice = checked.out.split_once("; --rate ").map(|(_, rest)| rest.split(' ').next().unwrap());
        assert_eq!(advice.is_some(), status == 4, "{checked:?}");
        if let Some(rate) = advice {
            let rate: i64 = rate.strip_suffix("KiB").unwrap().parse::<i64>().unwrap() << 10;
            // The same bytes at that rate are decided.
            let blocks = 200_700_000.0 * 1.0467 * (1.0 - (-4096.0 / rate as f64).exp()) / 4096.0;
            desk.profile("finer", rate, &[(MAIN, 4096, blocks as i64, 0)]);
            let status = desk.check(["finer"]).status;
            assert_eq!(status, if limit == "190MiB" { 3 } else { 0 }, "{limit} at {rate}");
        }
    }
}

#[test]
fn what_no_sample_shows_is_not_known_to_be_nothing() {
    let desk = Desk::new();
    desk.profile("p", 512 << 10, &[(MAIN, 4096, 400, 0)]);
    desk.budgets("[[function]]\nname = \"^quiet$\"\nmust-not-allocate = true\n");
    let checked = desk.check(["p"]);
    assert_eq!(checked.status, 4);
    assert!(checked.out.contains("--rate 1 would decide it"), "{checked:?}");
    desk.budgets("[total]\nleaked = \"2MiB\"\n");
    assert_eq!(desk.check(["p"]).status, 0, "of 2 MiB some sample would show");
}

#[test]
fn lost_samples_leave_it_undecided() {
    let desk = Desk::new();
    let mut builder = crate::desk::profile(1, &[(MAIN, 100, 10, 0)]);
    builder.comment("samples: 10");
    builder.comment("lost_samples: 5");
    desk.write("p", builder.encode());
    desk.budgets("[total]\nallocs = 12\n");
    let checked = desk.check(["p"]);
    assert_eq!(checked.status, 4);
    assert!(checked.out.contains("samples were lost, so there may be more"), "{checked:?}");
    desk.budgets("[total]\nallocs = 9\n");
    assert_eq!(desk.check(["p"]).status, 3);
}

#[test]
fn several_profiles_are_added_up_unless_their_rates_differ() {
    let desk = Desk::new();
    desk.profile("a", 1, &[(MAIN, 100, 10, 0)]);
    desk.profile("b", 1, &[(OTHER, 100, 5, 0)]);
    desk.profile("c", 4096, &[(OTHER, 100, 5, 0)]);
    desk.budgets("[total]\nallocs = 15\n");
    assert_eq!(desk.check(["a", "b"]).status, 0);
    desk.budgets("[total]\nallocs = 14\n");
    assert_eq!(desk.check(["a", "b"]).status, 3);
    assert!(desk.check(["a", "c"]).failure().contains("different rates"));
}

#[test]
fn what_cannot_be_judged_is_a_failure_of_heaptrace_with_one_line_that_says_why() {
    let desk = Desk::new();
    desk.profile("p", 1, &[(MAIN, 100, 10, 0)]);
    desk.profile("empty", 1, &[]);
    let mut cpu = crate::builder::Builder::new(&[("cpu", "nanoseconds")]);
    cpu.sample(&[], &[1]);
    desk.write("cpu", cpu.encode());
    assert!(desk.check(["p"]).failure().contains("there is no heaptrace.toml; heaptrace check --update"));
    desk.budgets("[total]\nallocs = 15\n");
    assert!(desk.check(["absent"]).failure().contains("absent"));
    assert!(desk.check(["heaptrace.toml"]).failure().contains("heaptrace.toml"));
    assert!(desk.check(["empty"]).failure().contains("nothing was measured"));
    assert!(desk.check(["cpu"]).failure().contains("the profile has no alloc_objects, only cpu"));
    assert!(desk.check(["--format", "yaml", "p"]).failure().contains("yaml"));
    assert!(desk.check::<&str>([]).failure().contains("FILE"));
    assert!(desk.check(["--rate", "0", "--", "true"]).failure().contains("use a number of bytes from 1"));
    assert!(desk.check(["--rate", "1", "p"]).failure().contains("cannot be used with"));
    assert!(
        desk.check(["--budgets", "/dev/zero", "p"]).failure().contains("too large to be a file of budgets")
    );
    desk.budgets("# nothing\n");
    assert!(desk.check(["p"]).failure().contains("has no budget"));
    desk.budgets("[total]\npeek = 1\n");
    assert!(desk.check(["p"]).failure().starts_with("heaptrace.toml:2: unknown key `peek`, expected one of"));
    desk.budgets("suppressions = [\"absent.supp\"]\n[total]\nleaked = 1\n");
    assert!(desk.check(["p"]).failure().contains("absent.supp"));
}
