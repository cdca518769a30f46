//! A program that is about to be run.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Ended, Running};

#[derive(PartialEq)]
pub(super) enum How {
    Bare,
    Run,
    Stat,
}

/// A program that is about to be run.
pub struct Launch {
    pub(super) how: How,
    pub(super) command: Command,
    pub(super) program: PathBuf,
    pub(super) options: Vec<OsString>,
    pub(super) arguments: Vec<OsString>,
}

impl Launch {
    /// Arguments of the program.
    pub fn args<I: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = I>) -> Launch {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Options of `heaptrace run` or `stat`, instead of rate 1 and out.prof or out.json.
    pub fn options<I: AsRef<OsStr>>(mut self, options: impl IntoIterator<Item = I>) -> Launch {
        self.options = options.into_iter().map(|option| option.as_ref().to_owned()).collect();
        self
    }

    /// One more option of it.
    pub fn option(mut self, option: &str) -> Launch {
        self.options.push(option.into());
        self
    }

    pub fn rate(self, rate: &str) -> Launch {
        self.options(["-r", rate, "-o", "out.prof"])
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Launch {
        self.command.env(name, value);
        self
    }

    pub fn no_env(mut self, name: &str) -> Launch {
        self.command.env_remove(name);
        self
    }

    /// The command itself, for what the methods here do not do.
    pub fn with(mut self, change: impl FnOnce(&mut Command)) -> Launch {
        change(&mut self.command);
        self
    }

    /// Called in the new process before exec.
    pub fn before_exec(mut self, prepare: impl FnMut() + Send + Sync + 'static) -> Launch {
        let mut prepare = prepare;
        // SAFETY: the callers make system calls only.
        unsafe {
            self.command.pre_exec(move || {
                prepare();
                Ok(())
            })
        };
        self
    }

    fn command(self) -> Command {
        let mut command = self.command;
        let name = match self.how {
            How::Bare => None,
            How::Run => Some("run"),
            How::Stat => Some("stat"),
        };
        if let Some(name) = name {
            command.arg(name).args(self.options).arg("--").arg(self.program);
        }
        command.args(self.arguments);
        command
    }

    /// Starts it, with pipes for its output.
    pub fn spawn(mut self) -> Running {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.start()
    }

    /// Starts it, with output to wherever it goes.
    pub fn start(self) -> Running {
        let mut command = self.command();
        command.process_group(0);
        // Another test's child may have a program open for writing that was just made, until it execs.
        let is_busy = |why: &io::Error| why.kind() == io::ErrorKind::ExecutableFileBusy;
        let mut child = command.spawn();
        while child.as_ref().is_err_and(is_busy) {
            child = command.spawn();
        }
        Running { child: child.unwrap_or_else(|why| panic!("{command:?}: {why}")) }
    }

    /// Runs it to its end.
    pub fn go(self) -> Ended {
        self.spawn().wait()
    }
}
