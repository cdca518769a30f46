//! A file that a profile is read from.
//!
//! It is decoded twice, first without its samples, then sample by sample, because samples come first
//! in a file and refer to the rest.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use prost::Message;

use crate::error::Error;
use crate::fields::{Field, Fields};
use crate::foreign::Foreign;
use crate::proto;
use crate::time_line::TimeLine;

/// Largest file read, in bytes.
const FILE_LIMIT: u64 = 1 << 30;
/// Most mappings, functions, locations with their lines, strings and whatever else a file has
/// beside samples. An entry takes two bytes of the file, or none after decompression, and a hundred
/// here.
const ENTRIES_LIMIT: usize = 1 << 22;
/// Numbers of fields in `profile.proto`.
const SAMPLE: u64 = 2;
const STRING_TABLE: u64 = 6;
const TIME_LINE: u64 = 1001;
/// Those of which a profile has one at most: from `drop_frames` to `doc_url`, but for `comment`; and
/// ours.
const SINGLE: [u64; 9] = [7, 8, 9, 10, 11, 12, 14, 15, TIME_LINE];

/// A kind of value and its unit, such as `inuse_space` in `bytes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleType {
    /// The name.
    pub name: String,
    /// The unit.
    pub unit: String,
}

/// A file with everything in it decoded but the samples.
pub struct Source {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Everything but the samples.
    pub tables: proto::Profile,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is no profile; the text names the file.
    pub fn read(path: &Path) -> Result<Source, Error> {
        match File::open(path) {
            Ok(file) => Source::read_from(path, file),
            Err(error) => Err(Error::File(path.to_owned(), Box::new(Error::Read(error)))),
        }
    }

    /// Reads what `reader` has, which is called `name`.
    ///
    /// # Errors
    /// If it is no profile; the text has the name.
    pub fn read_from(name: &Path, reader: impl Read) -> Result<Source, Error> {
        let mut bytes = Vec::new();
        let tables = match reader.take(FILE_LIMIT + 1).read_to_end(&mut bytes) {
            Err(error) => Err(Error::Read(error)),
            Ok(0) => Err(Error::Empty),
            Ok(_) if bytes.len() as u64 > FILE_LIMIT => Err(Error::TooLarge(FILE_LIMIT)),
            Ok(_) => tables(&bytes).map_err(|error| match Foreign::of(&bytes) {
                Some(foreign) => Error::Foreign(foreign),
                None => error,
            }),
        };
        Ok(Source {
            tables: tables.map_err(|error| Error::File(name.to_owned(), Box::new(error)))?,
            path: name.to_owned(),
            bytes,
        })
    }

    /// The file's name.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// A string of the file. Like protobuf, takes an absent table for one with the empty string.
    pub fn string(&self, index: i64) -> Result<&str, Error> {
        match usize::try_from(index) {
            Ok(0) => Ok(""),
            Ok(i) if i < self.tables.string_table.len() => Ok(&self.tables.string_table[i]),
            _ => Err(Error::Invalid(format!("string {index} does not exist"))),
        }
    }

    fn sample_type(&self, of: &proto::ValueType) -> Result<SampleType, Error> {
        Ok(SampleType {
            name: printable(self.string(of.r#type)?).into_owned(),
            unit: printable(self.string(of.unit)?).into_owned(),
        })
    }

    /// What each value of a sample means.
    pub fn sample_types(&self) -> Result<Vec<SampleType>, Error> {
        let types = self.tables.sample_type.iter();
        types.map(|t| self.sample_type(t)).collect()
    }

    /// What the period counts.
    pub fn period_type(&self) -> Result<SampleType, Error> {
        self.sample_type(&self.tables.period_type.unwrap_or_default())
    }

    /// Gives `take` one sample after the other.
    pub fn each_sample(
        &self,
        mut take: impl FnMut(&proto::Sample) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut fields = Fields::new(&self.bytes);
        // One for all, so that its vectors are allocated once.
        let mut sample = proto::Sample::default();
        while let Some(field) = fields.next()? {
            if let Field { number: SAMPLE, content: Some(content), .. } = field {
                sample.clear();
                sample.merge(content).map_err(Error::Protobuf)?;
                take(&sample)?;
            }
        }
        Ok(())
    }
}

/// Decodes everything but the samples.
fn tables(bytes: &[u8]) -> Result<proto::Profile, Error> {
    let mut fields = Fields::new(bytes);
    let mut tables = proto::Profile::default();
    let mut entries = 0;
    let mut seen: Vec<u64> = Vec::new();
    while let Some(field) = fields.next()? {
        let locations = tables.location.len();
        match field {
            Field { number: SAMPLE, content: Some(_), .. } => continue,
            // Names and paths have the bytes that they have, whatever protobuf says of its strings.
            Field { number: STRING_TABLE, content: Some(text), .. } => {
                tables.string_table.push(String::from_utf8_lossy(text).into_owned());
            }
            Field { encoded, .. } => tables.merge(encoded).map_err(Error::Protobuf)?,
        }
        if SINGLE.contains(&field.number) {
            if seen.contains(&field.number) {
                return Err(Error::Concatenated);
            }
            seen.push(field.number);
        }
        entries += 1;
        entries += tables.location[locations..].iter().map(|l| l.line.len()).sum::<usize>();
        entries += if field.number == TIME_LINE {
            tables.time_line.as_ref().map_or(0, TimeLine::numbers)
        } else {
            0
        };
        if entries > ENTRIES_LIMIT {
            return Err(Error::Invalid(format!("more than {ENTRIES_LIMIT} locations, functions or strings")));
        }
    }
    if tables.sample_type.is_empty() {
        return Err(Error::Invalid("it has no sample types".to_owned()));
    }
    if tables.string_table.first().is_some_and(|s| !s.is_empty()) {
        return Err(Error::Invalid("the first string is not empty".to_owned()));
    }
    Ok(tables)
}

/// `text` without control characters, which could move the cursor or end a line: names and files may
/// come from anywhere.
pub fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => Cow::Owned(text.replace(char::is_control, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}
