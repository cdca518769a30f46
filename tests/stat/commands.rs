//! The program's streams and status are its own, as under `heaptrace run`.

use std::fs::{self, File};
use std::process::Stdio;

use crate::support::{HEAPTRACE, Room};

#[test]
fn the_status_is_the_programs_or_tells_why_there_is_none() {
    let room = Room::new();
    let status = |program: &str, arguments: &[&str]| room.stat_path(program).args(arguments).go().status();
    assert_eq!(status("/bin/sh", &["-c", "exit 7"]), 7);
    assert_eq!(status("/bin/sh", &["-c", "kill -TERM $$"]), 128 + libc::SIGTERM);
    assert_eq!(status("/no/such/program", &[]), 127);
    assert_eq!(status("/etc/passwd", &[]), 126);
    assert_eq!(room.stat_path("/bin/true").option("--runs=0").go().status(), 125);
    assert_eq!(room.stat_path("/bin/true").options(["--baseline", "none.json"]).go().status(), 125);
}

#[test]
fn standard_output_is_the_programs_alone() {
    let room = Room::new();
    let ended = room.stat_path("/bin/echo").args(["a line"]).go().well();
    assert_eq!(ended.text(), "a line\n");
    assert!(ended.said()[0].starts_with("echo: 1 process, "), "{ended:?}");
}

#[test]
fn every_run_reads_all_of_standard_input() {
    let room = Room::new();
    fs::write(room.path("input"), "some\nlines\n").unwrap();
    let file = File::open(room.path("input")).unwrap();
    let from_file = room.stat_path("/bin/cat").option("--runs=3").with(|command| {
        command.stdin(file);
    });
    assert_eq!(from_file.go().well().text(), "some\nlines\n".repeat(3));
    let piped = std::process::Command::new("sh")
        .args([
            "-c",
            "printf 'some\\nlines\\n' | \"$0\" stat --warmup 1 --runs 2 -o out.txt -- cat",
            HEAPTRACE,
        ])
        .current_dir(room.path(""))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), "some\nlines\n".repeat(3));
    assert!(fs::read_to_string(room.path("out.txt")).unwrap().starts_with("cat: 2 runs"));
}

#[test]
fn nothing_is_left_behind() {
    let room = Room::new();
    let folder = crate::support::library().parent().unwrap().to_owned();
    let sockets = || {
        let entries = fs::read_dir(&folder).unwrap().flatten();
        entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".so")).count()
    };
    // Others may run at the same time, but not for long.
    let mut before = sockets();
    room.stat_path("/bin/true").go().well();
    crate::support::wait_until("its socket is gone", || {
        let now = sockets();
        let is_gone = now <= before;
        before = before.max(now.saturating_sub(1));
        is_gone
    });
}
