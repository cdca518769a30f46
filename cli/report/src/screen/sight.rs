//! What one profile of a program that runs shows: rows of places that hold memory.

use std::path::Path;

use hashbrown::HashMap;
use heaptrace_pprof::Source;

use crate::profile::tables::Profile;
use crate::profile::{load, prune};
use crate::view::basis::{Options, View};
use crate::view::graph::{Graph, Node};
use crate::view::header::Header;
use crate::view::noise::Estimate;
use crate::view::paths::base;

/// Rows that are followed. Of more, those are left out that hold and allocate least.
const MOST: usize = 2000;

/// How rows are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// By line of the program's own code, which calls all else.
    Own,
    /// By function, whoever's it is.
    All,
}

/// A profile, with what it comes to.
#[derive(Debug)]
pub struct Sight {
    /// The profile.
    pub profile: Profile,
    /// What it says of itself.
    pub header: Header,
    /// When it was taken, in seconds since the recording began.
    pub at: f64,
    own: Vec<Site>,
    all: Vec<Site>,
}

/// A place in the program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    /// What it is called here.
    pub name: String,
    /// The function that it is in; empty if that has no name.
    pub function: String,
    /// Bytes in use.
    pub in_use: Estimate,
    /// Bytes allocated so far.
    pub allocated: i64,
}

impl Sight {
    /// Reads a profile.
    ///
    /// # Errors
    /// If it is none, or has no bytes in use.
    pub fn new(file: &[u8]) -> anyhow::Result<Sight> {
        let source = Source::read_from(Path::new("the snapshot"), file)?;
        let mut profile = load::merged(&[source], None)?;
        prune::prune(&mut profile);
        let options = Options::default();
        let header = Header::new(&View::new(&profile, &options)?);
        let (all, own) = (rows(&profile, &options)?, rows(&profile, &options.of_own_code())?);
        Ok(Sight { at: profile.duration_nanos as f64 / 1e9, header, own, all, profile })
    }

    /// The rows of a grouping, in no order.
    pub fn rows(&self, grouping: Grouping) -> &[Site] {
        match grouping {
            Grouping::Own => &self.own,
            Grouping::All => &self.all,
        }
    }

    /// Whether another one is of the same recording, and not of what the process executes since.
    pub fn continues(&self, earlier: &Sight) -> bool {
        self.profile.time_nanos == earlier.profile.time_nanos && self.header.command == earlier.header.command
    }
}

fn rows(profile: &Profile, options: &Options) -> anyhow::Result<Vec<Site>> {
    let view = View::new(profile, options)?;
    let mut rows: HashMap<String, Site> = HashMap::new();
    let mut each = |index: &str, add: fn(&mut Site, Estimate)| -> anyhow::Result<()> {
        let index = profile.sample_index(index).map_err(anyhow::Error::msg)?;
        let graph = Graph::new(&view.selection, index, &view.shape(), None);
        for node in graph.shown().filter(|node| node.flat.value != 0) {
            let name = name(node);
            let row = rows.entry(name).or_insert_with_key(|name| Site {
                name: name.clone(),
                function: node.info.name.to_owned(),
                ..Site::default()
            });
            add(row, node.flat);
        }
        Ok(())
    };
    each("inuse_space", |row, value| row.in_use.add(value))?;
    each("alloc_space", |row, value| row.allocated += value.value)?;
    Ok(largest(rows.into_values().collect()))
}

/// A function, with the line where it is known, of a file without its folders.
fn name(node: &Node) -> String {
    match (node.info.name, &*node.info.file, node.info.line) {
        (name, file, line @ 1..) if !name.is_empty() && !file.is_empty() => {
            format!("{name} {}:{line}", base(file))
        }
        _ => node.info.name().into_owned(),
    }
}

fn largest(mut rows: Vec<Site>) -> Vec<Site> {
    if rows.len() > MOST {
        let sum = |of: fn(&Site) -> i64| rows.iter().map(of).sum::<i64>().max(1) as f64;
        let (in_use, allocated) = (sum(|row| row.in_use.value), sum(|row| row.allocated));
        let share = |row: &Site| (row.in_use.value as f64 / in_use).max(row.allocated as f64 / allocated);
        rows.sort_by(|one, other| share(other).total_cmp(&share(one)));
        rows.truncate(MOST);
    }
    rows
}
