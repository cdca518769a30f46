//! Servers that are not there, have no time, or want nothing.

use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::server::{Reply, Server};
use super::store::{of_call, sum};
use crate::support::{Ended, Launch, Room, wait_until};

/// A program that does what it is told, and is pushed every tenth of a second.
fn obeying(room: &Room, server: &Server) -> Launch {
    let launch = room.run("obeys.c").option("--push").option(&server.url("")).option("--push-interval");
    launch.option("100ms").with(|command| {
        command.stdin(Stdio::piped());
    })
}

/// The lines that tell of what could not be pushed.
fn complaints(ended: &Ended) -> Vec<&str> {
    ended.stderr.lines().filter(|line| line.contains("could not be pushed")).collect()
}

/// The one line of them.
#[track_caller]
fn complaint(ended: &Ended) -> &str {
    let [line] = complaints(ended)[..] else { panic!("one line: {}", ended.stderr) };
    line
}

#[test]
fn a_server_that_is_not_there_costs_one_line() {
    let room = Room::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let ended = room.run("ends.c").option("--push").option(&url).args(["return", "7"]).go();
    assert_eq!(ended.status(), 7);
    assert_eq!(
        complaint(&ended),
        format!(
            "heaptrace: 1 profile could not be pushed to {url}/push.v1.PusherService/Push: Connection refused (os error 111)"
        )
    );
    assert!(room.profile("out.prof").total("alloc_space") > 0);
    assert!(ended.stderr.contains("next: heaptrace report out.prof"), "{}", ended.stderr);
    let launch = room.run("ends.c").option("--push").option(&url).option("--quiet");
    let quiet = launch.args(["return", "0"]).go().well();
    assert!(!complaint(&quiet).is_empty(), "it is not only a part of the summary");
}

#[test]
fn what_a_server_has_no_time_for_is_sent_again_as_it_was() {
    for status in ["503 Service Unavailable", "429 Too Many Requests", "500 Internal Server Error"] {
        let server = Server::that_answers(move |number| match number {
            0 => Reply::Status(status, "Retry-After: 1\r\n", Vec::new()),
            1 => Reply::text(status, "again"),
            _ => Reply::ok(),
        });
        let room = Room::new();
        let mut program = obeying(&room, &server).spawn();
        assert_eq!(program.ask("keep 10 100"), "done");
        wait_until("it was sent again and again", || server.received().len() >= 3);
        program.ask("quit");
        let ended = program.wait().well();
        let (received, file) = (server.received(), room.profile("out.prof"));
        assert!(received[1..3].iter().all(|other| other.body == received[0].body), "{status}");
        let kept: Vec<_> = received[2..].iter().map(of_call).collect();
        assert_eq!(sum(&kept, "", "alloc_space"), file.total("alloc_space"), "{status}");
        assert!(ended.stderr.contains("pushed "), "{}", ended.stderr);
        assert!(complaint(&ended).ends_with("; it will be tried again"), "{}", ended.stderr);
    }
}

#[test]
fn what_a_server_does_not_want_is_not_sent_again_and_its_reason_is_told() {
    let (bad, wrong) = ("400 Bad Request", "404 Not Found");
    let json = r#"{"code":"invalid_argument","message":"profile is\n too odd"}"#;
    let json = |status| Reply::Status(status, "Content-Type: application/json\r\n", json.into());
    // google.rpc.Status { code (1): 3, message (2): "odd" }
    let status = b"\x08\x03\x12\x03odd".to_vec();
    let status = move |it| Reply::Status(it, "Content-Type: application/x-protobuf\r\n", status.clone());
    let redirect = Reply::Status("302 Found", "Location: http://127.0.0.1:1/\r\n", Vec::new());
    for (prefix, reply, why) in [
        ("", json(bad), ": 400 Bad Request: profile is too odd"),
        ("", Reply::text(wrong, "404 page not found\n"), ": 404 Not Found: 404 page not found"),
        ("", redirect, ": 302 Found"),
        ("otlp+", status(bad), ": 400 Bad Request: odd"),
        ("otlp+", status("500 Internal Server Error"), ": 500 Internal Server Error: odd"),
    ] {
        let server = Server::that_answers(move |_| reply.clone());
        let room = Room::new();
        let url = format!("{prefix}{}", server.url(""));
        let ended = room.run("ledger.c").option("--push").option(&url).go().well();
        assert_eq!(server.received().len(), 1, "{why}");
        assert!(complaint(&ended).ends_with(why), "{} {why}", ended.stderr);
    }
}

