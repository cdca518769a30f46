//! What each file contributes to a merged profile.

use std::path::PathBuf;

use anyhow::Context;
use heaptrace_pprof::{Source, proto};

use crate::profile::common::Common;

/// What a file contributes.
pub struct Part<'a> {
    /// The file.
    pub source: &'a Source,
    /// For each sample type of the merged profile, which of its values to take, and times what.
    pub values: Vec<(usize, f64)>,
    /// Whether its samples get the mark of a diff's base.
    pub marked: bool,
}

/// What to subtract.
#[derive(Clone, Debug)]
pub struct Base {
    /// The older profiles, which are added up.
    pub files: Vec<PathBuf>,
    /// Whether percentages are of its total (`--diff-base`), or of the difference (`--base`).
    pub diff: bool,
    /// Whether the newer profile is first scaled to its total.
    pub normalize: bool,
}

/// The files with which of their values to take, and what to multiply them by: for their units, for
/// what is subtracted, to normalize. Those of `base` are the last ones.
pub fn all<'a>(sources: &'a [Source], common: &Common, base: Option<&Base>) -> anyhow::Result<Vec<Part<'a>>> {
    let mut parts = Vec::new();
    for source in sources {
        let values = common.values_of(source).with_context(|| source.name())?;
        parts.push(Part { source, values, marked: false });
    }
    if let Some(base) = base {
        let own = parts.len() - base.files.len();
        let (new, old) = parts.split_at_mut(own);
        if base.normalize {
            normalize(new, old)?;
        }
        for part in old {
            part.marked = base.diff;
            part.values.iter_mut().for_each(|(_, ratio)| *ratio = -*ratio);
        }
    }
    Ok(parts)
}

/// Scales the parts `new` so that the sum of each sample type is that of `old` (`Normalize`).
fn normalize(new: &mut [Part], old: &[Part]) -> anyhow::Result<()> {
    let sums_of = |parts: &[Part]| {
        let mut sums = vec![0.0; old[0].values.len()];
        parts.iter().try_for_each(|part| add_sums(part, &mut sums)).map(|()| sums)
    };
    let (sums, old_sums) = (sums_of(new)?, sums_of(old)?);
    for part in new {
        for (((_, ratio), sum), old_sum) in part.values.iter_mut().zip(&sums).zip(&old_sums) {
            *ratio *= if *sum == 0.0 { 0.0 } else { old_sum / sum };
        }
    }
    Ok(())
}

/// Adds up the values of each sample type.
fn add_sums(part: &Part, sums: &mut [f64]) -> anyhow::Result<()> {
    let add = |sample: &proto::Sample| {
        for (sum, &(i, ratio)) in sums.iter_mut().zip(&part.values) {
            *sum += sample.value.get(i).map_or(0.0, |&value| value as f64 * ratio);
        }
        Ok(())
    };
    part.source.each_sample(add).with_context(|| part.source.name())
}
