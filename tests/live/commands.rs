//! `heaptrace ps`, `snapshot` and `mark`.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use super::served::{Served, under};
use crate::support::{HEAPTRACE, Room, signal_process};

pub fn heaptrace(room: &Room, arguments: &[&str]) -> Output {
    Command::new(HEAPTRACE).current_dir(room.path("")).args(arguments).output().unwrap()
}

#[track_caller]
pub fn well(room: &Room, arguments: &[&str]) -> String {
    let output = heaptrace(room, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
pub fn said(room: &Room, arguments: &[&str]) -> String {
    let output = heaptrace(room, arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_snapshot_is_a_whole_profile_of_a_program_that_goes_on() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 10 100");
    let pid = served.program.program().to_string();
    let listed = well(&room, &["ps"]);
    let row = listed.lines().find(|line| line.split_whitespace().next() == Some(&pid)).unwrap();
    assert!(row.contains("  1       10  1,000 B  ") || row.contains("1,000 B"), "{listed}");
    well(&room, &["snapshot", &pid, "-o", "snap.prof"]);
    let snapshot = room.profile("snap.prof"); // it has all six types
    assert_eq!(snapshot.under("keep", "inuse_space"), 1000);
    assert!(snapshot.proto.duration_nanos > 0);
    room.assert_private("snap.prof");
    served.tell("drop");
    well(&room, &["snapshot", &pid, "-o", "snap.prof"]);
    assert_eq!(room.profile("snap.prof").under("keep", "inuse_space"), 0);
    served.program.ask("quit");
    served.program.wait().well();
    assert!(said(&room, &["snapshot", &pid]).contains("is not being profiled by this user"));
}

#[test]
fn a_session_that_is_stopped_holds_up_no_other() {
    let rooms = [Room::new(), Room::new()];
    let [stopped, asked] = rooms.each_ref().map(Served::start);
    signal_process(stopped.program.collector(), libc::SIGSTOP);
    well(&rooms[1], &["mark", &asked.program.program().to_string(), "now"]);
    signal_process(stopped.program.collector(), libc::SIGCONT);
}

#[test]
fn between_two_marks_is_what_grew_and_what_was_allocated() {
    let room = Room::new();
    let mut served = Served::start(&room);
    let pid = served.program.program().to_string();
    served.tell("keep 10 100");
    well(&room, &["mark", &pid, "start"]);
    // One iteration leaks 3 objects of 8 bytes.
    for iteration in 1..=4 {
        served.tell("keep 3 8");
        served.tell("churn 50 16");
        well(&room, &["mark", &pid, &format!("iteration {iteration}")]);
    }
    let grown = |arguments: &[&str]| {
        let all: Vec<_> = ["snapshot", &pid, "-o", "since.prof"].iter().chain(arguments).copied().collect();
        well(&room, &all);
        let bytes = std::fs::read(room.path("since.prof")).unwrap();
        let profile = super::served::Answer { status: 200, headers: Vec::new(), body: bytes }.profile();
        ["alloc_objects", "inuse_objects", "inuse_space"].map(|index| under(&profile, "", index))
    };
    assert_eq!(grown(&["--since", "start"]), [4 * 53, 12, 96]);
    assert_eq!(grown(&["--since", "iteration 1", "--until", "iteration 3"]), [2 * 53, 6, 48]);
    // The file says of itself that it is what changed, so that its errors are those of what came and went.
    let report = std::process::Command::new(crate::support::HEAPTRACE)
        .current_dir(room.path(""))
        .args(["report", "since.prof"])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&report.stdout).into_owned();
    assert!(report.contains("+48B in +6 blocks"), "{report}");
    assert_eq!(grown(&["--since", "iteration 4"]), [0, 0, 0]);
    let error = said(&room, &["snapshot", &pid, "--since", "end"]);
    assert!(error.contains("has no mark end: it has start, iteration 1"), "{error}");
    assert!(said(&room, &["mark", &pid, ""]).contains("a mark's name has"));
    served.program.ask("quit");
}

#[test]
fn the_socket_of_a_session_is_its_owners_and_goes_with_it() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 1 1");
    let name = format!("session-{}", served.program.pid());
    let user = own_user();
    let folders = [
        std::env::var("XDG_RUNTIME_DIR").unwrap_or_default() + "/heaptrace",
        format!("/run/user/{user}/heaptrace"),
        format!("/tmp/heaptrace-{user}"),
    ];
    let socket =
        folders.iter().map(|folder| std::path::Path::new(folder).join(&name)).find(|path| path.exists());
    let socket = socket.expect("a socket");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    served.program.ask("quit");
    served.program.wait().well();
    crate::support::wait_until("it is gone", || !socket.exists());
}

fn own_user() -> u32 {
    // SAFETY: takes nothing.
    unsafe { libc::geteuid() }
}
