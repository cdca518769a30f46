//! The views by the commands that ask for them, of the command line and of the prompt.

use anyhow::ensure;
use heaptrace_pprof::encode;

use crate::ask::objdump::Objdump;
use crate::ask::{first_screen, source_files};
use crate::pattern::Pattern;
use crate::profile::tables::Function;
use crate::render::callgrind;
use crate::render::disassembly;
use crate::render::dot;
use crate::render::flame;
use crate::render::growth;
use crate::render::html;
use crate::render::json;
use crate::render::listing;
use crate::render::output::Output;
use crate::render::picture::{self, Format};
use crate::render::raw;
use crate::render::text;
use crate::say::say;
use crate::view::basis::{Options, View};
use crate::view::call_graph::CallGraph;
use crate::view::disassembly::Disassembly;
use crate::view::flame::Flame;
use crate::view::growth::Growth;
use crate::view::instructions::Instructions;
use crate::view::list::List;
use crate::view::pack::pack;
use crate::view::tags::Tags;
use crate::view::top::Top;
use crate::view::traces::{Folded, Traces};
use crate::view::tree::Tree;
use crate::view::viewer::Viewer;

/// A view and what it needs to know beside the options.
#[derive(Clone, Debug)]
pub enum Command {
    /// The top table.
    Top,
    /// What grows.
    Growth,
    /// What grows, as JSON.
    GrowthJson,
    /// The top table as JSON.
    Json,
    /// Callers and callees of the largest functions.
    Tree,
    /// Callers and callees of these functions.
    Peek(Pattern),
    /// Source of these functions.
    List(Pattern),
    /// Source of these functions in a browser.
    Weblist(Pattern),
    /// Machine code of these functions.
    Disasm(Pattern),
    /// What the writers of the profile noted.
    Comments,
    /// Each sample with its stack.
    Traces,
    /// Labels.
    Tags,
    /// Lines for flame graph tools.
    Folded,
    /// The call graph for graphviz.
    Dot,
    /// The call graph, drawn.
    Picture(Format),
    /// The call graph, drawn and shown in a browser.
    Web,
    /// The profile as text.
    Raw,
    /// The profile as a file of `profile.proto`.
    Proto,
    /// The call graph for KCachegrind.
    Callgrind,
    /// A flame graph.
    Flamegraph,
    /// The viewer.
    Html,
}

/// A view as it is asked for.
#[derive(Debug)]
pub struct ViewKind {
    /// Its name, of the option of the command line and of the command at the prompt.
    pub name: &'static str,
    /// What has to be said with it.
    pub argument: Argument,
    /// Whether it shows a number of rows.
    pub has_rows: bool,
    /// What it shows.
    pub help: &'static str,
    command: Make,
}

/// What has to be said with a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing.
    None,
    /// Which functions.
    Functions,
    /// The file to write.
    File,
}

#[derive(Debug)]
enum Make {
    Alone(Command),
    OfFunctions(fn(Pattern) -> Command),
}

const fn kind(name: &'static str, has_rows: bool, help: &'static str, command: Command) -> ViewKind {
    ViewKind { name, argument: Argument::None, has_rows, help, command: Make::Alone(command) }
}

const fn to_file(name: &'static str, help: &'static str, command: Command) -> ViewKind {
    ViewKind { name, argument: Argument::File, has_rows: false, help, command: Make::Alone(command) }
}

const fn of_functions(name: &'static str, help: &'static str, command: fn(Pattern) -> Command) -> ViewKind {
    let argument = Argument::Functions;
    ViewKind { name, argument, has_rows: false, help, command: Make::OfFunctions(command) }
}

/// All views.
pub static VIEWS: [ViewKind; 25] = [
    kind(
        "top",
        true,
        "The functions that hold most: what is shown unless asked for something else",
        Command::Top,
    ),
    kind("text", true, "The same as top", Command::Top),
    of_functions("list", "Source of the matching functions, with flat and cum for each line", Command::List),
    of_functions("weblist", "Source of the matching functions in a browser", Command::Weblist),
    of_functions(
        "disasm",
        "Machine code of the matching functions, or of the one at an address, with flat and cum for each instruction",
        Command::Disasm,
    ),
    of_functions("peek", "Callers and callees of the matching functions", Command::Peek),
    kind("tree", true, "Callers and callees of the functions that hold most", Command::Tree),
    kind(
        "growth",
        true,
        "What grows, how fast and how sure: within a profile, or over several of one program, oldest first",
        Command::Growth,
    ),
    kind("traces", false, "Each sample with its stack", Command::Traces),
    kind("tags", false, "Labels, with what the samples that have them add up to", Command::Tags),
    kind("folded", false, "Lines `a;b;c N` for flame graph tools", Command::Folded),
    kind("json", true, "The top table as JSON; with growth, that", Command::Json),
    kind("dot", true, "The call graph for graphviz: `dot -Tsvg`", Command::Dot),
    kind("svg", true, "The call graph as a picture, drawn by graphviz", Command::Picture(Format::Svg)),
    kind("png", true, "The call graph as a picture made of pixels", Command::Picture(Format::Png)),
    kind("gif", true, "The call graph as a GIF", Command::Picture(Format::Gif)),
    kind("pdf", true, "The call graph as a PDF", Command::Picture(Format::Pdf)),
    kind("ps", true, "The call graph as PostScript", Command::Picture(Format::Ps)),
    kind("web", true, "The call graph in a browser", Command::Web),
    kind("comments", false, "What the writers of the profile noted", Command::Comments),
    kind("raw", false, "The profile as text", Command::Raw),
    kind("proto", false, "The profile as a file again: filtered, added up, subtracted", Command::Proto),
    kind("callgrind", false, "The call graph for KCachegrind", Command::Callgrind),
    to_file("flamegraph", "A flame graph, written to FILE", Command::Flamegraph),
    to_file(
        "html",
        "The viewer for browsers as one file, with the profile inside, written to FILE",
        Command::Html,
    ),
];

