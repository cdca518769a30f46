//! `heaptrace top`, on a terminal and without one.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use super::commands::{heaptrace, said, well};
use super::served::Served;
use crate::support::{HEAPTRACE, Room, signal_process, wait_until};

/// Of another screen than the shell's.
const ENTERED: &str = "\x1b[?1049h";
const LEFT: &str = "\x1b[?1049l";

/// `heaptrace top` on a terminal of 100 columns and 30 rows, as a shell starts it.
struct OnTerminal<'a> {
    room: &'a Room,
    script: Child,
    output: Arc<Mutex<Vec<u8>>>,
}

impl OnTerminal<'_> {
    fn start<'a>(room: &'a Room, arguments: &str) -> OnTerminal<'a> {
        let shell = format!(
            "stty cols 100 rows 30; stty -g > before; sh -c 'echo $$ > top; exec {HEAPTRACE} top {arguments}'; \
             echo $? > status; stty -g > after"
        );
        let mut script = Command::new("script");
        script.args(["-qec", &shell, "/dev/null"]).current_dir(room.path("")).env("TERM", "xterm");
        let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (output, mut stdout) = (Arc::<Mutex<Vec<u8>>>::default(), script.stdout.take().unwrap());
        let written = Arc::clone(&output);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                written.lock().unwrap().extend(&bytes[..count]);
            }
        });
        OnTerminal { room, script, output }
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }

    /// Waits until it has drawn a word, since the last key.
    #[track_caller]
    fn shows(&self, word: &str) {
        wait_until(&format!("it shows {word}: {:?}", self.output()), || self.output().contains(word));
    }

    fn press(&mut self, keys: &str) {
        self.output.lock().unwrap().clear();
        self.script.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Its process.
    fn pid(&self) -> u32 {
        fs::read_to_string(self.room.path("top")).unwrap().trim().parse().unwrap()
    }

    fn signal(&self, signal: i32) {
        signal_process(self.pid(), signal);
    }

    /// Waits for its end, after which the terminal is as it was. What it exited with.
    #[track_caller]
    fn ends(mut self) -> String {
        assert!(self.script.wait().is_ok_and(|status: ExitStatus| status.success()));
        let read = |name| fs::read_to_string(self.room.path(name)).unwrap();
        assert_eq!(read("before"), read("after"));
        wait_until("it has left its screen", || self.output().contains(LEFT));
        read("status").trim().to_owned()
    }
}

#[test]
fn top_shows_what_a_program_holds_while_it_runs_and_leaves_the_terminal_as_it_was() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 10 100");
    let pid = served.program.program();
    let mut top = OnTerminal::start(&room, &pid.to_string());
    top.shows(ENTERED);
    top.shows("keep");
    top.shows("1000B");
    served.tell("keep 30 100");
    top.shows("3.91kB");
    top.press("\r");
    top.shows("callers");
    top.shows("main");
    top.press("2");
    top.shows("ROUTINE");
    top.press("q");
    assert_eq!(top.ends(), "0");
    served.program.ask("quit");
}

#[test]
fn top_ends_by_signals_and_stops_and_goes_on_with_the_terminal_in_order() {
    let room = Room::new();
    let served = Served::start(&room);
    let pid = served.program.program().to_string();
    for (signal, status) in
        [(libc::SIGTERM, 143), (libc::SIGINT, 130), (libc::SIGHUP, 129), (libc::SIGQUIT, 131)]
    {
        let top = OnTerminal::start(&room, &pid);
        top.shows("pid");
        top.signal(signal);
        assert_eq!(top.ends(), status.to_string());
    }
    let mut top = OnTerminal::start(&room, &pid);
    top.shows("pid");
    top.press(""); // from now on
    top.signal(libc::SIGTSTP);
    top.shows(LEFT);
    let state = || fs::read_to_string(format!("/proc/{}/stat", top.pid())).unwrap();
    wait_until("it is stopped", || state().contains(") T "));
    top.press("");
    top.signal(libc::SIGCONT);
    top.shows(ENTERED);
    top.shows("pid");
    top.press("q");
    assert_eq!(top.ends(), "0");
}

#[test]
fn top_stays_when_the_program_ends() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 10 100");
    let pid = served.program.program().to_string();
    let mut top = OnTerminal::start(&room, &pid);
    top.shows("keep");
    served.program.ask("quit");
    served.program.wait().well();
    top.shows("ended");
    top.press("q");
    assert_eq!(top.ends(), "0");
}

#[test]
fn without_a_terminal_top_says_so_or_prints_the_table_once() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 10 100");
    let pid = served.program.program().to_string();
    assert!(said(&room, &["top", &pid]).contains("heaptrace top --once prints the table"));
    let table = well(&room, &["top", &pid, "--once", "--interval", "100ms"]);
    let row = table.lines().find(|line| line.contains(" keep obeys.c:")).expect(&table);
    assert!(row.trim_start().starts_with("1000B"), "{table}");
    assert!(!table.contains('\x1b'), "{table}");
    assert!(said(&room, &["top", "1"]).contains("process 1 is not being profiled by this user"));
    assert_eq!(heaptrace(&room, &["top", &pid, "--interval", "soon"]).status.code(), Some(2));
    served.program.ask("quit");
}