#[test]
fn a_server_that_never_answers_holds_nobody_up() {
    let server = Server::that_answers(|_| Reply::Never);
    let room = Room::new();
    let mut program = obeying(&room, &server).spawn();
    assert_eq!(program.ask("keep 10 100"), "done");
    wait_until("it was asked", || !server.received().is_empty());
    assert_eq!(program.ask("keep 10 100"), "done");
    program.ask("quit");
    let ended = program.wait().well();
    let last = *complaints(&ended).last().unwrap();
    assert!(last.starts_with("heaptrace: 2 profiles could not be pushed"), "{}", ended.stderr);
    assert_eq!(room.profile("out.prof").under("keep", "alloc_objects"), 20);
}

#[test]
fn nothing_is_lost_while_a_server_is_away() {
    let is_back = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_back);
    let server = Server::that_answers(move |_| match asked.load(Ordering::Relaxed) {
        true => Reply::ok(),
        false => Reply::text("503 Service Unavailable", "away"),
    });
    let room = Room::new();
    let mut program = obeying(&room, &server).spawn();
    for count in 1..=2 {
        assert_eq!(program.ask("keep 10 100"), "done");
        wait_until("it was asked again", || server.received().len() > count);
    }
    let line = program.read_error_line();
    assert!(
        line.ends_with(": 503 Service Unavailable: away; it will be tried again"),
        "while it runs: {line}"
    );
    is_back.store(true, Ordering::Relaxed);
    let away = server.received().len();
    let kept = || server.received()[away..].iter().map(of_call).collect::<Vec<_>>();
    wait_until("all has come", || sum(&kept(), "keep", "alloc_space") == 2000);
    let received = server.received();
    assert!(received[..away].iter().all(|one| one.body == received[0].body), "no more was made meanwhile");
    program.ask("quit");
    let ended = program.wait().well();
    assert_eq!(sum(&kept(), "", "alloc_space"), room.profile("out.prof").total("alloc_space"));
    assert_eq!(complaints(&ended), [""; 0], "nothing more at the end");
}

#[test]
fn what_is_no_url_or_label_or_token_is_refused_before_the_program_starts() {
    let room = Room::new();
    let url = "http://localhost:4040";
    for (options, said) in [
        (
            &["--push", "localhost:4040"][..],
            "\"localhost:4040\" is no place for profiles; use http://HOST:4040",
        ),
        (&["--push", "http://me:secret@host"], "put it into HEAPTRACE_PUSH_TOKEN"),
        (&["--push", "http://host/ingest?name=x"], "has a query"),
        (&["--push", "http://host:4317"], "use HTTP, which is at port 4318"),
        (&["--push", url, "--push-interval", "5"], "use a number with a unit"),
        (&["--push", url, "--label", "x"], "\"x\" is no label; use NAME=VALUE"),
        (&["--label", "x=y"], "--push <URL>"),
    ] {
        let launch = room.run_path("/usr/bin/touch").options(options.iter().copied());
        let ended = launch.args(["started"]).go();
        assert_eq!((ended.status(), room.files().is_empty()), (125, true), "{options:?}");
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    let launch = room.run_path("/usr/bin/touch").options(["--push", url]).args(["started"]);
    let ended = launch.env("HEAPTRACE_PUSH_TOKEN", "a\nb").go();
    assert_eq!((ended.status(), room.files().is_empty()), (125, true));
    assert!(ended.said()[0].starts_with("the value of HEAPTRACE_PUSH_TOKEN"), "{}", ended.stderr);
}
