//! What a report is written to: a terminal, a pipe or a file.

use std::cell::RefCell;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use anstream::{AutoStream, ColorChoice, StripStream};
use anyhow::Context;
use heaptrace_pprof::whole_file::WholeFile;

use crate::render::browser;
use crate::render::new_file::new_file;
use crate::say::say;

/// Where views are written, and how they may look there.
#[expect(missing_debug_implementations, reason = "a writer has no text")]
pub struct Output {
    out: Box<dyn Write>,
    name: String,
    /// The file that it is, if it is one that the user named.
    path: Option<PathBuf>,
    colour: bool,
    /// Whether people look at it, and the bytes of a picture do not belong there.
    is_terminal: bool,
    width: Option<usize>,
}

impl Output {
    /// Standard output.
    pub fn stdout() -> Output {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let size = terminal_size::terminal_size_of(&stdout).filter(|_| is_terminal);
        Output {
            colour: AutoStream::choice(&stdout) != ColorChoice::Never,
            out: Box::new(BufWriter::new(stdout.lock())),
            name: "the output".to_owned(),
            path: None,
            is_terminal,
            width: size.map(|(width, _)| usize::from(width.0)),
        }
    }

    /// Has `write` write a file, which is there only if all of it could be written.
    pub fn to_file(path: &Path, write: impl FnOnce(&mut Output) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let cannot_write = || format!("cannot write {}", path.display());
        let file = Rc::new(RefCell::new(WholeFile::create(path).with_context(cannot_write)?));
        let mut output = Output::plain(BufWriter::new(Shared(Rc::clone(&file))), path);
        output.path = Some(path.to_owned());
        write(&mut output)?;
        output.flush()?;
        drop(output);
        let file = Rc::into_inner(file).expect("the output had the other one");
        file.into_inner().finish().with_context(cannot_write)
    }

    /// Has `write` write to a command of the shell, which may end before it has read all.
    pub fn to_command(
        line: &str,
        write: impl FnOnce(&mut Output) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let shell = || Command::new("sh").arg("-c").arg(line).stdin(Stdio::piped()).spawn();
        let mut child = shell().context("cannot run sh")?;
        let input = child.stdin.take().expect("it is a pipe");
        let mut output = Output::plain(BufWriter::new(input), Path::new(line));
        let written = write(&mut output).and_then(|()| output.flush());
        drop(output);
        child.wait().context("cannot wait for sh")?;
        let is_end = |error: &(dyn std::error::Error + 'static)| {
            error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe)
        };
        written.or_else(|error| if error.chain().any(is_end) { Ok(()) } else { Err(error) })
    }

    /// Nothing: what is written is forgotten.
    pub fn nothing() -> Output {
        Output::plain(io::sink(), Path::new("nothing"))
    }

    /// No colours, whole names.
    fn plain(out: impl Write + 'static, name: &Path) -> Output {
        let name = name.display().to_string();
        Output { out: Box::new(out), name, path: None, colour: false, is_terminal: false, width: None }
    }

    /// The columns to shorten long names to, if they have to be.
    pub fn width(&self) -> Option<usize> {
        self.width
    }

    /// Takes text with colours, and leaves them out where they are not wanted.
    pub fn text(&mut self) -> Box<dyn Write + '_> {
        match self.colour {
            true => Box::new(&mut self.out),
            false => Box::new(StripStream::new(&mut self.out)),
        }
    }

    /// Takes what is for programs. On a terminal it goes to a new file, which is named on stderr.
    pub fn data(
        &mut self,
        extension: &str,
        write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if !self.is_terminal {
            return write(&mut self.out);
        }
        let (path, file) = new_file(Path::new("profile"), extension)?;
        let mut file = Output::plain(BufWriter::new(file), &path);
        write(&mut file.out)?;
        file.flush()?;
        say(format_args!("written to {}", path.display()));
        Ok(())
    }

    /// Takes a page for browsers. Where nobody said where to write it, it is shown in one at `place`.
    pub fn page(&mut self, page: &[u8], place: &str) -> anyhow::Result<()> {
        match &self.path {
            None => browser::show(page, "html", Some(place)),
            Some(path) => {
                say(format_args!("open {}", browser::address(path, place)));
                Ok(self.out.write_all(page)?)
            }
        }
    }

    /// Writes out what is still in memory.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.out.flush().with_context(|| format!("cannot write {}", self.name))
    }
}

/// A file that is finished by somebody else.
struct Shared(Rc<RefCell<WholeFile>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}
