//! Samples as they are in a file, encoded one by one: of a profile with a million none is kept as a message.

use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint, message};

use crate::backwards::Backwards;
use crate::cohorts::Cohorts;
use crate::proto::{Label, Profile};

/// Samples as they are in a file.
#[derive(Debug, Default)]
pub struct Encoded {
    file: Vec<u8>,
    /// The locations of the stack at hand.
    stack: Backwards,
}

/// Numbers of fields: of a profile's samples, of what is in one, and in its cohorts.
const SAMPLE: u32 = 2;
const LOCATION_ID: u32 = 1;
const VALUE: u32 = 2;
const LABEL: u32 = 3;
const COHORTS: u32 = 1001;
const ROWS: u32 = 1;
const LAST_FREED: u32 = 2;

impl Encoded {
    /// So many will be added.
    pub fn expect(&mut self, count: usize) {
        /// What most take that are not deep.
        const BYTES: usize = 80;
        self.file.reserve(count * BYTES);
    }

    /// Goes on to another stack: of the last one's locations the `kept` outermost stay, and these come, outermost
    /// first. Most have most in common with the one before.
    pub fn go_on(&mut self, kept: usize, inner: impl Iterator<Item = u64>) {
        self.stack.truncate(kept);
        inner.for_each(|location| self.stack.push(location));
    }

    /// Adds a sample of the stack at hand: its values, its label and its blocks by age.
    #[inline] // and what it calls: as quick as the crate that has a million
    pub fn add(&mut self, values: &[i64], label: Option<Label>, cohorts: Option<&Cohorts>) {
        let stack = self.stack.bytes();
        put(SAMPLE, &mut self.file, |sample| {
            if !stack.is_empty() {
                put(LOCATION_ID, sample, |to| to.extend_from_slice(stack));
            }
            pack(VALUE, values, sample);
            label.iter().for_each(|label| message::encode(LABEL, label, sample));
            cohorts.iter().for_each(|cohorts| put(COHORTS, sample, |to| put_cohorts(cohorts, to)));
        });
    }

    /// The bytes of the file of `profile` with these samples, before they are gzipped.
    pub fn message(self, profile: &Profile) -> Vec<u8> {
        let mut file = self.file;
        profile.encode(&mut file).expect("a vector grows");
        file
    }

    /// `profile` with these samples.
    pub fn profile(self, mut profile: Profile) -> Profile {
        // Not `decode`: that is another 13 KB of code than what reads files.
        profile.merge(&*self.file).expect("it was encoded here");
        profile
    }
}

#[inline]
fn put_cohorts(cohorts: &Cohorts, to: &mut Vec<u8>) {
    const VARINT: u64 = 0;
    pack(ROWS, &cohorts.rows, to);
    if let Some(last) = cohorts.last_freed {
        put_number(u64::from(LAST_FREED) << 3 | VARINT, to);
        put_number(last.cast_unsigned(), to);
    }
}

/// Adds a field of numbers, if there are any.
#[inline]
fn pack(field: u32, numbers: &[i64], to: &mut Vec<u8>) {
    if !numbers.is_empty() {
        put(field, to, |to| numbers.iter().for_each(|number| put_number(number.cast_unsigned(), to)));
    }
}

/// Adds a field with the bytes that `content` adds. Most are few, so that their number takes one byte, for which
/// there is room before it is known.
#[inline]
fn put(field: u32, to: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    const LENGTH_DELIMITED: u64 = 2;
    put_number(u64::from(field) << 3 | LENGTH_DELIMITED, to);
    let at = to.len();
    to.push(0);
    content(to);
    let length = to.len() - at - 1;
    match length {
        0..0x80 => to[at] = length as u8,
        _ => put_length_at(at, to),
    }
}

/// Puts the number of the bytes behind the one at `at` there: it takes several.
#[cold]
fn put_length_at(at: usize, to: &mut Vec<u8>) {
    let (start, end) = (at + 1, to.len());
    let length = (end - start) as u64;
    let more = encoded_len_varint(length) - 1;
    to.resize(end + more, 0);
    to.copy_within(start..end, start + more);
    encode_varint(length, &mut &mut to[at..]);
}

#[inline]
fn put_number(number: u64, to: &mut Vec<u8>) {
    match number {
        0..0x80 => to.push(number as u8),
        0x80..0x4000 => to.extend_from_slice(&[number as u8 | 0x80, (number >> 7) as u8]),
        _ => encode_varint(number, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cohorts::Cohort;
    use crate::proto::{Sample, ValueType};

    #[test]
    fn what_is_encoded_one_by_one_is_what_prost_reads_and_writes() {
        let label = Label { key: 1, num: 1 << 40, num_unit: 2, ..Label::default() };
        let rows = |eras: usize| (0..eras).map(|era| Cohort { era, born: 500, ..Cohort::default() });
        let cohorts =
            [(3, Some(-1)), (0, Some(0)), (100, None)].map(|(eras, last)| Cohorts::of(rows(eras), last));
        let (mut stack, mut sample, mut encoded) = (Vec::new(), Vec::new(), Encoded::default());
        let deep: Vec<u64> = (0..1000).collect();
        for (kept, inner, values) in [
            (0, &[1, 127, 128, 16383, 16384, u64::MAX][..], &[0, -1, 127, 128, 16383, 16384, i64::MAX][..]),
            (3, &[5], &[7]),
            (4, &deep, &[]),
            (0, &[], &[7]),
        ] {
            stack.truncate(kept);
            stack.extend(inner);
            encoded.go_on(kept, inner.iter().copied());
            for (label, cohorts) in [
                (None, None),
                (Some(label), Some(&cohorts[0])),
                (None, Some(&cohorts[1])),
                (None, Some(&cohorts[2])),
            ] {
                sample.push(Sample {
                    location_id: stack.iter().rev().copied().collect(),
                    value: values.to_vec(),
                    label: label.into_iter().collect(),
                    cohorts: cohorts.cloned(),
                });
                encoded.add(values, label, cohorts);
            }
        }
        assert_eq!(sample[4].location_id, [5, 128, 127, 1]);
        let rest = Profile { sample_type: vec![ValueType { r#type: 1, unit: 2 }], ..Profile::default() };
        let whole = Profile { sample, ..rest.clone() };
        let samples = Profile { sample_type: Vec::new(), ..whole.clone() }.encode_to_vec();
        let file = encoded.message(&rest);
        assert_eq!(Profile::decode(&*file).unwrap(), whole);
        assert!(file.starts_with(&samples), "they come first, byte for byte");
    }
}
