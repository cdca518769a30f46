//! What `heaptrace report` is asked for on the command line.

use std::path::PathBuf;

use anyhow::ensure;

use crate::ask::command::Command;
use crate::pattern::Pattern;
use crate::profile::part::Base;
use crate::render::picture::Format;
use crate::view::basis::{EDGE_FRACTION, NODE_FRACTION, Options};
use crate::view::filter::Filters;
use crate::view::graph::Sort;
use crate::view::label::TagFilter;
use crate::view::node::Granularity;
use crate::view::own::OwnCode;
use crate::view::paths::SourcePaths;

/// Show what is in a profile: by default what it is and the functions that hold most
///
/// Reads any pprof profile, whoever wrote it. Several are added up.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Profiles to read
    #[arg(required = true, value_name = "PROFILE")]
    pub files: Vec<PathBuf>,

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

    /// Leave out what the innermost matching frame calls
    #[arg(long, value_name = "REGEX", help_heading = "Filters")]
    prune_from: Option<String>,

    /// Only samples with a matching label: `64kb:`, `bytes=1kb:4kb`, `thread=main`
    #[arg(long, alias = "tagfocus", value_name = "TAG", help_heading = "Filters")]
    tag_focus: Option<String>,

    /// No samples with a matching label
    #[arg(long, alias = "tagignore", value_name = "TAG", help_heading = "Filters")]
    tag_ignore: Option<String>,

    /// Only labels whose key matches
    #[arg(long, alias = "tagshow", value_name = "REGEX", help_heading = "Filters")]
    tag_show: Option<String>,

    /// No labels whose key matches
    #[arg(long, alias = "taghide", value_name = "REGEX", help_heading = "Filters")]
    tag_hide: Option<String>,

    /// No functions whose value is negative, as in a difference what shrank
    #[arg(long, help_heading = "Filters")]
    drop_negative: bool,

    /// No functions with less than this share of the total
    #[arg(long, alias = "nodefraction", value_name = "SHARE", default_value_t = NODE_FRACTION, help_heading = "Filters")]
    node_fraction: f64,

    /// No calls with less than this share of the total
    #[arg(long, alias = "edgefraction", value_name = "SHARE", default_value_t = EDGE_FRACTION, help_heading = "Filters")]
    edge_fraction: f64,

    /// What a row stands for [default: functions, and lines of own code]
    #[arg(long, value_name = "WHAT")]
    granularity: Option<Granularity>,

    /// Count each sample for the innermost frame of the program's own code, with its line: no
    /// languages' libraries, no allocators, no libraries of the system or a registry
    #[arg(long, help_heading = "Own code")]
    own: bool,

    /// Folders whose sources and mapped files are own code, separated by colons
    #[arg(
        long,
        value_name = "PATH",
        default_value = "",
        hide_default_value = true,
        help_heading = "Own code"
    )]
    own_path: String,

    /// What is not own code, by function or source file
    #[arg(long, value_name = "REGEX", help_heading = "Own code")]
    not_own: Option<String>,

    /// Count inlined functions for the function that they are inlined into
    #[arg(long, alias = "noinlines")]
    no_inlines: bool,

    /// Percentages of what the filters leave, not of all
    #[arg(long)]
    relative_percentages: bool,

    /// Show values divided by this number, such as that of requests
    #[arg(long, value_name = "NUMBER", default_value = "1", hide_default_value = true, value_parser = divisor)]
    divide_by: f64,

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

    /// Scale the profile to the total of the older one before subtracting that
    #[arg(long)]
    normalize: bool,

    /// Read commands from a prompt, or from a pipe
    #[arg(short, long)]
    pub interactive: bool,

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

    /// The call graph as a picture, drawn by graphviz
    #[arg(long)]
    svg: bool,

    /// The same as pixels
    #[arg(long)]
    png: bool,

    /// The same in a browser
    #[arg(long)]
    web: bool,

    /// The profile as text
    #[arg(long)]
    raw: bool,

    /// The profile as a file again: filtered, added up, subtracted
    #[arg(long)]
    proto: bool,

    /// The call graph for KCachegrind
    #[arg(long)]
    callgrind: bool,

    /// A flame graph, written to FILE
    #[arg(long, value_name = "FILE")]
    flamegraph: Option<PathBuf>,
}

impl ViewArgs {
    fn command(&self) -> anyhow::Result<Command> {
        Ok(match self {
            ViewArgs { list: Some(regex), .. } => Command::List(Pattern::of_option("--list", regex)?),
            ViewArgs { peek: Some(regex), .. } => Command::Peek(Pattern::of_option("--peek", regex)?),
            ViewArgs { flamegraph: Some(file), .. } => Command::Flamegraph(file.clone()),
            ViewArgs { tree: true, .. } => Command::Tree,
            ViewArgs { traces: true, .. } => Command::Traces,
            ViewArgs { tags: true, .. } => Command::Tags,
            ViewArgs { folded: true, .. } => Command::Folded,
            ViewArgs { json: true, .. } => Command::Json,
            ViewArgs { dot: true, .. } => Command::Dot,
            ViewArgs { svg: true, .. } => Command::Picture(Format::Svg),
            ViewArgs { png: true, .. } => Command::Picture(Format::Png),
            ViewArgs { web: true, .. } => Command::Web,
            ViewArgs { raw: true, .. } => Command::Raw,
            ViewArgs { proto: true, .. } => Command::Proto,
            ViewArgs { callgrind: true, .. } => Command::Callgrind,
            _ => Command::Top,
        })
    }
}

impl Args {
    /// The view asked for.
    pub fn command(&self) -> anyhow::Result<Command> {
        self.view.command()
    }

    /// The options, whatever the view.
    pub fn options(&self) -> anyhow::Result<Options> {
        let regex = |name, pattern: &Option<String>| -> anyhow::Result<Option<Pattern>> {
            pattern.as_ref().map(|p| Pattern::of_option(name, p)).transpose()
        };
        let tags = |name, tags: &Option<String>| -> anyhow::Result<Option<TagFilter>> {
            tags.as_ref().map(|tags| TagFilter::new(name, tags)).transpose()
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
                prune_from: regex("--prune-from", &self.prune_from)?,
                own: self.own,
                own_code: OwnCode { paths: self.own_path.clone(), not: regex("--not-own", &self.not_own)? },
                tag_focus: tags("--tag-focus", &self.tag_focus)?,
                tag_ignore: tags("--tag-ignore", &self.tag_ignore)?,
                tag_show: regex("--tag-show", &self.tag_show)?,
                tag_hide: regex("--tag-hide", &self.tag_hide)?,
            },
            drop_negative: self.drop_negative,
            node_fraction: self.node_fraction,
            edge_fraction: self.edge_fraction,
            no_inlines: self.no_inlines,
            relative_percentages: self.relative_percentages,
            divide_by: self.divide_by,
            paths: SourcePaths { source: self.source_path.clone(), trim: self.trim_path.clone() },
        })
    }

    /// What to subtract.
    pub fn subtracted(&self) -> anyhow::Result<Option<Base>> {
        let file = self.diff_base.as_ref().or(self.base.as_ref());
        ensure!(file.is_some() || !self.normalize, "--normalize needs --base or --diff-base");
        let base = |file: &PathBuf| Base {
            file: file.clone(),
            diff: self.diff_base.is_some(),
            normalize: self.normalize,
        };
        Ok(file.map(base))
    }
}

/// A number to divide by.
fn divisor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 => Ok(number),
        _ => Err("it is no number above 0".to_owned()),
    }
}
