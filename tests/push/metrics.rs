//! What `/metrics` tells of the profiles that are sent.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use super::server::{Reply, Server};
use crate::support::{Room, wait_until};

/// What is told of what goes to `url`, by names without what they have in common.
fn told(place: &str, url: &str, names: [&str; 6]) -> [u64; 6] {
    let mut stream = TcpStream::connect(place).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    names.map(|name| {
        let start = format!("heaptrace_push_{name}{{to=\"{url}");
        let line = text.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    })
}

#[test]
fn each_profile_that_was_sent_failed_was_sent_again_or_dropped_is_counted() {
    let server = Server::that_answers(|number| match number {
        0 | 1 => Reply::text("503 Service Unavailable", "away"),
        2 => Reply::ok(),
        _ => Reply::text("400 Bad Request", "no"),
    });
    let room = Room::new();
    let launch = room.run("obeys.c").option("--push").option(&server.url(""));
    let launch = launch.option("--push-interval").option("100ms").option("--http").option(":0");
    let launch = launch.with(|command| {
        command.stdin(Stdio::piped());
    });
    let mut program = launch.spawn();
    let line = program.read_error_line();
    let place = line.split("http://").nth(1).and_then(|url| url.split('/').next()).expect("an address");
    let told = |names| told(place, &server.url(""), names);
    let names =
        ["sent_total", "sent_bytes_total", "failed_total", "retried_total", "dropped_total", "waiting"];
    assert_eq!(told(names), [0; 6]);
    assert_eq!(program.ask("keep 10 100"), "done");
    wait_until("the first was taken, and another one refused", || told(names)[4] > 0);
    let [sent, bytes, failed, retried, dropped, waiting] = told(names);
    assert_eq!((sent, bytes as usize), (1, server.received()[2].body.len()));
    assert_eq!((retried, failed), (2, 2 + dropped));
    assert!(waiting <= 1, "{waiting}");
    program.ask("quit");
    program.wait().well();
}
