//! Files to one [`Profile`]: reading, adding up, subtracting a base.
//!
//! Which files go together is decided as in pprof's `internal/measurement/measurement.go`,
//! `ScaleProfiles`.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use heaptrace_collector::pprof::proto;

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
    /// Whether the newer profile is first scaled to its total.
    pub normalize: bool,
}

/// Reads `files` as one profile and subtracts `base`.
pub fn load(files: &[PathBuf], base: Option<&Base>) -> anyhow::Result<Profile> {
    let sources: Vec<Source> = files
        .iter()
        .chain(base.map(|base| &base.file))
        .map(|path| Source::read(path))
        .collect::<anyhow::Result<_>>()?;
    let types = common_types(&sources)?;
    let mut merger = Merger::new(&sources[..files.len()], types.clone());
    for part in parts(&sources, &types, base)? {
        merger.add(&part, base.is_some()).with_context(|| part.source.name())?;
    }
    merger.finish()
}

/// The files with what to multiply their values by: for their units, for what is subtracted, to
/// normalize. `base` is the last of the files.
fn parts<'a>(
    sources: &'a [Source],
    types: &[SampleType],
    base: Option<&Base>,
) -> anyhow::Result<Vec<Part<'a>>> {
    let mut parts = Vec::new();
    for source in sources {
        let own = source.sample_types().with_context(|| source.name())?;
        let ratios = own.iter().zip(types).map(|(own, common)| match own.unit == common.unit {
            true => 1.0,
            false => measure::scale(1, &own.unit, &common.unit).0,
        });
        parts.push(Part { source, ratios: ratios.collect(), marked: false });
    }
    let (Some(base), Some((old, new))) = (base, parts.split_last_mut()) else {
        return Ok(parts);
    };
    if base.normalize {
        normalize(new, old)?;
    }
    old.marked = base.diff;
    old.ratios.iter_mut().for_each(|ratio| *ratio = -*ratio);
    Ok(parts)
}

/// Scales the parts `new` so that the sum of each sample type is that of `old` (`Normalize`).
fn normalize(new: &mut [Part], old: &Part) -> anyhow::Result<()> {
    let mut sums = vec![0.0; old.ratios.len()];
    for part in &*new {
        add_sums(part, &mut sums)?;
    }
    let mut old_sums = vec![0.0; old.ratios.len()];
    add_sums(old, &mut old_sums)?;
    for part in new {
        for ((ratio, sum), old_sum) in part.ratios.iter_mut().zip(&sums).zip(&old_sums) {
            *ratio *= if *sum == 0.0 { 0.0 } else { old_sum / sum };
        }
    }
    Ok(())
}

/// Adds up the values of each sample type.
fn add_sums(part: &Part, sums: &mut [f64]) -> anyhow::Result<()> {
    let add = |sample: &proto::Sample| {
        for ((sum, &value), ratio) in sums.iter_mut().zip(&sample.value).zip(&part.ratios) {
            *sum += value as f64 * ratio;
        }
        Ok(())
    };
    part.source.each_sample(add).with_context(|| part.source.name())
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
