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
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (name, value, said) in [
        (
            "HEAPTRACE_HTTP",
            &*address,
            format!("cannot serve at {address}: Address already in use (os error 98)"),
        ),
        ("HEAPTRACE_HTTP", "nonsense", "HEAPTRACE_HTTP: \"nonsense\" is no address".into()),
        ("HEAPTRACE_INTERVAL", "10", "HEAPTRACE_INTERVAL: use a number with a unit".into()),
    ] {
        let ended = room.manual("ends.c").env(name, value).args(["return", "0"]).go().well();
        let line = ended.stderr.lines().find(|line| line.starts_with("heaptrace: ")).unwrap_or_default();
        assert!(line.contains(&said), "{:?}", ended.stderr);
        assert_eq!(ended.stderr.matches("heaptrace: ").count(), 1, "{:?}", ended.stderr);
        assert!(room.path("out.prof").exists());
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
