//! What the library takes of a program's memory, and what it does where there is little.

use std::collections::BTreeMap;

use crate::support::{Ended, Launch, Room, program};

const MIB: u64 = 1 << 20;
/// With the libraries and the heap that a program begins with.
const SMALL: u64 = 12 * MIB;

/// What `fills.c` says: blocks that it got, and `VmSize` and `VmData` in bytes.
fn told(ended: &Ended) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap().trim_end_matches(':').to_owned();
        let number: u64 = words.next().unwrap().parse().unwrap();
        (name, if words.next() == Some("kB") { number * 1024 } else { number })
    };
    ended.text().lines().map(line).collect()
}

/// Bytes of address space and of data that it has more under heaptrace, and the samples taken.
fn added(blocks: u64, size: u64, rate: &str) -> [u64; 3] {
    let room = Room::new();
    let arguments = [blocks, size].map(|number| number.to_string());
    let bare = told(&room.bare("fills.c").args(&arguments).go().well());
    let run = told(&room.run("fills.c").rate(rate).args(&arguments).go().well());
    let more = |name| run[name] - bare[name];
    println!("{blocks} blocks of {size} bytes at {rate}: {bare:?} bare, {run:?} profiled");
    [more("VmSize"), more("VmData"), room.profile("out.prof").count("samples") as u64]
}

#[test]
fn a_small_program_is_little_larger_at_any_rate() {
    for rate in ["512KiB", "64KiB", "1"] {
        let [size, data, _] = added(1000, 1000, rate);
        assert!(size <= 8 * MIB && data <= 4 * MIB, "{rate}: {size} bytes, {data} of them data");
    }
}

#[test]
fn what_is_taken_grows_with_the_samples_in_use() {
    const A_SAMPLE: u64 = 256;
    for (blocks, size, rate) in [(30_000, 1000, "1"), (200_000, 40, "1"), (200_000, 200, "1KiB")] {
        let [space, data, samples] = added(blocks, size, rate);
        let allowed = A_SAMPLE * samples;
        assert!(
            space <= 8 * MIB + allowed && data <= 4 * MIB + allowed,
            "{blocks} blocks at {rate}: {space} bytes, {data} of them data, for {samples} samples"
        );
    }
}

/// A limit before the program starts leaves it seven eighths of what it leaves bare.
#[test]
fn a_program_with_little_memory_has_most_of_it_to_itself() {
    for resource in [libc::RLIMIT_AS, libc::RLIMIT_DATA] {
        for limit in [SMALL, 20 * MIB, 32 * MIB, 64 * MIB, 90 * MIB] {
            let room = Room::new();
            let confined = |launch: Launch| {
                let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
                let confine = move || {
                    // SAFETY: the kernel reads the limit.
                    assert_eq!(unsafe { libc::setrlimit(resource, &limit) }, 0);
                };
                told(&launch.args(["1000000", "1000"]).before_exec(confine).go().well())["got"]
            };
            let bare = confined(room.bare("fills.c"));
            for rate in ["1", "512KiB"] {
                let manual = confined(room.manual("fills.c").env("HEAPTRACE_RATE", rate));
                println!("{resource} {limit} {rate}: {bare} blocks bare, {manual} profiled");
                assert!(
                    manual * 1000 + SMALL / 4 >= bare * 1000 * 7 / 8,
                    "limit {resource} of {limit}, rate {rate}: {manual} blocks of {bare}"
                );
            }
        }
    }
}

/// A limit that it sets itself finds what the library has taken until then, and no more.
#[test]
fn a_program_that_limits_itself_has_the_memory_that_it_needs() {
    for resource in [libc::RLIMIT_AS, libc::RLIMIT_DATA] {
        for rate in ["1", "512KiB"] {
            let room = Room::new();
            let limit = [resource.to_string(), (64 * MIB).to_string()];
            let launch = room.run("fills.c").rate(rate).args(["45000", "1000"]).args(limit);
            assert_eq!(told(&launch.go().well())["got"], 45_000, "limit {resource}, rate {rate}");
        }
    }
}

#[test]
fn what_finds_no_memory_is_lost_and_the_reason_told() {
    let room = Room::new();
    let line = format!("ulimit -d 40000; exec '{}' 300000 40", program("fills.c").display());
    let ended = room.run_path("/bin/sh").args(["-c", &line]).go().well();
    let profile = room.profile("out.prof");
    let (taken, lost) = (profile.count("samples"), profile.count("lost_samples"));
    assert!(lost > 0 && taken + lost >= told(&ended)["got"] as i64, "{taken} taken, {lost} lost: {ended:?}");
    let said = ended.said();
    assert!(said.iter().any(|line| line.contains("lost: there was no memory")), "{said:?}");
    assert!(!said.iter().any(|line| line.contains("keep up")), "{said:?}");
}

#[test]
fn a_program_locks_its_memory_where_it_can_bare() {
    let room = Room::new();
    let limit = [(8 * MIB).to_string()]; // what every process may lock since Linux 5.16
    let bare = room.bare("locks.c").args(&limit).go().well();
    let run = room.run("locks.c").rate("512KiB").args(&limit).go().well();
    assert_eq!(run.text(), bare.text());
}
