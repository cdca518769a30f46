//! Files to one [`Profile`]: reading, adding up, subtracting a base.
//!
//! Which files go together is decided as in pprof's `internal/measurement/measurement.go`,
//! `ScaleProfiles`.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::measure;
use super::merge::{Merger, Part};
use super::profile::{Profile, SampleType};
use super::source::Source;

/// The label, and its value, by which a report knows the samples of `--diff-base`; pprof's own.
pub const DIFF_BASE: (&str, &str) = ("pprof::base", "true");

/// What to subtract.
#[derive(Clone, Debug)]
pub struct Base {
    /// The older profile.
    pub file: PathBuf,
    /// Whether percentages are of its total (`--diff-base`), or of the difference (`--base`).
    pub diff: bool,
}

/// Reads `files` as one profile and subtracts `base`.
pub fn load(files: &[PathBuf], base: Option<&Base>) -> anyhow::Result<Profile> {
    let sources: Vec<Source> = files
        .iter()
        .chain(base.map(|base| &base.file))
        .map(|path| Source::read(path))
        .collect::<anyhow::Result<_>>()?;
    let types = common_types(&sources)?;
    let mut merger = Merger::new(&sources[..files.len()], types);
    for (i, source) in sources.iter().enumerate() {
        let part = match base {
            Some(base) if i == files.len() => Part::Base { diff: base.diff },
            _ => Part::Profile,
        };
        merger.add(source, part, base.is_some()).with_context(|| source.name())?;
    }
    merger.finish()
}

/// The sample types that all files share, in the finest of their units.
fn common_types(sources: &[Source]) -> anyhow::Result<Vec<SampleType>> {
    let first = &sources[0];
    let mut common = first.sample_types().with_context(|| first.name())?;
    let period = first.period_type().with_context(|| first.name())?;
    for source in &sources[1..] {
        let types = source.sample_types().with_context(|| source.name())?;
        let other_period = source.period_type().with_context(|| source.name())?;
        let same = types.len() == common.len()
            && same_kind(&period, &other_period)
            && types.iter().zip(&common).all(|(a, b)| same_kind(a, b));
        ensure!(
            same,
            "{} and {} are profiles of different kinds: the one has {}, the other {}",
            first.name(),
            source.name(),
            names(&common),
            names(&types),
        );
        for (common, other) in common.iter_mut().zip(types) {
            if measure::scale(1, &other.unit, &common.unit).0 < 1.0 {
                *common = other;
            }
        }
    }
    Ok(common)
}

/// Whether values of two types can be added; a plural is no difference (`compatibleValueTypes`).
fn same_kind(a: &SampleType, b: &SampleType) -> bool {
    a.name.strip_suffix('s').unwrap_or(&a.name) == b.name.strip_suffix('s').unwrap_or(&b.name)
        && measure::compatible(&a.unit, &b.unit)
}

fn names(types: &[SampleType]) -> String {
    let names: Vec<_> = types.iter().map(|t| t.name.as_str()).collect();
    names.join(", ")
}