impl ViewKind {
    /// The view called `name`.
    pub fn find(name: &str) -> Option<&'static ViewKind> {
        VIEWS.iter().find(|view| view.name == name)
    }

    /// The command; `name` is what an error calls the argument.
    pub fn command(&self, name: &str, argument: &str) -> anyhow::Result<Command> {
        match &self.command {
            Make::Alone(command) => Ok(command.clone()),
            Make::OfFunctions(command) => Ok(command(Pattern::of_option(name, argument)?)),
        }
    }
}

impl Command {
    /// Computes the view and writes it to `out`; says which filters matched nothing.
    pub fn run(&self, view: &View, out: &mut Output) -> anyhow::Result<()> {
        for filter in &view.selection.unmatched {
            say(format_args!("{filter} matches nothing in this profile"));
        }
        if let Command::Top = self
            && !view.options.compact_labels
        {
            first_screen::write(view, out)?;
        }
        let is_flame =
            matches!(self, Command::Folded | Command::Flamegraph | Command::Html | Command::Weblist(_));
        ensure!(!(view.options.mean && is_flame), "averages do not add up to a flame graph; leave mean out");
        let width = out.width();
        let read = |file: &str| source_files::read(&view.options.paths, file);
        match self {
            Command::Top => text::top(&mut out.text(), &Top::new(view), width)?,
            Command::Growth | Command::GrowthJson => {
                let view = View::new(view.profile, view.options)?;
                self.write_growth(&Growth::new(&mut [view])?, out)?
            }
            Command::Json => json::top(&mut out.text(), &Top::new(view))?,
            Command::Tree => text::tree(&mut out.text(), &Tree::new(view), width)?,
            Command::Peek(regex) => text::tree(&mut out.text(), &Tree::peek(view, regex)?, width)?,
            Command::List(regex) => {
                let list = List::new(view, regex, read)?;
                text::filters(&mut out.text(), &view.options.filters.described())?;
                listing::write(&mut out.text(), &list, width)?
            }
            Command::Weblist(regex) => {
                let functions = view.profile.functions.iter();
                let is_known = |f: &Function| regex.is_match(view.profile.text(f.name));
                ensure!(functions.clone().any(is_known), "no function matches {regex}");
                let page = html::Page::with(&html::data(&Viewer::new(view, read))?, &[]);
                out.page(page.html.as_bytes(), &html::place(view.options, regex))?;
            }
            Command::Disasm(regex) => {
                let objdump = Objdump::new(view.options.intel_syntax);
                let disassembly = Disassembly::new(view, regex, &objdump)?;
                text::filters(&mut out.text(), &view.options.filters.described())?;
                disassembly::write(&mut out.text(), &disassembly)?
            }
            Command::Comments => text::comments(&mut out.text(), &view.profile.comments)?,
            Command::Traces => {
                text::filters(&mut out.text(), &view.options.filters.described())?;
                text::traces(&mut out.text(), &Traces::new(view), width)?
            }
            Command::Tags => {
                text::filters(&mut out.text(), &view.options.filters.described())?;
                text::tags(&mut out.text(), &Tags::new(view))?
            }
            Command::Folded => text::folded(&mut out.text(), &Folded::new(view))?,
            Command::Raw => {
                let undivided = Options { divide_by: 1.0, ..view.options.clone() };
                raw::write(&mut out.text(), &pack(&View::new(view.profile, &undivided)?))?
            }
            Command::Dot => dot::write(&mut out.text(), &CallGraph::new(view))?,
            Command::Picture(format) => {
                let picture = picture::draw(&CallGraph::new(view), *format)?;
                out.data(format.name(), |out| Ok(out.write_all(&picture)?))?;
            }
            Command::Web => picture::show(&CallGraph::new(view))?,
            Command::Proto => out.data("pb.gz", |out| Ok(out.write_all(&encode(&pack(view)))?))?,
            Command::Callgrind => {
                out.data("callgrind", |out| Ok(callgrind::write(out, &Instructions::new(view))?))?
            }
            Command::Flamegraph => {
                let flame = Flame::new(view)?;
                out.data("svg", |out| Ok(flame::write(out, &flame)?))?;
            }
            Command::Html => {
                let page = html::Page::with(&html::data(&Viewer::new(view, read))?, &[]);
                out.data("html", |out| Ok(out.write_all(page.html.as_bytes())?))?;
            }
        }
        Ok(())
    }

    /// Writes what grows, as this command has it.
    pub fn write_growth(&self, growth: &Growth, out: &mut Output) -> anyhow::Result<()> {
        let width = out.width();
        match self {
            Command::GrowthJson => json::growth(&mut out.text(), growth)?,
            _ => growth::write(&mut out.text(), growth, width)?,
        }
        Ok(())
    }
}
