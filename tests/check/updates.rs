//! `--update` and `--self-test`.

use crate::desk::Desk;

const MAIN: &[&str] = &["render", "handle", "main"];

#[test]
fn a_first_file_is_written_explains_itself_and_is_kept() {
    let desk = Desk::new();
    desk.profile("p", 1, &[(MAIN, 1000, 1200, 3)]);
    let updated = desk.check(["--update", "p"]);
    assert_eq!((updated.status, updated.out.as_str()), (0, ""));
    assert_eq!(updated.err, "heaptrace: heaptrace.toml: 4 limits as measured\n");
    let text = desk.read("heaptrace.toml");
    for line in [
        "allocs = 1200  # number of allocations",
        "leaked = 3000  # bytes in use at the end",
        "# [[function]]",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(desk.check(["p"]).status, 0);
    desk.profile("more", 1, &[(MAIN, 1000, 1201, 3)]);
    assert_eq!(desk.check(["more"]).status, 3);
}

#[test]
fn limits_are_rewritten_and_comments_stay() {
    let desk = Desk::new();
    desk.profile("p", 1, &[(MAIN, 1000, 1200, 3)]);
    desk.budgets(
        "# ours\n[total] # all\nallocs = 7 # few\nbytes=1\n\n[[function]]\nname = '^handle$' # slow\nallocs = 1\n\
         must-not-allocate = true\n[each-stack]\nleaked = 0\n# end\n",
    );
    assert_eq!(desk.check(["--update", "--headroom", "10", "p"]).status, 0);
    assert_eq!(
        desk.read("heaptrace.toml"),
        "# ours\n[total] # all\nallocs = 1320 # few\nbytes=\"1290KiB\"  # bytes allocated in all\n\n[[function]]\n\
         name = '^handle$' # slow\nallocs = 1320  # number of allocations\nmust-not-allocate = true\n\
         [each-stack]\nleaked = 3300  # bytes in use at the end\n# end\n"
    );
}

#[test]
fn of_a_sample_the_upper_end_of_the_interval_is_allowed() {
    let desk = Desk::new();
    desk.profile("p", 512 << 10, &[(MAIN, 4096, 400, 0)]);
    assert_eq!(desk.check(["--update", "p"]).status, 0);
    let text = desk.read("heaptrace.toml");
    assert!(text.contains("rate 512KiB: the upper ends of 95% intervals"), "{text}");
    assert_eq!(desk.check(["p"]).status, 0, "{text}");
}

#[test]
fn relative_limits_stay_and_the_baseline_is_written_anew() {
    let desk = Desk::new();
    desk.profile("old", 1, &[(MAIN, 100, 100, 0)]);
    desk.profile("new", 1, &[(MAIN, 100, 150, 0)]);
    let budgets = "baseline = \"old\"\n[total]\nallocs = \"+0%\"\n";
    desk.budgets(budgets);
    assert_eq!(desk.check(["new"]).status, 3);
    assert_eq!(desk.check(["--update", "new"]).status, 0);
    assert_eq!(desk.read("heaptrace.toml"), budgets);
    assert_eq!(desk.check(["new"]).status, 0);
}

#[test]
fn a_file_that_cannot_be_understood_is_left_alone() {
    let desk = Desk::new();
    desk.profile("p", 1, &[(MAIN, 1000, 1200, 3)]);
    desk.budgets("[total]\nallocs = \"lots\"\n");
    assert!(desk.check(["--update", "p"]).failure().starts_with("heaptrace.toml:2: \"lots\" is no limit"));
    assert_eq!(desk.read("heaptrace.toml"), "[total]\nallocs = \"lots\"\n");
}

#[test]
fn a_gate_that_can_shut_passes_the_self_test() {
    let desk = Desk::new();
    for rate in [1, 512 << 10] {
        desk.profile("p", rate, &[(MAIN, 4096, 100, 3)]);
        for budgets in [
            "[total]\nallocs = 100_000\nleaked = \"64MiB\"\n",
            "[total]\npeak = \"1GiB\"\nleaked = \"64MiB\"\n",
            "[each-stack]\nbytes = \"1GiB\"\nleaked = \"64MiB\"\n",
        ] {
            desk.budgets(budgets);
            let tested = desk.check(["--self-test", "p"]);
            assert_eq!(tested.status, 0, "{budgets}: {tested:?}");
            assert_eq!(tested.err.matches("was added, and is over budget: ").count(), 2, "{tested:?}");
        }
    }
}

#[test]
fn a_gate_that_would_stay_open_fails_it() {
    let desk = Desk::new();
    desk.profile("p", 1, &[(MAIN, 4096, 100, 3)]);
    for (budgets, what) in [
        ("[total]\nallocs = 1000\n", "a leak was added, and no budget notices it"),
        ("[total]\nleaked = 100_000\n", "an allocation was added, and no budget notices it"),
        (
            "[[function]]\nname = \"render\"\nallocs = 200\nleaked = 100_000\n",
            "a leak was added, and no budget",
        ),
        (
            "[total]\nallocs = 1000\nleaked = 100_000\n[[suppress]]\nleak = \"heaptrace\"\n",
            "a leak was added, and no",
        ),
    ] {
        desk.budgets(budgets);
        let tested = desk.check(["--self-test", "p"]);
        assert_eq!(tested.status, 3, "{budgets}: {tested:?}");
        assert!(tested.err.contains(what), "{budgets}: {tested:?}");
    }
}
