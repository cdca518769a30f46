//! Sums up JSON records, with the three memory faults of before.cpp. after.rs is the same without.

mod records;

use records::{Input, RECORDS, number};

struct Record {
    values: Vec<i32>,
    amount: f64,
}

/// Fault 2: the record is converted to a String, only to look for something in it.
fn find(record: String, field: &str) -> usize {
    record.find(field).unwrap() + field.len()
}

/// Fault 1: the vector grows without a capacity, and is copied each time.
fn parse_values(record: &str) -> Vec<i32> {
    let mut values = Vec::new();
    let mut at = find(record.to_string(), "\"values\":[");
    while !record[..at].ends_with(']') {
        values.push(number(record, &mut at));
    }
    values
}

/// Fault 3: a buffer made afresh for each record. And fault 2 again, twice.
fn parse_amount(record: &str) -> f64 {
    let at = find(record.to_string(), "\"amount\":");
    let amount = record[at..].split(',').next().unwrap().to_string();
    let mut buffer = vec![0; 256];
    buffer[..amount.len()].copy_from_slice(amount.as_bytes());
    String::from_utf8_lossy(&buffer[..amount.len()]).into_owned().parse().unwrap()
}

fn main() {
    let mut input = Input::new();
    let mut records = Vec::with_capacity(RECORDS);
    while let Some(record) = input.next() {
        records.push(Record { values: parse_values(record), amount: parse_amount(record) });
    }
    let sum: f64 = records.iter().map(|r| r.amount * f64::from(*r.values.last().unwrap())).sum();
    println!("{} records, sum {sum:.0}", records.len());
}
