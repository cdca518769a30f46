//! Samples as they are in a file, encoded one by one: of a profile with a million none is kept as a message.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, message};

use crate::cohorts::Cohorts;
use crate::proto::{Label, Profile, Sample};

/// Where the samples of a profile go.
pub trait Samples: Default {
    /// So many will be added.
    fn expect(&mut self, count: usize);

    /// Adds one: the locations of its stack, leaf first, its values, its label and its blocks by age.
    fn add(&mut self, stack: &[u64], values: &[i64], label: Option<Label>, cohorts: Option<&Cohorts>);
}

impl Samples for Vec<Sample> {
    fn expect(&mut self, count: usize) {
        self.reserve(count);
    }

    fn add(&mut self, stack: &[u64], values: &[i64], label: Option<Label>, cohorts: Option<&Cohorts>) {
        self.push(Sample {
            location_id: stack.to_vec(),
            value: values.to_vec(),
            label: label.into_iter().collect(),
            cohorts: cohorts.cloned(),
        });
    }
}

/// Samples as they are in a file.
#[derive(Debug, Default)]
pub struct Encoded {
    file: Vec<u8>,
    /// The sample at hand, before its length is known.
    sample: Vec<u8>,
    /// The same of its numbers.
    numbers: Vec<u8>,
}

/// Numbers of fields: of a profile's samples, and of what is in one.
const SAMPLE: u32 = 2;
const LOCATION_ID: u32 = 1;
const VALUE: u32 = 2;
const LABEL: u32 = 3;
const COHORTS: u32 = 1001;

impl Samples for Encoded {
    fn expect(&mut self, count: usize) {
        /// What most take that are not deep.
        const BYTES: usize = 80;
        self.file.reserve(count * BYTES);
    }

    fn add(&mut self, stack: &[u64], values: &[i64], label: Option<Label>, cohorts: Option<&Cohorts>) {
        self.sample.clear();
        self.pack(LOCATION_ID, stack.iter().copied());
        self.pack(VALUE, values.iter().map(|&value| value.cast_unsigned()));
        label.iter().for_each(|label| message::encode(LABEL, label, &mut self.sample));
        cohorts.iter().for_each(|cohorts| message::encode(COHORTS, *cohorts, &mut self.sample));
        put(SAMPLE, &self.sample, &mut self.file);
    }
}

impl Encoded {
    /// The bytes of the file of `profile` with these samples, before they are gzipped.
    pub fn message(self, profile: &Profile) -> Vec<u8> {
        let mut file = self.file;
        profile.encode(&mut file).expect("a vector grows");
        file
    }

    /// Adds numbers to the sample at hand.
    fn pack(&mut self, field: u32, numbers: impl Iterator<Item = u64>) {
        self.numbers.clear();
        for number in numbers {
            match number {
                0..0x80 => self.numbers.push(number as u8),
                _ => encode_varint(number, &mut self.numbers),
            }
        }
        if !self.numbers.is_empty() {
            put(field, &self.numbers, &mut self.sample);
        }
    }
}

fn put(field: u32, bytes: &[u8], to: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, to);
    encode_varint(bytes.len() as u64, to);
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cohorts::Cohort;
    use crate::proto::ValueType;

    #[test]
    fn what_is_encoded_one_by_one_is_what_prost_reads() {
        let label = Label { key: 1, num: 1 << 40, num_unit: 2, ..Label::default() };
        let cohorts = Cohorts::of([Cohort { era: 3, born: 500, ..Cohort::default() }], Some(-1));
        let (mut plain, mut encoded) = (Vec::new(), Encoded::default());
        for (stack, values) in [(&[1, 127, 128, u64::MAX][..], &[0, -1, i64::MAX][..]), (&[], &[7])] {
            for (label, cohorts) in [(None, None), (Some(label), Some(&cohorts))] {
                plain.add(stack, values, label, cohorts);
                encoded.add(stack, values, label, cohorts);
            }
        }
        let rest = Profile { sample_type: vec![ValueType { r#type: 1, unit: 2 }], ..Profile::default() };
        let file = encoded.message(&rest);
        assert_eq!(Profile::decode(&*file).unwrap(), Profile { sample: plain, ..rest });
    }
}
