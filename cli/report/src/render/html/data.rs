//! A profile as the page has it: a description in JSON and columns of numbers, compressed.
//!
//! A node of the tree is told by which of the callees of its caller's frame it is, in the order in which they were
//! first seen: mostly a small number. Which calls it is told by runs of nodes. That takes less room than the profile,
//! however deep its stacks are.

use std::borrow::Cow;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hashbrown::HashMap;
use heaptrace_pprof::time_line::Point;
use serde::Serialize;

use crate::profile::intern::Text;
use crate::profile::tables::{Label, LabelValue, Profile};
use crate::render::html::columns::{Column, Columns};
use crate::render::html::runs::Runs;
use crate::render::html::state::state;
use crate::render::text::hint_text;
use crate::view::call_tree::frame::SMALLER;
use crate::view::call_tree::tree::{CallTree, Node};
use crate::view::header::{Header, Hint};
use crate::view::label;
use crate::view::own::Origin;
use crate::view::viewer::Viewer;

/// What the profile is, and what the columns are of. `web/data/profile.js` has the other end.
#[derive(Serialize)]
struct Description<'a> {
    about: About<'a>,
    types: Vec<Type<'a>>,
    default_type: usize,
    /// Whether values are differences.
    difference: bool,
    /// Mean bytes between two samples, where errors are known.
    period: i64,
    /// Names of functions, files and mappings.
    strings: Vec<&'a str>,
    /// For each label set its labels.
    labels: Vec<Vec<LabelText>>,
    excerpts: Vec<ExcerptText<'a>>,
    /// Nodes that were too small for the page.
    left_out: usize,
    /// Where the viewer begins: parameters of pprof's URLs.
    state: Vec<(&'static str, String)>,
    columns: &'a [Column],
}

#[derive(Serialize)]
struct About<'a> {
    version: &'static str,
    command: Option<&'a str>,
    pid: Option<&'a str>,
    more: usize,
    /// Milliseconds since 1970.
    time: i64,
    /// Milliseconds.
    duration: i64,
    rate: Option<i64>,
    samples: Option<u64>,
    losses: &'a [(&'static str, u64)],
    comments: &'a [String],
    hints: Vec<String>,
}

#[derive(Serialize)]
struct Type<'a> {
    name: &'a str,
    unit: &'a str,
    total: i64,
    sampled: bool,
}

#[derive(Serialize)]
struct LabelText {
    key: String,
    text: String,
    /// The number that it is, if it is one.
    number: Option<i64>,
    /// The unit of the number.
    unit: String,
}

#[derive(Serialize)]
struct ExcerptText<'a> {
    /// Index of the file's name in `strings`.
    file: usize,
    first: i64,
    text: &'a str,
}

/// The compressed bytes.
pub fn data(viewer: &Viewer) -> anyhow::Result<Vec<u8>> {
    let profile = viewer.view.profile;
    let mut texts = Texts::new(viewer);
    let mut columns = Columns::default();
    let runs = Runs::of(&viewer.tree);
    add_runs(&mut columns, &runs);
    let places = add_nodes(&mut columns, &viewer.tree);
    add_frames(&mut columns, &mut texts, viewer, &places);
    add_rows(&mut columns, viewer, &runs);
    add_time_line(&mut columns, &profile.time_line);
    let excerpts = viewer.excerpts.iter();
    let excerpts =
        excerpts.map(|e| ExcerptText { file: texts.file(e.file), first: e.first, text: &e.text }).collect();
    let types = profile.sample_types.iter().zip(&viewer.types);
    let description = Description {
        about: about(&viewer.header),
        types: types
            .map(|(t, kind)| Type { name: &t.name, unit: &t.unit, total: kind.total, sampled: kind.sampled })
            .collect(),
        default_type: viewer.view.index,
        difference: viewer.difference,
        period: profile.period,
        strings: texts.strings.iter().map(AsRef::as_ref).collect(),
        labels: labels(profile),
        excerpts,
        left_out: viewer.tree.left_out,
        state: state(viewer.view.options),
        columns: &columns.index,
    };
    let json = serde_json::to_vec(&description)?;
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(&u32::try_from(json.len())?.to_le_bytes())?;
    out.write_all(&json)?;
    out.write_all(&columns.bytes)?;
    Ok(out.finish()?)
}

fn about(header: &Header) -> About<'_> {
    About {
        version: env!("CARGO_PKG_VERSION"),
        command: header.command.as_deref(),
        pid: header.pid.as_deref(),
        more: header.more,
        time: header.time_nanos / 1_000_000,
        duration: header.duration_nanos / 1_000_000,
        rate: header.rate,
        samples: header.samples,
        losses: &header.losses,
        comments: &header.comments,
        // Which sample type has more, the page says itself.
        hints: header
            .hints
            .iter()
            .filter(|hint| !matches!(hint, Hint::Little { .. }))
            .map(hint_text)
            .collect(),
    }
}

/// The texts of the page, each once.
struct Texts<'a> {
    viewer: &'a Viewer<'a>,
    strings: Vec<Cow<'a, str>>,
    names: HashMap<Text, usize>,
    files: HashMap<Text, usize>,
}

impl<'a> Texts<'a> {
    fn new(viewer: &'a Viewer<'a>) -> Texts<'a> {
        Texts { viewer, strings: vec!["".into()], names: HashMap::new(), files: HashMap::new() }
    }

    fn name(&mut self, text: Text) -> usize {
        if text.is_empty() {
            return 0;
        }
        *self.names.entry(text).or_insert_with(|| {
            self.strings.push(self.viewer.view.profile.text(text).into());
            self.strings.len() - 1
        })
    }

    /// The name of a source file as reports show it.
    fn file(&mut self, text: Text) -> usize {
        if text.is_empty() {
            return 0;
        }
        let view = self.viewer.view;
        *self.files.entry(text).or_insert_with(|| {
            self.strings.push(view.options.paths.shown(view.profile.text(text)));
            self.strings.len() - 1
        })
    }
}

