//! The top table as JSON, in base units.

use std::io::{self, Write};

use serde::Serialize;

use crate::view::top::{self, Top};

#[derive(Serialize)]
struct Document<'a> {
    sample_index: &'a str,
    unit: &'a str,
    total: i64,
    rows: Vec<Row<'a>>,
}

/// `samples` and `stderr` are of the value that the rows are sorted by, and null where the profile
/// does not tell how it was sampled.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    flat: i64,
    cum: i64,
    samples: Option<u64>,
    stderr: Option<u64>,
}

/// Writes the table.
pub fn top(out: &mut dyn Write, top: &Top) -> io::Result<()> {
    let row = |row: &'_ top::Row| -> (Option<u64>, Option<u64>) {
        let known = top.sampled.then_some(row.estimate);
        (
            known.map(|estimate| estimate.samples.round() as u64),
            known.map(|estimate| estimate.stderr().round() as u64),
        )
    };
    let rows = top.rows.iter().map(|r| {
        let (samples, stderr) = row(r);
        Row { name: &r.name, flat: r.flat, cum: r.cum, samples, stderr }
    });
    let document = Document {
        sample_index: &top.type_name,
        unit: &top.unit,
        total: top.showing.total,
        rows: rows.collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
