//! The same in manual mode, by environment.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::server::{Reply, Server};
use super::store::{Kept, of_call, sum};
use crate::support::wanted::wanted;
use crate::support::{Launch, Room, library, program, wait_until};

fn calls(server: &Server) -> Vec<Kept> {
    server.received().iter().map(of_call).collect()
}

fn obeying(room: &Room, server: &Server) -> Launch {
    let launch = room.manual("obeys.c").env("HEAPTRACE_PUSH", server.url(""));
    launch.with(|command| {
        command.stdin(Stdio::piped());
    })
}

#[test]
fn the_environment_says_where_how_often_and_with_which_labels() {
    let (room, server) = (Room::new(), Server::start());
    let launch = obeying(&room, &server).env("HEAPTRACE_PUSH_INTERVAL", "150ms");
    let launch = launch.env("HEAPTRACE_LABELS", "team=x,name=%n").env("HEAPTRACE_PUSH_TENANT", "t");
    let mut program = launch.env("HEAPTRACE_PUSH_TOKEN", "secret").spawn();
    assert_eq!(program.ask("keep 10 100"), "done");
    wait_until("it has come while it runs", || sum(&calls(&server), "keep", "alloc_space") == 1000);
    assert_eq!(program.ask("keep 10 1"), "done");
    program.ask("quit");
    assert_eq!(program.wait().well().stderr, "");
    let file = room.profile("out.prof");
    wait_until("the last one has come", || {
        sum(&calls(&server), "", "alloc_space") == file.total("alloc_space")
    });
    for (received, kept) in server.received().iter().zip(calls(&server)) {
        let [service, team, name] = ["service_name", "team", "name"].map(|name| kept.label(name).to_owned());
        assert_eq!([&*service, &*team, &*name], ["obeys", "x", "obeys"]);
        assert_eq!(received.header("authorization"), Some("Bearer secret"));
        assert_eq!(received.header("x-scope-orgid"), Some("t"));
    }
}

#[test]
fn who_is_killed_is_pushed() {
    let (room, server) = (Room::new(), Server::start());
    let mut program = obeying(&room, &server).spawn();
    assert_eq!(program.ask("keep 10 100"), "done");
    program.signal(libc::SIGKILL);
    assert_eq!(program.wait().status(), 128 + libc::SIGKILL);
    wait_until("it has come", || !server.received().is_empty());
    assert_eq!(sum(&calls(&server), "keep", "alloc_space"), 1000);
}

#[test]
fn what_cannot_be_had_is_said_in_a_line_and_the_program_goes_on() {
    let room = Room::new();
    let refused = Server::that_answers(|_| Reply::text("401 Unauthorized", "who are you?"));
    let push = refused.url("");
    for (name, value, said) in [
        ("HEAPTRACE_PUSH", "localhost", "HEAPTRACE_PUSH: \"localhost\" is no place for profiles"),
        ("HEAPTRACE_PUSH_INTERVAL", "10", "HEAPTRACE_PUSH_INTERVAL: use a number with a unit"),
        ("HEAPTRACE_LABELS", "a=b,c", "HEAPTRACE_LABELS: \"c\" is no label"),
        ("HEAPTRACE_PUSH_TOKEN", "a\nb", "the value of HEAPTRACE_PUSH_TOKEN cannot be sent"),
    ] {
        let launch = room.manual("ends.c").env("HEAPTRACE_PUSH", &push).env(name, value);
        let ended = launch.args(["return", "0"]).go().well();
        let lines: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("heaptrace: ")).collect();
        assert!(lines.iter().any(|line| line.contains(said)), "{lines:?}");
        assert_eq!(lines.iter().filter(|line| !line.contains("401")).count(), 1, "{lines:?}");
        assert!(room.path("out.prof").exists());
    }
}

