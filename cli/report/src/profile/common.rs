//! What files that are added up have in common.
//!
//! Their sample types are found as in pprof's `profile/merge.go`, `CompatibilizeSampleTypes`, and
//! brought to one unit as in its `internal/measurement/measurement.go`, `ScaleProfiles`.

use anyhow::{Context, ensure};
use heaptrace_pprof::{Error, SampleType, Source, printable};

use crate::measure;

/// What the samples of several files are added up as.
#[derive(Debug)]
pub struct Common {
    /// The sample types that all files have, in the order of the first and the finest of their units.
    pub sample_types: Vec<SampleType>,
    /// The name of the sample type to show if none is asked for; empty: the last.
    pub default_sample_type: String,
    /// What the sampling period counts. A file that does not say counts what the others do.
    pub period_type: SampleType,
}

impl Common {
    /// What `sources` have in common; an error if that is nothing.
    pub fn of(sources: &[Source]) -> anyhow::Result<Common> {
        let mut common = Common {
            sample_types: Vec::new(),
            default_sample_type: String::new(),
            period_type: period_type(sources)?,
        };
        for (i, source) in sources.iter().enumerate() {
            let own = source.sample_types().with_context(|| source.name())?;
            let before = names(&common.sample_types);
            if i == 0 {
                common.sample_types = own;
                continue;
            }
            common.keep(&own);
            ensure!(
                !common.sample_types.is_empty(),
                "{} and {} have no sample type in common: the one has {before}, the other {}",
                sources[0].name(),
                source.name(),
                names(&own),
            );
        }
        common.default_sample_type = common.default_of(sources)?;
        Ok(common)
    }

    /// Leaves out the types that are not among `others`.
    fn keep(&mut self, others: &[SampleType]) {
        self.sample_types.retain_mut(|own| {
            let other = others.iter().find(|other| same_kind(own, other));
            if let Some(other) = other
                && measure::scale(1, &other.unit, &own.unit).0 < 1.0
            {
                own.unit.clone_from(&other.unit);
            }
            other.is_some()
        });
    }

    /// The default of the first file that has one. A file that loses its default to the others has
    /// the first type that is left for one.
    fn default_of(&self, sources: &[Source]) -> anyhow::Result<String> {
        let is_common = |name: &str| self.sample_types.iter().any(|t| t.name == name);
        for source in sources {
            let own = source.string(source.tables.default_sample_type).with_context(|| source.name())?;
            let own = printable(own);
            let values = self.values_of(source).with_context(|| source.name())?;
            let is_whole = values.iter().map(|&(i, _)| i).eq(0..source.tables.sample_type.len());
            match is_whole || is_common(&own) {
                true if own.is_empty() => {}
                true => return Ok(own.into_owned()),
                false => return Ok(self.sample_types[0].name.clone()),
            }
        }
        Ok(String::new())
    }

    /// For each sample type, which of a file's values it is, and what to multiply that by.
    pub fn values_of(&self, source: &Source) -> Result<Vec<(usize, f64)>, Error> {
        let own = source.sample_types()?;
        let value = |common: &SampleType| {
            let position = own.iter().position(|own| same_kind(own, common))?;
            let ratio = match own[position].unit == common.unit {
                true => 1.0,
                false => measure::scale(1, &own[position].unit, &common.unit).0,
            };
            Some((position, ratio))
        };
        Ok(self.sample_types.iter().filter_map(value).collect())
    }
}

/// What the period of all files counts.
fn period_type(sources: &[Source]) -> anyhow::Result<SampleType> {
    let mut known: Option<(&Source, SampleType)> = None;
    for source in sources {
        let own = source.period_type().with_context(|| source.name())?;
        match &known {
            _ if own == SampleType::default() => {}
            None => known = Some((source, own)),
            Some((first, period)) => ensure!(
                same_kind(period, &own),
                "{} and {} do not add up: the one is sampled by {}, the other by {}",
                first.name(),
                source.name(),
                described(period),
                described(&own),
            ),
        }
    }
    Ok(known.map(|(_, period)| period).unwrap_or_default())
}

fn described(period: &SampleType) -> String {
    format!("{} in {}", period.name, period.unit)
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
