//! What does not count as leaked.

use crate::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.profile("p", 1, &[(&["cache", "main"], 100, 10, 1), (&["parse", "main"], 50, 3, 1)]);
    desk
}

#[test]
fn a_suppressed_leak_does_not_count_but_its_allocations_do() {
    let desk = desk();
    for (leak, status) in [("cache", 0), ("^ca*e$", 0), ("src/app.c", 0), ("/opt/app/prog", 0), ("^cach$", 3)]
    {
        desk.budgets(&format!(
            "[total]\nleaked = 50\n[[suppress]]\nleak = \"{leak}\"\nexpires = 9999-12-31\n"
        ));
        assert_eq!(desk.check(["p"]).status, status, "{leak}");
    }
    desk.budgets("[total]\nallocs = 3\n[[suppress]]\nleak = \"cache\"\n");
    assert_eq!(desk.check(["p"]).status, 3);
}

#[test]
fn unused_and_expired_ones_are_told_and_expired_ones_count_no_more() {
    let desk = desk();
    desk.write("lsan.supp", "# shared\n\nleak:cache expires=2001-01-01\nleak:nowhere\nleak:parse\n");
    desk.budgets("suppressions = [\"lsan.supp\"]\n[total]\nleaked = 99\n");
    let checked = desk.check(["p"]);
    assert_eq!(checked.status, 3);
    assert!(checked.out.contains("lsan.supp:3: leak:cache has expired"), "{checked:?}");
    assert!(checked.out.contains("lsan.supp:4: leak:nowhere matches nothing"), "{checked:?}");
    assert!(!checked.out.contains("lsan.supp:5"), "{checked:?}");
    assert!(checked.out.contains("not counted as leaked: 50 B"), "{checked:?}");
}

#[test]
fn what_is_no_suppression_is_refused_with_its_line() {
    let desk = desk();
    desk.budgets("suppressions = [\"lsan.supp\"]\n[total]\nleaked = 99\n");
    for (line, says) in [
        ("race:x", "is no suppression; write leak:PATTERN"),
        ("leak:*", "matches everything"),
        ("leak:x expires=tomorrow", "is no date"),
    ] {
        desk.write("lsan.supp", format!("\n{line}\n"));
        let checked = desk.check(["p"]);
        let failure = checked.failure();
        assert!(failure.starts_with("./lsan.supp:2: ") || failure.starts_with("lsan.supp:2: "), "{failure}");
        assert!(failure.contains(says), "{failure}");
    }
}