#[test]
fn a_server_that_does_not_want_it_is_told_of_once() {
    let server = Server::that_answers(|_| Reply::text("401 Unauthorized", "who are you?"));
    let room = Room::new();
    let errors = room.path("errors");
    let file = std::fs::File::create(&errors).unwrap();
    let launch = obeying(&room, &server).env("HEAPTRACE_PUSH_INTERVAL", "100ms");
    let launch = launch.with(|command| {
        command.stdout(Stdio::piped()).stderr(file);
    });
    let mut program = launch.start();
    for count in 1..=3 {
        assert_eq!(program.ask("keep 10 100"), "done");
        wait_until("it was asked", || server.received().len() >= count);
    }
    program.ask("quit");
    program.wait().well();
    let said = || std::fs::read_to_string(&errors).unwrap();
    wait_until("it is told", || !said().is_empty());
    let url = server.url("/push.v1.PusherService/Push");
    let line = format!("heaptrace: a profile could not be pushed to {url}: 401 Unauthorized: who are you?\n");
    assert_eq!(said(), line);
}

#[test]
fn a_daemon_that_forks_twice_is_pushed() {
    let (room, server) = (Room::new(), Server::start());
    room.manual("daemon.c")
        .env("HEAPTRACE_PUSH", server.url(""))
        .env("HEAPTRACE_PUSH_INTERVAL", "150ms")
        .go()
        .well();
    // 300 blocks of 30 bytes before it waits, and as many after.
    wait_until("what it did first has come", || sum(&calls(&server), "in_daemon", "alloc_space") == 9000);
    std::fs::write(room.path("stop"), "").unwrap();
    wait_until("all has come", || sum(&calls(&server), "in_daemon", "alloc_space") == 18_000);
    assert!(calls(&server).iter().all(|kept| kept.label("service_name") == "daemon"));
}

/// With the end of such a process the kernel ends the collector too.
#[test]
fn the_first_process_of_a_container_is_pushed_before_it_ends() {
    let namespace = ["--map-root-user", "--fork", "--pid", "--mount-proc"];
    let may =
        Command::new("unshare").args(namespace).arg("true").status().is_ok_and(|status| status.success());
    if !wanted("to make a pid namespace", may) {
        return;
    }
    // What is sent at the end, as there is no time for it before, is not taken at once.
    let server = Server::that_answers(|number| match number {
        0 => Reply::text("503 Service Unavailable", "again"),
        _ => Reply::ok(),
    });
    let room = Room::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let preload = format!("LD_PRELOAD={}", library().display());
    let launch = room.manual_path("unshare").no_env("LD_PRELOAD").env("HEAPTRACE_PUSH", server.url(""));
    let launch = launch.env("HEAPTRACE_HTTP", format!(":{port}")).env("HEAPTRACE_INTERVAL", "200ms");
    let launch = launch.env("HEAPTRACE_PUSH_INTERVAL", "1h").args(namespace).args(["env", &preload]);
    let launch = launch.args([program("obeys.c")]).with(|command| {
        command.stdin(Stdio::piped());
    });
    let mut program = launch.spawn();
    assert_eq!(program.ask("keep 10 100"), "done");
    let url = format!("http://localhost:{port}/pid/1/debug/pprof/heap?debug=1");
    let heap = Command::new("curl").args(["-sf", &url]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&heap.stdout).starts_with("heap profile: 10: 1000 [10: 1000]"),
        "{heap:?}"
    );
    wait_until("it is written while it runs", || room.path("out.0001.prof").exists());
    program.ask("quit");
    let said = program.wait().well().stderr;
    assert!(said.contains("503 Service Unavailable: again") && said.lines().count() == 1, "{said}");
    let [first, second] = &server.received()[..] else { panic!("it was sent again") };
    assert_eq!(first.body, second.body);
    let file = room.profile("out.prof");
    assert_eq!(of_call(second).under("", "alloc_space"), file.total("alloc_space"));
    assert_eq!(file.under("keep", "alloc_space"), 1000);
}
