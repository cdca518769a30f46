//! Files to one [`Profile`]: reading, adding up, subtracting a base.

use std::path::PathBuf;

use anyhow::Context;
use heaptrace_pprof::{CHANGE, Source};

use crate::profile::common::Common;
use crate::profile::merge::Merger;
use crate::profile::part::{self, Base};
use crate::profile::place;
use crate::profile::tables::Profile;
use crate::profile::turnover;

/// Reads `files` as one profile and subtracts `base`.
pub fn load(files: &[PathBuf], base: Option<&Base>) -> anyhow::Result<Profile> {
    let sources: Vec<Source> = files
        .iter()
        .chain(base.iter().flat_map(|base| &base.files))
        .map(|path| place::read(path))
        .collect::<Result<_, _>>()?;
    merged(&sources, base)
}

/// Adds up `sources`, of which the last ones are `base`, if there is one.
pub fn merged(sources: &[Source], base: Option<&Base>) -> anyhow::Result<Profile> {
    let common = Common::of(sources)?;
    let parts = part::all(sources, &common, base)?;
    let own = sources.len() - base.map_or(0, |base| base.files.len());
    let mut merger = Merger::new(&sources[..own], common);
    for part in parts {
        merger.add(&part, base.is_some()).with_context(|| part.source.name())?;
    }
    let mut profile = merger.finish()?;
    if base.is_none() && profile.comments.iter().filter(|comment| *comment == CHANGE).count() == own {
        turnover::find(&mut profile);
    }
    Ok(profile)
}
