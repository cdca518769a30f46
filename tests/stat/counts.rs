//! Counts that are exactly the program's own.

use std::collections::BTreeMap;

use crate::support::counts::number;
use crate::support::{Counts, Room};

/// What a program said of its processes: for each the calls and bytes of each family.
type Accounts = BTreeMap<i64, BTreeMap<String, (i64, i64)>>;

fn accounts(text: &str) -> Vec<Accounts> {
    // A process tells its numbers once for each program that it was.
    let mut all = vec![Accounts::new()];
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [pid, family, calls, bytes] = words[..] else { panic!("{line}") };
        let (pid, value) = (pid.parse().unwrap(), (calls.parse().unwrap(), bytes.parse().unwrap()));
        let is_new =
            |accounts: &&mut Accounts| accounts.get(&pid).is_none_or(|account| !account.contains_key(family));
        match all.iter_mut().find(is_new) {
            Some(accounts) => {
                accounts.entry(pid).or_default().insert(family.to_owned(), value);
            }
            None => {
                let account = BTreeMap::from([(family.to_owned(), value)]);
                all.push(Accounts::from([(pid, account)]));
            }
        }
    }
    all
}

/// `others` are mallocs that are not the program's own, and their bytes.
#[track_caller]
fn assert_counted(counts: &Counts, accounts: &[Accounts], others: (i64, i64)) {
    for (image, accounts) in accounts.iter().enumerate() {
        for (&pid, account) in accounts {
            let process = counts.processes(pid)[image];
            for (family, &(calls, bytes)) in account {
                match family.as_str() {
                    "frees" => assert_eq!(number(&process["frees"]), calls, "frees of {pid}"),
                    _ => {
                        let of = &process["families"][family];
                        let not_own = if family == "malloc" { others } else { (0, 0) };
                        let counted = (number(&of["calls"]) - not_own.0, number(&of["bytes"]) - not_own.1);
                        assert_eq!(counted, (calls, bytes), "{family} of {pid}");
                    }
                }
            }
        }
    }
}

/// Runs the program that keeps account, and returns what was counted if all is as it says.
#[track_caller]
fn counted(threads: &str, way: &str, status: i32) -> Counts {
    let room = Room::new();
    let ended = room.stat("counted.c").args([threads, way]).go();
    assert_eq!(ended.status(), status, "{ended:?}");
    let (counts, accounts) = (room.counts(), accounts(&ended.text()));
    assert_counted(&counts, &accounts, (0, 0));
    assert!(accounts[0].values().next().unwrap()["malloc"].0 > 500);
    counts
}

#[test]
fn of_one_thread() {
    counted("1", "return", 0);
}

#[test]
fn of_many_threads() {
    counted("8", "_exit", 0);
}

#[test]
fn of_a_program_that_is_killed() {
    let counts = counted("4", "kill", 128 + libc::SIGKILL);
    assert_eq!(counts.all().count(), 1);
}

#[test]
fn of_each_forked_child_by_itself() {
    let counts = counted("2", "fork", 0);
    assert_eq!(counts.all().count(), 4);
    assert_eq!(counts.all().filter(|process| process["is_forked"] == true).count(), 3);
}

#[test]
fn of_each_program_that_a_process_was() {
    let counts = counted("3", "exec", 0);
    assert_eq!(counts.all().filter(|process| process["is_program"] == true).count(), 2);
}

/// The ledger's programs tell of every allocation, but not of what the C library makes for a thread.
#[test]
fn as_the_ledger_says() {
    for source in ["ledger.c", "ledger_threads.c", "ledger_short_threads.c"] {
        let room = Room::new();
        let ledger = room.stat(source).go().well().ledger();
        let sum = |index: usize| ledger.0.values().map(|values| values[index]).sum::<i64>();
        let (counts, own) = (room.counts(), source == "ledger.c");
        let threads = if own { (0, 0) } else { counts.family("calloc") };
        assert_eq!(counts.number("allocs"), sum(0) + threads.0, "{source}");
        assert_eq!(counts.number("bytes"), sum(1) + threads.1, "{source}");
        let frees = counts.number("frees") - (sum(0) - sum(2));
        assert!((0..=threads.0).contains(&frees), "{source}: {frees}");
    }
}

#[test]
fn thousands_of_short_threads_take_little_memory() {
    let room = Room::new();
    room.stat("ledger_short_threads.c").go().well();
    let process = &room.counts().0["processes"][0];
    // A step for each slot but one: 4,000 threads have shared this few.
    assert!(number(&process["peak_within_bytes"]) < 64 * 64 * 1024, "{process}");
}

#[test]
fn what_is_in_use_at_the_end_and_at_the_peak_is_exact_for_one_thread() {
    let room = Room::new();
    let text = room.stat("usable.c").go().well().text();
    let counts = room.counts();
    let counted = format!("{} {}\n", counts.number("inuse_bytes"), counts.number("peak_bytes"));
    assert_eq!(counted, text);
    assert_eq!(number(&counts.0["processes"][0]["peak_within_bytes"]), 0);
}

#[test]
fn with_other_allocators_too() {
    for library in ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"] {
        let room = Room::new();
        let run = |source: &str, arguments: &[&str]| {
            let ended = room.stat(source).args(arguments).env("LD_PRELOAD", library).go();
            assert!(!ended.stderr.contains("cannot be preloaded"), "{ended:?}");
            (ended.text(), room.counts())
        };
        // What the libraries themselves have in use is what there is in a program that asks for nothing.
        let (_, others) = run("allocates.c", &["0"]);
        let (told, counts) = run("counted.c", &["4", "kill"]);
        assert_counted(&counts, &accounts(&told), others.family("malloc"));
        let (told, counts) = run("usable.c", &[]);
        let own = counts.number("inuse_bytes") - others.number("inuse_bytes");
        assert_eq!(Some(own.to_string().as_str()), told.split(' ').next(), "{library}");
    }
}

#[test]
fn failures_and_requests_for_nothing_are_counted() {
    let room = Room::new();
    room.stat("ledger.c").go().well();
    let counts = room.counts();
    // One malloc, two callocs, two reallocs and a reallocarray that fail, then another realloc; of the aligned
    // ones two posix_memaligns and a memalign. Four ask for nothing.
    let of = |family: &str| number(&counts.0["processes"][0]["families"][family]["failures"]);
    let failures = ["malloc", "calloc", "realloc", "aligned"].map(of);
    assert_eq!((failures, counts.number("zero_sizes")), ([1, 2, 4, 3], 4));
    let moved = counts.number("reallocs_moved");
    let in_place = number(&counts.0["processes"][0]["reallocs_in_place"]);
    assert!(in_place >= 3 && moved > 0, "{in_place} {moved}");
    let sizes = counts.0["processes"][0]["sizes"].as_array().unwrap();
    assert_eq!(sizes.iter().map(number).sum::<i64>(), counts.number("allocs"));
}
