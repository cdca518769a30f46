//! A program that obeys and is served, and a client.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;
use heaptrace_pprof::proto;
use prost::Message;

use crate::support::{Launch, Room, Running};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// As they came, but for the date.
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn of(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n").map(str::to_owned);
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter(|line| !line.starts_with("Date: ")).collect();
        Answer { status, headers, body: bytes[end + 4..].to_vec() }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The profile in it.
    #[track_caller]
    pub fn profile(&self) -> proto::Profile {
        assert_eq!(self.status, 200, "{self:?}");
        let mut message = Vec::new();
        GzDecoder::new(&*self.body).read_to_end(&mut message).unwrap();
        proto::Profile::decode(&*message).unwrap()
    }
}

/// The sum of a value over the samples with that function; over all of them for an empty name.
#[track_caller]
pub fn under(profile: &proto::Profile, function: &str, index: &str) -> i64 {
    let text = |index: i64| profile.string_table[index as usize].as_str();
    let at = profile.sample_type.iter().position(|kind| text(kind.r#type) == index).unwrap();
    let is_it = |id: &u64| {
        let lines = &profile.location[*id as usize - 1].line;
        lines.iter().any(|line| text(profile.function[line.function_id as usize - 1].name) == function)
    };
    let with = profile.sample.iter().filter(|it| function.is_empty() || it.location_id.iter().any(is_it));
    with.map(|sample| sample.value[at]).sum()
}

/// Has a program read what a test writes.
pub fn with_input(command: &mut Command) {
    command.stdin(Stdio::piped());
}

/// A program that does what it is told, and where it is served.
pub struct Served {
    pub program: Running,
    pub place: String,
}

impl Served {
    /// Every allocation is recorded.
    pub fn start(room: &Room) -> Served {
        Served::launch(room.run("obeys.c").option("--http").option(":0"))
    }

    pub fn launch(launch: Launch) -> Served {
        let mut program = launch.with(with_input).spawn();
        let line = program.read_error_line();
        let url =
            line.strip_prefix("heaptrace: serving the viewer at http://").unwrap_or_else(|| panic!("{line}"));
        let (place, more) = url.split_once('/').unwrap();
        assert_eq!(more, format!(" and http://{place}/debug/pprof/"));
        let place = place.to_owned();
        Served { program, place }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.place)
    }

    /// Has the program do something, and waits until it is done.
    #[track_caller]
    pub fn tell(&mut self, command: &str) {
        assert_eq!(self.program.ask(command), "done");
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask(path, &[])
    }

    pub fn ask(&self, path: &str, headers: &[&str]) -> Answer {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        self.send(&format!("GET {path} HTTP/1.1\r\n{lines}\r\n"))
    }

    pub fn send(&self, text: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.place).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::of(&bytes)
    }
}
