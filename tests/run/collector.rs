//! Whatever becomes of the collector, the program goes on as if nothing had been.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::support::{Ended, Profile, Room, signal_process};

fn let_go(room: &Room) {
    fs::write(room.path("go"), "").unwrap();
}

#[test]
fn a_program_whose_collector_is_killed_is_unharmed() {
    let room = Room::new();
    let mut running = room.run("phases.c").spawn();
    assert_eq!(running.read_line(), "ready");
    signal_process(running.collector(), libc::SIGKILL);
    let_go(&room);
    let ended = running.wait();
    assert_eq!(ended.status(), 3, "{ended:?}");
    assert_eq!(ended.ledger().0["second_phase"][0], 2000);
    let said = ended.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("the collector was ended by signal 9"), "{said:?}");
    assert!(!room.path("out.prof").exists());
}

#[test]
fn a_program_that_outruns_a_dead_collector_is_unharmed() {
    let room = Room::new();
    let mut running = room.run("phases.c").args(["300"]).spawn();
    assert_eq!(running.read_line(), "ready");
    signal_process(running.collector(), libc::SIGKILL);
    let_go(&room);
    let ended = running.wait();
    assert_eq!(ended.status(), 3, "{ended:?}");
    assert_eq!(ended.ledger().0["second_phase"][0], 600_000);
}

#[test]
fn a_collector_that_was_stopped_for_a_while_misses_nothing_that_fits() {
    let room = Room::new();
    let mut running = room.run("phases.c").option("-q").spawn();
    assert_eq!(running.read_line(), "ready");
    let collector = running.collector();
    signal_process(collector, libc::SIGSTOP);
    let_go(&room);
    thread::sleep(Duration::from_millis(500));
    signal_process(collector, libc::SIGCONT);
    let ended = running.wait();
    assert_eq!(ended.status(), 3, "{ended:?}");
    ended.ledger().assert_equals(&room.profile("out.prof"));
}

/// 600,000 blocks are more than fit: the program does not wait for long, what is lost is counted,
/// and what was freed is not in use, lost or not.
#[test]
fn a_collector_that_was_stopped_for_long_counts_what_it_missed_and_shows_no_leak() {
    let room = Room::new();
    let mut running = room.run("phases.c").args(["1500"]).option("-q").spawn();
    assert_eq!(running.read_line(), "ready");
    let collector = running.collector();
    signal_process(collector, libc::SIGSTOP);
    let_go(&room);
    thread::sleep(Duration::from_secs(3));
    signal_process(collector, libc::SIGCONT);
    let ended = running.wait();
    assert_eq!(ended.status(), 3, "{ended:?}");
    let profile = room.profile("out.prof");
    let recorded = profile.under("main", "alloc_objects");
    let (lost, lost_frees) = (profile.count("lost_samples"), profile.count("lost_frees"));
    println!("{recorded} recorded, {lost} lost, and {lost_frees} frees");
    assert_eq!(recorded + lost, 1500 * 4000, "each block is recorded or counted as lost");
    for function in ["first_phase", "second_phase"] {
        assert_eq!(profile.under(function, "inuse_objects"), 0, "{function}");
        assert_eq!(profile.under(function, "inuse_space"), 0, "{function}");
    }
    if lost > 0 {
        assert!(ended.stderr.contains("lost"), "{ended:?}");
    }
}

/// More processes at a time than descriptors for them.
fn crowd(room: &Room, soft: libc::rlim_t, hard: Option<libc::rlim_t>) -> Ended {
    const CROWD: &str = "for i in $(seq 40); do sleep 1 & done; wait; echo done";
    let launch = room.run_path("/bin/sh").args(["-c", CROWD]);
    let ended = launch.before_exec(move || {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both calls get a limit of this function's own.
        unsafe {
            libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
            let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard.unwrap_or(limit.rlim_max) };
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    });
    let ended = ended.go().well();
    assert_eq!(ended.text(), "done\n");
    ended
}

#[test]
fn a_low_soft_limit_of_open_files_is_no_limit_for_the_collector() {
    let room = Room::new();
    crowd(&room, 48, None);
    assert_eq!(room.profiles("out.sleep.").len(), 40, "{:?}", room.files());
}

#[test]
fn what_exceeds_the_hard_limit_of_open_files_is_named_and_the_rest_is_complete() {
    let room = Room::new();
    let ended = crowd(&room, 48, Some(60));
    let refused = ended.said().iter().filter(|line| line.contains("ulimit -Hn")).count();
    let profiles = room.profiles("out.sleep.");
    assert!(refused > 0 && !profiles.is_empty(), "{ended:?}");
    assert_eq!(profiles.len() + refused, 40, "{ended:?}");
    profiles.iter().for_each(Profile::assert_complete);
}

/// Anything may come of the profile, but the program runs as it would, and `heaptrace run` ends.
#[test]
fn stray_writes_into_the_shared_memory_hold_nobody_up() {
    // The header, and the words of the rings, which are behind the slots of the processes.
    let rings = 2 * 4096 + 4096 * 64;
    let offsets = (0..256).chain(rings..rings + 256).step_by(8);
    let header = offsets.map(|offset| vec![offset.to_string(), "0xffffffffffffffff".to_owned()]);
    let random = (0..16).map(|seed| vec!["random".to_owned(), seed.to_string()]);
    let damaged = header.chain(random).filter(|arguments| {
        let room = Room::new();
        let ended = room.run("stray_writes.c").args(arguments).option("-q").go();
        assert_eq!(ended.status(), 4, "{arguments:?}: {ended:?}");
        assert!(room.path("out.prof").exists(), "{arguments:?}: {ended:?}");
        ended.stderr.contains("wrote over")
    });
    assert!(damaged.count() > 0, "nobody was told");
}
