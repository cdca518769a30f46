//! The fields of a protobuf message, one at a time, from a stream that may be gzipped.
//!
//! A decoder of the whole message would need memory for all of it, in messages of which an empty
//! one takes two bytes of the file and dozens in memory. This one holds a single field.

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;

use crate::error::Error;

/// Longest field read, in bytes. A location with its inline frames takes some hundred.
const FIELD_LIMIT: u64 = 1 << 24;

/// Reads the fields of the message in `bytes`, the content of a file, gzipped or not.
pub struct Fields<'a> {
    reader: Box<dyn BufRead + 'a>,
    buffer: Vec<u8>,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The field's number in the message.
    pub number: u64,
    /// The whole field; a message of this field alone.
    pub encoded: &'a [u8],
    /// Its bytes without key and length, if it has a length: a message, a text, packed numbers.
    pub content: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// The fields of the message in `bytes`.
    pub fn new(bytes: &'a [u8]) -> Fields<'a> {
        const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
        let reader: Box<dyn BufRead> = if bytes.starts_with(&GZIP_MAGIC) {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(bytes)))
        } else {
            Box::new(bytes)
        };
        Fields { reader, buffer: Vec::new() }
    }

    /// The next field, or `None` at the end of the message.
    pub fn next(&mut self) -> Result<Option<Field<'_>>, Error> {
        self.buffer.clear();
        if self.reader.fill_buf().map_err(unreadable)?.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let mut start = None;
        match key & 7 {
            0 => {
                self.varint()?;
            }
            1 => self.bytes(8)?,
            2 => {
                let length = self.varint()?;
                start = Some(self.buffer.len());
                self.bytes(length)?;
            }
            5 => self.bytes(4)?,
            kind => return Err(damaged(format!("a field has the unknown wire type {kind}"))),
        }
        if key >> 3 == 0 {
            return Err(damaged("a field has the number 0".to_owned()));
        }
        let encoded = self.buffer.as_slice();
        let content = start.map(|start| &encoded[start..]);
        Ok(Some(Field { number: key >> 3, encoded, content }))
    }

    /// Reads a varint into the buffer and returns its value.
    fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.reader.read_exact(&mut byte).map_err(unreadable)?;
            self.buffer.push(byte[0]);
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged("a number is longer than 64 bits".to_owned()))
    }

    /// Reads `length` bytes into the buffer.
    fn bytes(&mut self, length: u64) -> Result<(), Error> {
        if length > FIELD_LIMIT {
            return Err(damaged(format!("a field is {length} bytes long")));
        }
        let mut limited = (&mut self.reader).take(length);
        let read = limited.read_to_end(&mut self.buffer).map_err(unreadable)?;
        if read as u64 == length { Ok(()) } else { Err(unreadable(io::ErrorKind::UnexpectedEof.into())) }
    }
}

/// The error of bytes that are well-formed gzip, or no gzip at all, but not a profile.
fn damaged(what: String) -> Error {
    Error::Invalid(format!("{what}; the file is something else, or damaged"))
}

/// The error of a stream that breaks off or cannot be decompressed.
fn unreadable(error: io::Error) -> Error {
    Error::Gzip(error)
}
