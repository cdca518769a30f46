//! A sample of a file in the terms of the merged profile.

use heaptrace_pprof::{Error, proto};

use crate::profile::ids::Ids;
use crate::profile::intern::Text;
use crate::profile::part::Part;
use crate::profile::tables::{Label, LabelValue};

/// A sample with everything in it resolved; reused from one sample to the next.
#[derive(Default)]
pub struct ResolvedSample {
    /// Its locations, leaf first.
    pub frames: Vec<u32>,
    /// Its labels.
    pub labels: Vec<Label>,
    /// Its values, in the units of the merged profile.
    pub values: Vec<i64>,
}

impl ResolvedSample {
    /// Takes over `sample` of `part`.
    pub fn fill(
        &mut self,
        sample: &proto::Sample,
        part: &Part,
        locations: &Ids,
        strings: &[Text],
    ) -> Result<(), Error> {
        let (values, types) = (sample.value.len(), part.source.tables.sample_type.len());
        if values != types {
            return Err(Error::Invalid(format!(
                "a sample has {values} values, but there are {types} sample types"
            )));
        }
        self.values.clear();
        self.values.extend(part.values.iter().map(|&(i, ratio)| scaled(sample.value[i], ratio)));
        self.frames.clear();
        for &id in &sample.location_id {
            self.frames.push(locations.get(id)?);
        }
        self.labels.clear();
        for label in &sample.label {
            let key = string(strings, label.key)?;
            if label.str != 0 {
                let value = LabelValue::Text(string(strings, label.str)?);
                self.labels.push(Label { key, value });
            } else if label.num != 0 || label.num_unit != 0 {
                let value = LabelValue::Number(label.num, string(strings, label.num_unit)?);
                self.labels.push(Label { key, value });
            }
        }
        Ok(())
    }
}

/// `value` times `ratio`, exact for the ratios that almost all files have.
fn scaled(value: i64, ratio: f64) -> i64 {
    if ratio == 1.0 {
        value
    } else if ratio == -1.0 {
        value.saturating_neg()
    } else {
        (value as f64 * ratio).round() as i64
    }
}

/// A string of the file as one of the merged profile.
pub fn string(strings: &[Text], index: i64) -> Result<Text, Error> {
    usize::try_from(index)
        .ok()
        .and_then(|i| strings.get(i).copied())
        .ok_or_else(|| Error::Invalid(format!("string {index} does not exist")))
}
