//! before.rs without its three memory faults.

mod records;

use records::{Input, RECORDS, VALUES, number};

struct Record {
    values: Vec<i32>,
    amount: f64,
}

fn find(record: &str, field: &str) -> usize {
    record.find(field).unwrap() + field.len()
}

fn parse_values(record: &str) -> Vec<i32> {
    let mut values = Vec::with_capacity(VALUES);
    let mut at = find(record, "\"values\":[");
    while !record[..at].ends_with(']') {
        values.push(number(record, &mut at));
    }
    values
}

fn parse_amount(record: &str, buffer: &mut [u8]) -> f64 {
    let at = find(record, "\"amount\":");
    let amount = record[at..].split(',').next().unwrap();
    let buffer = &mut buffer[..amount.len()];
    buffer.copy_from_slice(amount.as_bytes());
    str::from_utf8(buffer).unwrap().parse().unwrap()
}

fn main() {
    let mut input = Input::new();
    let mut buffer = vec![0; 256];
    let mut records = Vec::with_capacity(RECORDS);
    while let Some(record) = input.next() {
        records.push(Record { values: parse_values(record), amount: parse_amount(record, &mut buffer) });
    }
    let sum: f64 = records.iter().map(|r| r.amount * f64::from(*r.values.last().unwrap())).sum();
    println!("{} records, sum {sum:.0}", records.len());
}
