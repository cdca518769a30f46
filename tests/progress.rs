//! How far looking names up has come is shown on a terminal, where it takes its time, and nowhere else.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use support::{HEAPTRACE, Launch, Room, Running, program, wait_until};

/// A debuginfod server that has nothing, and says so to nobody before the door is open.
struct Server {
    address: String,
    door: Arc<Mutex<()>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (door, requests) = (Arc::<Mutex<()>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let server = Server { address, door: Arc::clone(&door), requests: Arc::clone(&requests) };
        thread::spawn(move || {
            for mut stream in listener.incoming().map(Result::unwrap) {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
                requests.lock().unwrap().push(lines.next().unwrap());
                let door = Arc::clone(&door);
                thread::spawn(move || {
                    lines.find(String::is_empty);
                    drop(door.lock().unwrap());
                    let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    stream.write_all(answer.as_bytes()).unwrap();
                });
            }
        });
        server
    }

    /// The server under a name of the test's.
    fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    fn wait_for_request_to(&self, name: &str) {
        let start = format!("GET {name}/buildid/");
        wait_until(&format!("{name} was asked"), || {
            self.requests.lock().unwrap().iter().any(|request| request.starts_with(&start))
        });
    }
}

impl Room {
    /// A program whose debug file somebody may have.
    fn stripped_program(&self) -> String {
        let path = self.path("stripped").display().to_string();
        let mut strip = Command::new("strip");
        strip.arg("-o").arg(&path).arg(program("ends.c"));
        assert!(strip.status().unwrap().success());
        path
    }

    /// `heaptrace …` with a terminal for its output.
    fn on_terminal(&self, server: &str, arguments: &str) -> Running {
        let command = format!("{HEAPTRACE} {arguments}");
        let launch = self.bare_path("script").args(["-qec", command.as_str(), "/dev/null"]);
        self.asking(launch, server).spawn()
    }

    fn asking(&self, launch: Launch, server: &str) -> Launch {
        launch.env("DEBUGINFOD_URLS", server).env("DEBUGINFOD_CACHE_PATH", self.path("cache"))
    }
}

#[test]
fn a_run_shows_on_a_terminal_what_is_waited_for_and_nothing_elsewhere_or_if_quiet() {
    let (room, server) = (Room::new(), Server::start());
    let program = room.stripped_program();
    let closed = server.door.lock().unwrap();
    let into_pipe = room.asking(room.run_path(&program), &server.url("pipe")).spawn();
    let quiet = room.on_terminal(&server.url("quiet"), &format!("run -r1 -q -o quiet.prof -- {program}"));
    server.wait_for_request_to("/pipe");
    server.wait_for_request_to("/quiet");
    // From here on they wait longer than the next one, until its line is there.
    let mut shown = room.on_terminal(&server.url("terminal"), &format!("run -r1 -o shown.prof -- {program}"));
    let line = shown.read_until("addresses, waiting for http://127.0.0.1");
    assert!(line.contains("heaptrace: looking up names: "), "{line:?}");
    drop(closed);
    let summary = shown.wait().well().text();
    let before_summary = summary.split("heaptrace: shown.prof: ").next().unwrap();
    assert_ne!(before_summary, summary, "there is no summary");
    assert!(before_summary.ends_with("\r\u{1b}[2K"), "the line is still there: {before_summary:?}");
    let into_pipe = into_pipe.wait().well().stderr;
    assert!(into_pipe.contains("heaptrace: out.prof: "), "{into_pipe:?}");
    assert!(!into_pipe.contains("looking up") && !into_pipe.contains('\u{1b}'), "{into_pipe:?}");
    let quiet = quiet.wait().well().text();
    assert!(!quiet.contains("heaptrace") && !quiet.contains('\u{1b}'), "{quiet:?}");
}

#[test]
fn who_does_not_want_to_wait_gets_the_profile_later() {
    let (room, server) = (Room::new(), Server::start());
    let closed = server.door.lock().unwrap();
    let launch = room.run_path(room.stripped_program()).args(["exit", "4"]);
    let running = room.asking(launch, &server.address).spawn();
    server.wait_for_request_to("");
    // The first may still be for the program.
    wait_until("it waits no more", || {
        running.signal(libc::SIGINT);
        running.is_zombie()
    });
    assert!(!room.path("out.prof").exists());
    drop(closed);
    let ended = running.wait();
    assert_eq!(ended.status(), 4, "{ended:?}");
    assert!(ended.stderr.contains("heaptrace: the profile will be there"), "{ended:?}");
    assert_eq!(room.awaited_profile("out.prof").total("alloc_objects"), 1000);
}

#[test]
fn symbolize_shows_on_a_terminal_what_is_waited_for() {
    let (room, server) = (Room::new(), Server::start());
    room.run_path(room.stripped_program()).option("--symbolize=none").go().well();
    let closed = server.door.lock().unwrap();
    let mut shown = room.on_terminal(&server.address, "symbolize out.prof -o named.prof");
    let line = shown.read_until("addresses, waiting for http://127.0.0.1");
    assert!(line.starts_with("heaptrace: looking up names: "), "{line:?}");
    drop(closed);
    let end = shown.wait().well().text();
    assert!(end.contains("\r\u{1b}[2Kheaptrace: ") && end.contains("\nheaptrace: named.prof: "), "{end:?}");
}
