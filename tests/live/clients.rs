//! Clients that are many, slow, broken or hostile.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::thread;

use super::served::{Served, under, with_input};
use crate::support::{Room, wait_until};

#[test]
fn fifty_clients_at_once_are_answered_beside_slow_and_broken_ones_and_the_program_goes_on() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 100 1000");
    let idle: Vec<_> = (0..20).map(|_| TcpStream::connect(&served.place).unwrap()).collect();
    (&idle[0]).write_all(b"GET /debug/pprof/heap HTTP/1.1\r\nX: ").unwrap();
    // Asks, and never reads.
    (&idle[1]).write_all(b"GET /debug/pprof/heap HTTP/1.1\r\n\r\n").unwrap();
    for garbage in ["\x16\x03\x01", "GET\r\n\r\n", "\0\0\0\0", "GET / HTTP/9.9\r\n\r\n"] {
        let _ = TcpStream::connect(&served.place).unwrap().write_all(garbage.as_bytes());
    }
    let wrong = thread::scope(|scope| {
        let ask = || {
            let profile = served.get("/debug/pprof/heap").profile();
            under(&profile, "keep", "inuse_objects")
        };
        let clients: Vec<_> = (0..50).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).filter(|&objects| objects != 100).count()
    });
    assert_eq!(wrong, 0);
    served.tell("keep 1 1000");
    drop(idle);
    served.program.ask("quit");
}

#[test]
fn foreign_hosts_and_hostile_paths_get_nothing() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 1 1");
    let host = |host: &str| served.ask("/debug/pprof/heap", &[&format!("Host: {host}")]).status;
    for own in [&*served.place, "localhost", "LocalHost:6060", "[::1]:1"] {
        assert_eq!(host(own), 200, "{own}");
    }
    for foreign in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "evil"] {
        assert_eq!(host(foreign), 403, "{foreign}");
    }
    assert_eq!(
        served.ask("/metrics", &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"]).status,
        403
    );
    for path in [
        "/../etc/passwd",
        "/debug/pprof/../../etc/passwd",
        "/heaptrace/processes",
        "/heaptrace/mark?name=x",
        "/debug/pprof/heap%00",
        "/pid/%2e%2e/x",
    ] {
        let answer = served.get(path);
        assert!([301, 404].contains(&answer.status), "{path}: {answer:?}");
    }
    assert_eq!(served.send(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000))).status, 431);
    assert_eq!(served.send("DELETE /debug/pprof/heap HTTP/1.1\r\n\r\n").status, 405);
    served.program.ask("quit");
}

#[test]
fn who_does_not_know_the_token_gets_nothing_and_the_program_does_not_know_it() {
    let room = Room::new();
    let launch = room.run_path("/bin/sh").option("--http").option(":0").env("HEAPTRACE_HTTP_TOKEN", "secret");
    let served = Served::launch(launch.args(["-c", "read x; env; exit 3"]));
    let get = |headers: &[&str]| served.ask("/debug/pprof/", headers).status;
    assert_eq!((get(&[]), get(&["Authorization: Bearer wrong"])), (401, 401));
    assert_eq!(get(&["Authorization: Bearer secret"]), 200);
    let mut program = served.program;
    program.send_line("go");
    let ended = program.wait();
    assert_eq!(ended.status(), 3);
    assert!(
        ended.text().contains("HEAPTRACE_RATE=1") && !ended.text().contains("secret"),
        "{}",
        ended.text()
    );
}

#[test]
fn an_address_that_is_taken_is_told_before_the_program_starts() {
    let room = Room::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = room.run_path("/usr/bin/touch").option("--http").option(&address).args(["started"]).go();
    assert_eq!(ended.status(), 125);
    assert_eq!(ended.said(), [format!("cannot serve at {address}: Address already in use (os error 98)")]);
    assert!(room.files().is_empty());
    let ended = room.run_path("/usr/bin/touch").option("--http").option("nonsense").args(["started"]).go();
    assert_eq!((ended.status(), room.files().is_empty()), (125, true));
    assert!(ended.stderr.contains("HOST:PORT"), "{}", ended.stderr);
}

#[test]
fn a_socket_of_the_file_system_is_its_owners() {
    let room = Room::new();
    let socket = room.path("socket");
    let option = format!("unix:{}", socket.display());
    let launch = room.run("obeys.c").option("--http").option(&option).option("-q");
    let mut program = launch.with(with_input).spawn();
    assert_eq!(program.ask("keep 5 5"), "done");
    room.assert_private("socket");
    let mut curl = Command::new("curl");
    let output =
        curl.args(["-s", "http://heaptrace/debug/pprof/heap?debug=1", "--unix-socket"]).arg(&socket).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(text.starts_with("heap profile: 5: 25 [5: 25] @ heap/2\n"), "{text}");
    program.ask("quit");
    program.wait().well();
    wait_until("nobody serves any more", || std::os::unix::net::UnixStream::connect(&socket).is_err());
}
