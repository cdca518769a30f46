//! Programs that do anything at random, and are killed at any moment: each process keeps a ledger of its own,
//! and its profile has to equal it. `scripts/chaos` runs more of all, and for longer, than fits here.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::{Ledger, PATIENCE, Profile, Room, program, signal_process};

const COUNTS: [&str; 4] = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];
const ALLOCATORS: [&str; 4] = ["", "libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"];

/// How many of something are tried: as many as the environment says, or else as many as fit.
fn count(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

/// Process id and number of the image, by which a profile and a ledger belong together.
fn identity(profile: &Profile) -> (String, String) {
    let image = profile.comment("command").split(' ').nth(2).unwrap().to_owned();
    (profile.comment("pid").to_owned(), image)
}

/// Runs the program with a seed; each process that left a ledger has a profile that equals it.
#[track_caller]
fn assert_equal(seed: u64, allocator: &str) {
    let room = Room::new();
    let plugins = ["plugin_first.c", "plugin_other.c"].map(program);
    let launch = room.run("chaos.c").args([&seed.to_string(), "0"]).args(plugins);
    let launch = if allocator.is_empty() { launch } else { launch.env("LD_PRELOAD", allocator) };
    let ended = launch.go();
    assert!([0, 137].contains(&ended.status()), "seed {seed}, {allocator}: {ended:?}");
    let profiles: HashMap<_, _> =
        room.profiles("out.").into_iter().map(|profile| (identity(&profile), profile)).collect();
    let names = room.files().into_iter().filter(|name| name.ends_with(".ledger"));
    let ledgers: Vec<_> = names.collect();
    assert!(!ledgers.is_empty(), "seed {seed}, {allocator}: {ended:?}");
    for name in ledgers {
        let [pid, image, _] = name.split('.').collect::<Vec<_>>()[..] else { panic!("{name}") };
        let profile = profiles.get(&(pid.to_owned(), image.to_owned()));
        let profile = profile.unwrap_or_else(|| panic!("seed {seed}, {allocator}: none of {name}"));
        println!("seed {seed}, allocator {allocator:?}, {name}, {}", profile.path.display());
        let ledger = Ledger::parse(&fs::read_to_string(room.path(&name)).unwrap());
        ledger.assert_equals_in(profile, &COUNTS);
        profile.assert_complete();
    }
}

#[test]
fn whatever_processes_do_their_profiles_equal_their_ledgers() {
    for seed in 1..=count("HEAPTRACE_CHAOS_SEEDS", 12) {
        assert_equal(seed, ALLOCATORS[seed as usize % ALLOCATORS.len()]);
    }
}

/// Threads of soak.c at once: the C library allocates once for each, which is in no ledger.
const THREADS: i64 = 200;

#[test]
fn threads_that_come_and_go_by_the_hundred_are_counted_exactly() {
    let seconds = count("HEAPTRACE_CHAOS_SOAK", 0);
    let room = Room::new();
    let running = room.run("soak.c").args([&seconds.to_string()]).spawn();
    let ended = running.wait_within(PATIENCE + Duration::from_secs(seconds)).well();
    let profile = room.profile("out.prof");
    let ledger = ended.ledger();
    ledger.assert_equals_in(&profile, &["inuse_objects", "inuse_space"]);
    profile.assert_rooted();
    // Where the collector gets no processor for long enough, allocations are lost, and each is told of.
    let [samples, lost] = ["samples", "lost_samples"].map(|name| profile.count(name));
    let missing = ledger.0.iter().map(|(name, values)| values[0] - profile.under(name, "alloc_objects"));
    let missing: Vec<_> = missing.collect();
    assert!(missing.iter().all(|&count| count >= 0), "{missing:?}");
    let others = lost - missing.iter().sum::<i64>();
    assert!((0..=THREADS).contains(&others), "{missing:?}, and {lost} lost");
    let threads = ended.text().lines().find_map(|line| line.strip_prefix("main threads ")?.parse().ok());
    println!("{} threads, {samples} allocations and {lost} lost: the ledger's", threads.unwrap_or(0_u64));
}

/// What a killed program had begun and done: allocations and frees of its threads.
fn counts(path: &Path) -> [i64; 4] {
    let bytes = fs::read(path).unwrap();
    let word = |at: usize| i64::from_ne_bytes(bytes[8 * at..8 * at + 8].try_into().unwrap());
    [0, 1, 2, 3].map(|at| word(at) + word(at + 4))
}

#[test]
fn a_program_that_is_killed_at_any_moment_has_all_up_to_then() {
    for round in 0..count("HEAPTRACE_CHAOS_KILLS", 24) {
        let room = Room::new();
        let mut running = room.run("counts.c").args(["counts"]).spawn();
        assert_eq!(running.read_line(), "ready");
        std::thread::sleep(Duration::from_micros(round * 7919 % 20_011));
        signal_process(running.program(), libc::SIGKILL);
        assert_eq!(running.wait().status(), 137);
        let profile = room.profile("out.prof");
        let [allocations_begun, allocations_done, frees_begun, frees_done] = counts(&room.path("counts"));
        let allocated = profile.under("allocates", "alloc_objects") + profile.count("lost_samples");
        let in_use = profile.under("allocates", "inuse_objects");
        let message = format!("round {round}: {allocated} allocated, {in_use} in use");
        assert!((allocations_done..=allocations_begun).contains(&allocated), "{message}");
        let possible = allocations_done - frees_begun..=allocations_begun - frees_done;
        assert!(possible.contains(&in_use), "{message}, but {possible:?}");
    }
}
