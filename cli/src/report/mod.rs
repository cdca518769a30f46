//! `heaptrace report`: reading profiles, ours and those of any other writer of `profile.proto`.
//!
//! ```text
//! load ─ prune ─┬─ filter ─ graph ─ top, tree, list, traces, tags ─┬─ text
//!   │           │                                                  ├─ json
//! fields        └─ view: all of it, as the options say             └─ flame, dot
//! ```
//!
//! A view is computed once, as a value; what writes it knows nothing of profiles.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context;
use regex::Regex;

use command::Command;
use filter::Filters;
use graph::Sort;
use header::Header;
use load::Base;
use node::Granularity;
use paths::SourcePaths;
use tags::TagFilter;
use view::{Options, View};

mod command;
mod dot;
mod fields;
mod filter;
mod flame;
mod graph;
mod header;
mod ids;
mod intern;
mod json;
mod list;
mod load;
mod measure;
mod merge;
mod node;
mod noise;
mod paths;
mod profile;
mod prompt;
mod prune;
mod row;
mod setting;
mod source;
mod tags;
mod text;
mod top;
mod traces;
mod tree;
mod view;

/// Show what is in a profile: by default what it is and the functions that hold most
///
/// Reads any pprof profile, whoever wrote it. Several are added up.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Profiles to read
    #[arg(required = true, value_name = "PROFILE")]
    files: Vec<PathBuf>,

    /// What to show, by name or number: inuse_space, inuse_objects, alloc_space, alloc_objects,
    /// peak_space, peak_objects, or what else the profile has [default: what the profile says]
    #[arg(short, long, value_name = "NAME", default_value = "", hide_default_value = true)]
    sample_index: String,

    /// Rows to show; 0: all [default: 20, in trees 80]
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,

    /// Sort by cum: what a function holds together with all that it calls
    #[arg(long)]
    cum: bool,

    /// Only samples with a matching frame: by function, source file, or file of the mapping
    #[arg(long, value_name = "REGEX", help_heading = "Filters")]
    focus: Option<String>,

    /// No samples with a matching frame
    #[arg(long, value_name = "REGEX", help_heading = "Filters")]
    ignore: Option<String>,

    /// Leave out matching frames
    #[arg(long, value_name = "REGEX", help_heading = "Filters")]
    hide: Option<String>,

    /// Leave out frames that do not match
    #[arg(long, value_name = "REGEX", help_heading = "Filters")]
    show: Option<String>,

    /// Leave out the callers of the outermost matching frame
    #[arg(long, value_name = "REGEX", help_heading = "Filters")]
    show_from: Option<String>,

    /// Only samples with a matching label: `64kb:`, `bytes=1kb:4kb`, `thread=main`
    #[arg(long, alias = "tagfocus", value_name = "TAG", help_heading = "Filters")]
    tag_focus: Option<String>,

    /// No samples with a matching label
    #[arg(long, alias = "tagignore", value_name = "TAG", help_heading = "Filters")]
    tag_ignore: Option<String>,

    /// What a row stands for
    #[arg(long, value_name = "WHAT", default_value = "functions")]
    granularity: Granularity,

    /// Unit of the values, such as MB or ms [default: the one that suits the smallest]
    #[arg(long, default_value = "minimum", hide_default_value = true)]
    unit: String,

    /// Folders to search for sources, separated by colons [default: the current one]
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    source_path: String,

    /// Prefixes to cut off the names of source files, separated by colons
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    trim_path: String,

    /// Subtract an older profile
    #[arg(long, value_name = "OLD")]
    base: Option<PathBuf>,

    /// Subtract an older profile; percentages are of its total
    #[arg(long, value_name = "OLD", conflicts_with = "base")]
    diff_base: Option<PathBuf>,

    /// Read commands from a prompt, or from a pipe
    #[arg(short, long)]
    interactive: bool,

    #[command(flatten)]
    view: ViewArgs,
}

/// Which view to show.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Views")]
struct ViewArgs {
    /// Source of the matching functions, with flat and cum for each line
    #[arg(long, value_name = "REGEX")]
    list: Option<String>,

    /// Callers and callees of the matching functions
    #[arg(long, value_name = "REGEX")]
    peek: Option<String>,

    /// Callers and callees of the functions that hold most
    #[arg(long)]
    tree: bool,

    /// Each sample with its stack
    #[arg(long)]
    traces: bool,

