//! A program that runs, and what is left of it when it has ended.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Output};
use std::thread;
use std::time::Duration;

use super::{Ledger, PATIENCE, signal_process, wait_until};

/// A program that runs.
pub struct Running {
    pub(super) child: Child,
}

impl Running {
    /// Its process id: heaptrace's own under `heaptrace run`.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The collector of a `heaptrace run`: its child in a session of its own.
    pub fn collector(&self) -> u32 {
        self.child_that(leads_session)
    }

    /// The program of a `heaptrace run`: its other child.
    pub fn program(&self) -> u32 {
        let collector = self.collector(); // which looks like a program until it leads a session
        self.child_that(|&child| child != collector)
    }

    /// Has it ended, and is not waited for yet?
    pub fn is_zombie(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('Z')
    }

    fn child_that(&self, is_wanted: impl Fn(&u32) -> bool) -> u32 {
        let pid = self.pid();
        let mut found = None;
        wait_until("there is such a child", || {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
            found = children.split_whitespace().map(|child| child.parse().unwrap()).find(&is_wanted);
            found.is_some()
        });
        found.unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        signal_process(self.pid(), signal);
    }

    /// Waits until it has written a line, and returns it.
    #[track_caller]
    pub fn read_line(&mut self) -> String {
        let line = self.read_until("\n");
        line.strip_suffix('\n').unwrap_or(&line).to_owned()
    }

    /// Waits until it has written `end`, and returns all up to there; or until it writes no more.
    pub fn read_until(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        let stdout = self.child.stdout.as_mut().unwrap();
        while !text.ends_with(end.as_bytes()) && std::io::Read::read(stdout, &mut byte).unwrap() == 1 {
            text.push(byte[0]);
        }
        String::from_utf8(text).unwrap()
    }

    /// Writes a line to its input.
    pub fn send_line(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        std::io::Write::write_all(stdin, format!("{line}\n").as_bytes()).unwrap();
    }

    /// Writes a line to its input, and returns the line that it answers.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> String {
        self.send_line(line);
        self.read_line()
    }

    /// Waits until it has written a line of errors, and returns it.
    pub fn read_error_line(&mut self) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        let stderr = self.child.stderr.as_mut().unwrap();
        while std::io::Read::read(stderr, &mut byte).unwrap() == 1 && byte != *b"\n" {
            text.push(byte[0]);
        }
        String::from_utf8(text).unwrap()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(self) -> Ended {
        self.wait_within(PATIENCE)
    }

    /// Waits for its end, which takes longer than most.
    #[track_caller]
    pub fn wait_within(self, patience: Duration) -> Ended {
        let group = self.child.id();
        let (sender, receiver) = std::sync::mpsc::channel();
        thread::spawn(move || sender.send(self.child.wait_with_output()));
        let Ok(output) = receiver.recv_timeout(patience) else {
            // SAFETY: the group was made for this child.
            unsafe { libc::killpg(group as i32, libc::SIGKILL) };
            panic!("did not end: {:?}", receiver.recv().unwrap().unwrap());
        };
        let Output { status, stdout, stderr } = output.unwrap();
        Ended { pid: group, status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() }
    }
}

fn leads_session(pid: &u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
    fields.get(3) == Some(&pid.to_string().as_str())
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    pub pid: u32,
    status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ended {
    /// The status as a shell shows it.
    pub fn status(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap())
    }

    /// Its standard output.
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// It ended well.
    #[track_caller]
    pub fn well(self) -> Ended {
        assert_eq!(self.status(), 0, "{self:?}");
        self
    }

    /// What it printed with `print_ledger`.
    #[track_caller]
    pub fn ledger(&self) -> Ledger {
        Ledger::parse(&self.text())
    }

    /// What heaptrace said, line by line; nobody else said anything.
    #[track_caller]
    pub fn said(&self) -> Vec<&str> {
        let line = |line| str::strip_prefix(line, "heaptrace: ").unwrap_or_else(|| panic!("{self:?}"));
        self.stderr.lines().map(line).collect()
    }
}
