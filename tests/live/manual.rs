//! The same in manual mode, by environment.

use std::net::TcpListener;

use super::served::{Answer, under, with_input};
use crate::support::{Room, wait_until};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn curl(url: &str) -> Option<Answer> {
    let output = std::process::Command::new("curl").args(["-s", "-i", url]).output().unwrap();
    output.status.success().then(|| Answer::of(&output.stdout))
}

#[test]
fn the_environment_says_where_to_serve_and_how_often_to_write() {
    let room = Room::new();
    let port = free_port();
    let launch = room.manual("obeys.c").env("HEAPTRACE_HTTP", format!("localhost:{port}"));
    let launch = launch.env("HEAPTRACE_INTERVAL", "200ms");
    let mut program = launch.with(with_input).spawn();
    assert_eq!(program.ask("keep 10 100"), "done");
    let url = format!("http://localhost:{port}/debug/pprof/heap");
    let profile = curl(&url).expect("an answer").profile();
    assert_eq!(under(&profile, "keep", "inuse_space"), 1000);
    wait_until("there are two profiles", || room.path("out.0002.prof").exists());
    program.ask("quit");
    assert_eq!(program.wait().well().stderr, "");
    assert_eq!(room.profile("out.prof").under("keep", "inuse_space"), 1000);
    wait_until("nobody serves any more", || curl(&url).is_none());
}

#[test]
fn what_cannot_be_had_is_said_in_a_line_and_the_program_goes_on() {
    let room = Room::new();
    for (name, value, said) in [
        ("HEAPTRACE_HTTP", "unix:/missing/x", "cannot serve at unix:/missing/x: No such file or directory"),
        ("HEAPTRACE_HTTP", "nonsense", "HEAPTRACE_HTTP: \"nonsense\" is no address"),
        ("HEAPTRACE_INTERVAL", "10", "HEAPTRACE_INTERVAL: use a number with a unit"),
    ] {
        let ended = room.manual("ends.c").env(name, value).args(["return", "0"]).go().well();
        let line = ended.stderr.lines().find(|line| line.starts_with("heaptrace: ")).unwrap_or_default();
        assert!(line.contains(said), "{:?}", ended.stderr);
        assert_eq!(ended.stderr.matches("heaptrace: ").count(), 1, "{:?}", ended.stderr);
        assert!(room.path("out.prof").exists());
    }
}

#[test]
fn an_address_that_is_taken_is_served_when_it_is_free_or_that_is_said() {
    let room = Room::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let started = || {
        let launch = room.manual("obeys.c").env("HEAPTRACE_HTTP", &address).with(with_input);
        let mut program = launch.spawn();
        assert_eq!(program.ask("keep 10 100"), "done");
        program
    };
    let mut program = started();
    assert_eq!(
        program.read_error_line(),
        format!("heaptrace: cannot serve at {address}: Address already in use (os error 98)")
    );
    program.ask("quit");
    program.wait().well();
    let mut program = started();
    drop(taken);
    let url = format!("http://{address}/debug/pprof/heap");
    wait_until("it is served", || curl(&url).is_some());
    assert_eq!(under(&curl(&url).unwrap().profile(), "keep", "inuse_space"), 1000);
    program.ask("quit");
    assert_eq!(program.wait().well().stderr, "");
}

/// As a supervisor does it, which starts a service again as soon as it ends.
#[test]
fn a_service_that_is_started_again_at_once_is_served_again() {
    let room = Room::new();
    let port = free_port();
    for run in 1..=3 {
        let launch = room.manual("obeys.c").env("HEAPTRACE_HTTP", format!(":{port}")).with(with_input);
        let mut program = launch.spawn();
        assert_eq!(program.ask(&format!("keep {run} 100")), "done");
        let url = format!("http://localhost:{port}/pid/{}/debug/pprof/heap", program.pid());
        wait_until("it is served", || curl(&url).is_some_and(|answer| answer.status == 200));
        assert_eq!(under(&curl(&url).unwrap().profile(), "keep", "inuse_space"), run * 100);
        program.signal(libc::SIGKILL); // so that nobody waits for its profile
        assert_eq!(program.wait().status(), 128 + libc::SIGKILL);
    }
}

#[test]
fn a_daemon_that_forks_twice_is_served() {
    let room = Room::new();
    let port = free_port();
    room.manual("daemon.c").env("HEAPTRACE_HTTP", format!(":{port}")).go().well();
    let mut text = String::new();
    wait_until("the daemon is listed", || {
        let index = curl(&format!("http://localhost:{port}/debug/pprof/"));
        text = index.map(|index| index.text().to_owned()).unwrap_or_default();
        text.contains("daemon")
    });
    std::fs::write(room.path("stop"), "").unwrap();
    wait_until("it is over", || curl(&format!("http://localhost:{port}/")).is_none());
}