/// Adds how long each run is, and how many of the runs that lead to the one before do not lead to it.
fn add_runs(columns: &mut Columns, runs: &Runs) {
    columns.add("run.up", runs.runs.iter().map(|run| run.up));
    columns.add("run.length", runs.runs.iter().map(|run| run.length));
}

/// Adds the nodes. Frames are numbered as they are first seen; returned is for each number the frame.
fn add_nodes(columns: &mut Columns, tree: &CallTree) -> Vec<u32> {
    let mut order = vec![SMALLER];
    let mut number_of = vec![None; tree.frames.len()];
    number_of[SMALLER as usize] = Some(0);
    let mut rank_of: HashMap<(usize, u32), u64> = HashMap::new();
    let mut callees = vec![0; tree.frames.len() + 1];
    let mut path: Vec<usize> = Vec::new();
    let (mut ranks, mut news) = (Vec::new(), Vec::new());
    for &Node { depth, frame } in &tree.nodes {
        path.truncate(depth as usize);
        let caller = path.last().copied().unwrap_or(tree.frames.len());
        let frame = frame as usize;
        let next = order.len() as u32;
        let number = *number_of[frame].get_or_insert(next);
        if number == next {
            order.push(frame as u32);
        }
        let rank = *rank_of.entry((caller, number)).or_insert(callees[caller]);
        ranks.push(rank);
        if rank == callees[caller] {
            callees[caller] += 1;
            news.push(u64::from(next - number));
        }
        path.push(frame);
    }
    columns.add("rank", ranks);
    columns.add("new", news);
    order
}

/// Adds what the frames and their functions are.
fn add_frames(columns: &mut Columns, texts: &mut Texts, viewer: &Viewer, order: &[u32]) {
    let profile = viewer.view.profile;
    let frames = || order.iter().map(|&frame| &viewer.tree.frames[frame as usize]);
    let mut functions: Vec<u32> = Vec::new();
    let mut number_of: HashMap<u32, u64> = HashMap::new();
    let mut number = |function: u32| {
        *number_of.entry(function).or_insert_with(|| {
            functions.push(function);
            functions.len() as u64
        })
    };
    columns.add("frame.function", frames().map(|frame| frame.function.map_or(0, &mut number)));
    columns.add("frame.line", frames().map(|frame| u64::try_from(frame.line).unwrap_or(0)));
    let mappings = frames().map(|frame| frame.mapping.map_or(0, |m| u64::from(m) + 1));
    columns.add("frame.mapping", mappings);
    columns
        .add("frame.kind", frames().map(|frame| origin_number(frame.origin) << 1 | u64::from(frame.inlined)));
    let functions = || functions.iter().map(|&function| &profile.functions[function as usize]);
    columns.add("function.name", functions().map(|function| texts.name(function.name) as u64));
    columns.add("function.file", functions().map(|function| texts.file(function.file) as u64));
    columns.add("function.start", functions().map(|f| u64::try_from(f.start_line).unwrap_or(0)));
    columns.add("mapping.file", profile.mappings.iter().map(|mapping| texts.name(mapping.file) as u64));
}

fn origin_number(origin: Origin) -> u64 {
    match origin {
        Origin::Program => 0,
        Origin::Dependency => 1,
        Origin::Language => 2,
        Origin::System => 3,
    }
}

/// Adds the samples.
fn add_rows(columns: &mut Columns, viewer: &Viewer, runs: &Runs) {
    const NAMES: [&str; 2] = ["value", "gross"];
    let tree = &viewer.tree;
    let types = viewer.view.profile.sample_types.len();
    let mut previous = 0;
    let of_rows = tree.rows.iter().map(|row| runs.of_node[row.node as usize]);
    columns.add("row.run", of_rows.map(|run| u64::from(run - std::mem::replace(&mut previous, run))));
    columns.add("row.labels", tree.rows.iter().map(|row| u64::from(row.labels)));
    for (name, values) in NAMES.into_iter().zip([&tree.values, &tree.gross]) {
        for index in 0..types {
            columns.add_signed(name, values.chunks_exact(types).map(|row| row[index]));
        }
    }
}

/// Adds the heap over time, the first moment being 0.
fn add_time_line(columns: &mut Columns, points: &[Point]) {
    let first = points.first().map_or(0, |point| point.at);
    let mut column = |name, of: fn(&Point) -> i64| {
        columns.add(name, points.iter().map(|point| u64::try_from(of(point)).unwrap_or(0)));
    };
    column("time.most", |point| point.most_in_use);
    column("time.allocated", |point| point.allocated);
    column("time.resident", |point| point.resident);
    columns.add("time.at", points.iter().map(|point| point.at.abs_diff(first)));
}

fn labels(profile: &Profile) -> Vec<Vec<LabelText>> {
    let text = |l: &Label| LabelText {
        key: profile.text(l.key).to_owned(),
        text: label::value_text(profile, l, "auto"),
        number: match l.value {
            LabelValue::Number(number, _) => Some(number),
            LabelValue::Text(_) => None,
        },
        unit: match l.value {
            LabelValue::Number(..) => label::unit_of(profile, l),
            LabelValue::Text(_) => String::new(),
        },
    };
    profile.label_sets.iter().map(|labels| labels.iter().map(text).collect()).collect()
}