    /// Labels, with what the samples that have them add up to
    #[arg(long)]
    tags: bool,

    /// Lines `a;b;c N` for flame graph tools
    #[arg(long)]
    folded: bool,

    /// The top table as JSON
    #[arg(long)]
    json: bool,

    /// The call graph for graphviz: `dot -Tsvg`
    #[arg(long)]
    dot: bool,

    /// A flame graph, written to FILE
    #[arg(long, value_name = "FILE")]
    flamegraph: Option<PathBuf>,
}

impl ViewArgs {
    fn command(&self) -> anyhow::Result<Command> {
        Ok(match self {
            ViewArgs { list: Some(regex), .. } => Command::List(compiled("--list", regex)?),
            ViewArgs { peek: Some(regex), .. } => Command::Peek(compiled("--peek", regex)?),
            ViewArgs { flamegraph: Some(file), .. } => Command::Flamegraph(file.clone()),
            ViewArgs { tree: true, .. } => Command::Tree,
            ViewArgs { traces: true, .. } => Command::Traces,
            ViewArgs { tags: true, .. } => Command::Tags,
            ViewArgs { folded: true, .. } => Command::Folded,
            ViewArgs { json: true, .. } => Command::Json,
            ViewArgs { dot: true, .. } => Command::Dot,
            _ => Command::Top,
        })
    }
}

impl Args {
    fn options(&self) -> anyhow::Result<Options> {
        let regex = |name, pattern: &Option<String>| -> anyhow::Result<Option<Regex>> {
            pattern.as_ref().map(|p| compiled(name, p)).transpose()
        };
        let tags = |tags: &Option<String>| -> anyhow::Result<Option<TagFilter>> {
            tags.as_ref().map(|tags| TagFilter::new(tags)).transpose()
        };
        Ok(Options {
            sample_index: self.sample_index.clone(),
            limit: self.limit,
            sort: if self.cum { Sort::Cum } else { Sort::Flat },
            granularity: self.granularity,
            unit: self.unit.clone(),
            filters: Filters {
                focus: regex("--focus", &self.focus)?,
                ignore: regex("--ignore", &self.ignore)?,
                hide: regex("--hide", &self.hide)?,
                show: regex("--show", &self.show)?,
                show_from: regex("--show-from", &self.show_from)?,
                tag_focus: tags(&self.tag_focus)?,
                tag_ignore: tags(&self.tag_ignore)?,
            },
            paths: SourcePaths { source: self.source_path.clone(), trim: self.trim_path.clone() },
        })
    }

    fn subtracted(&self) -> Option<Base> {
        let diff = self.diff_base.is_some();
        let file = self.diff_base.as_ref().or(self.base.as_ref())?.clone();
        Some(Base { file, diff })
    }
}

/// A regular expression that a user gave, in one line if it is wrong.
fn compiled(name: &str, pattern: &str) -> anyhow::Result<Regex> {
    Regex::new(pattern).map_err(|error| {
        let text = error.to_string();
        // The last line of the error is the reason; those before it draw the place.
        let reason = text.lines().last().unwrap_or_default();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        anyhow::anyhow!("{name}: {pattern:?} is no regular expression: {reason}")
    })
}

/// Runs `heaptrace report`.
pub fn run(args: Args) -> anyhow::Result<()> {
    let command = args.view.command()?;
    let options = args.options()?;
    let mut profile = load::load(&args.files, args.subtracted().as_ref())?;
    prune::prune(&mut profile)?;
    let mut out = BufWriter::new(anstream::AutoStream::auto(io::stdout().lock()));
    if args.interactive {
        prompt::run(&profile, options, &mut out)?;
        return out.flush().context("cannot write");
    }
    let view = View::new(&profile, &options)?;
    for filter in &view.selection.unmatched {
        eprintln!("heaptrace: {filter} matches nothing in this profile");
    }
    if let Command::Top = command {
        text::header(&mut out, &Header::new(&view))?;
    }
    command.run(&view, &mut out, terminal_width())?;
    out.flush()?;
    Ok(())
}

/// Columns of the terminal that is written to, if it is one.
fn terminal_width() -> Option<usize> {
    let stdout = io::stdout();
    let size = terminal_size::terminal_size_of(&stdout).filter(|_| stdout.is_terminal());
    size.map(|(width, _)| usize::from(width.0))
}
