//! Marks that the program sets itself: one a request gives what each request leaks, to the byte.

use std::process::Command;

use super::served::{Answer, Served, under, with_input};
use crate::support::{HEAPTRACE, Room, Running};

/// What two marks have between them: allocated and in use, of who leaks.
#[track_caller]
fn between(room: &Room, pid: &str, since: &str, until: &str) -> [i64; 3] {
    let output = Command::new(HEAPTRACE)
        .current_dir(room.path(""))
        .args(["snapshot", pid, "-o", "since.prof", "--since", since, "--until", until])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let body = std::fs::read(room.path("since.prof")).unwrap();
    let profile = Answer { status: 200, headers: Vec::new(), body }.profile();
    assert_eq!(under(&profile, "serve", "alloc_objects"), 1000 + under(&profile, "leak", "alloc_objects"));
    ["alloc_objects", "inuse_objects", "inuse_space"].map(|index| under(&profile, "leak", index))
}

/// The process id in what the program says when it was marked.
#[track_caller]
fn marked(program: &mut Running) -> String {
    let line = program.read_line();
    line.strip_prefix("1 ").unwrap_or_else(|| panic!("{line:?}")).trim().to_owned()
}

#[track_caller]
fn requests_are_told_apart(room: &Room, program: &mut Running) -> String {
    let pid = marked(program);
    for request in 1..=20 {
        let name = |number| if number == 0 { "start 0".to_owned() } else { format!("request {number}") };
        let leaked = between(room, &pid, &name(request - 1), &name(request));
        assert_eq!(leaked, [request as i64, request as i64, 100 * request as i64], "request {request}");
    }
    pid
}

#[test]
fn one_mark_a_request_tells_what_each_request_leaks() {
    let room = Room::new();
    let mut served = Served::launch(room.run("marks.c").option("--http").option(":0"));
    requests_are_told_apart(&room, &mut served.program);
    let since = served.get("/debug/pprof/heap?since=request+18");
    assert_eq!(since.header("Content-Disposition"), Some("attachment; filename=\"heap-delta\""));
    assert_eq!(under(&since.profile(), "leak", "inuse_space"), 3900);
    let unknown = served.get("/debug/pprof/heap?since=nothing");
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.text().contains("its latest are request 11, ") && unknown.text().contains("; 11 are older")
    );
    assert_eq!(served.get("/debug/pprof/heap?since=a&seconds=1").status, 400);
    let session = served.get("/viewer/session");
    assert!(session.text().contains("\"request 20\"]") && session.text().contains("\"request 1\""));
    assert_eq!(served.get("/viewer/data?since=request+18").status, 200);
    served.program.send_line("");
    let lines = [served.program.read_line(), served.program.read_line()];
    let child = lines.iter().find_map(|line| line.strip_prefix("1 ")).expect("the child's");
    assert!(lines.iter().any(|line| line.trim() == "0 0"), "names that are none: {lines:?}");
    for request in [1, 2, 20] {
        let leaked =
            between(&room, child.trim(), &format!("child {}", request - 1), &format!("child {request}"));
        assert_eq!(leaked, [request, request, 100 * request], "request {request} of the child");
    }
    served.program.send_line("\n");
    served.program.wait().well();
}

#[test]
fn a_program_in_manual_mode_marks_too_and_a_bare_one_is_told_that_nobody_listens() {
    let room = Room::new();
    let mut program = room.manual("marks.c").with(with_input).spawn();
    requests_are_told_apart(&room, &mut program);
    program.send_line("\n\n");
    program.wait().well();
    let mut program = room.bare("marks.c").with(with_input).spawn();
    assert!(program.read_line().starts_with("0 "));
    program.send_line("\n\n");
    program.wait().well();
}
