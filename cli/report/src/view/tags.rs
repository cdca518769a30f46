//! The labels of a view's samples with what these add up to: `printTags` in pprof's
//! `internal/report/report.go`.

use std::collections::BTreeMap;

use crate::measure::Scale;
use crate::view::basis::View;
use crate::view::label::value_text;

/// The table of `--tags`: for each key, its values by weight.
#[derive(Debug)]
pub struct Tags {
    /// How to write values.
    pub scale: Scale,
    /// The keys in alphabetical order.
    pub keys: Vec<TagKey>,
}

/// A key with the values it has.
#[derive(Debug)]
pub struct TagKey {
    /// The key.
    pub name: String,
    /// The sum over its values.
    pub total: i64,
    /// Its values and what samples with each add up to, the largest first.
    pub values: Vec<(String, i64)>,
}

impl Tags {
    /// The tags of the samples of a view.
    pub fn new(view: &View) -> Tags {
        let profile = view.profile;
        let mut sums: BTreeMap<&str, BTreeMap<String, i64>> = BTreeMap::new();
        for (_, sample, value) in view.selection.samples(view.index) {
            for label in view.selection.labels(sample.labels) {
                let values = sums.entry(profile.text(label.key)).or_default();
                *values.entry(value_text(profile, label, &view.options.unit)).or_default() += value;
            }
        }
        let keys = sums.into_iter().map(|(name, values)| {
            let mut values: Vec<_> = values.into_iter().collect();
            values.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.abs()));
            TagKey { name: name.to_owned(), total: values.iter().map(|(_, sum)| sum).sum(), values }
        });
        Tags { keys: keys.collect(), scale: view.scale() }
    }
}
