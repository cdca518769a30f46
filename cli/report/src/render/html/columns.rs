//! Columns of numbers as bytes: seven bits of a number in a byte, the lowest first.

use serde::Serialize;

/// Columns end to end.
#[derive(Debug, Default)]
pub struct Columns {
    /// Which column is where.
    pub index: Vec<Column>,
    /// Their bytes.
    pub bytes: Vec<u8>,
}

/// Where a column is.
#[derive(Debug, Serialize)]
pub struct Column {
    name: &'static str,
    /// How many numbers it has.
    count: usize,
    /// How many bytes.
    bytes: usize,
}

impl Columns {
    /// Adds a column of numbers.
    pub fn add(&mut self, name: &'static str, numbers: impl IntoIterator<Item = u64>) {
        let start = self.bytes.len();
        let mut count = 0;
        for mut number in numbers {
            count += 1;
            while number >= 0x80 {
                self.bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            self.bytes.push(number as u8);
        }
        self.index.push(Column { name, count, bytes: self.bytes.len() - start });
    }

    /// Adds a column of numbers that may be negative: the sign is the lowest bit.
    pub fn add_signed(&mut self, name: &'static str, numbers: impl IntoIterator<Item = i64>) {
        self.add(name, numbers.into_iter().map(|number| ((number << 1) ^ (number >> 63)) as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_take_a_byte() {
        let mut columns = Columns::default();
        columns.add("a", [0, 127, 128, 300]);
        columns.add_signed("b", [0, -1, 1, 64]);
        assert_eq!(columns.bytes, [0, 127, 0x80, 1, 0xac, 2, 0, 1, 2, 0x80, 1]);
        assert_eq!((columns.index[1].count, columns.index[1].bytes), (4, 5));
    }
}
