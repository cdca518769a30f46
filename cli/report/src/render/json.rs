//! Tables as JSON, in base units.

use std::io::{self, Write};

use serde::Serialize;

use crate::render::growth::word;
use crate::view::growth::{self, Evidence, Growth};
use crate::view::top::{self, Top};
use crate::view::verdict::Verdict;

#[derive(Serialize)]
struct Document<'a> {
    sample_index: &'a str,
    unit: &'a str,
    total: i64,
    rows: Vec<TopEntry<'a>>,
}

/// `samples` and `stderr` are of the value that the rows are sorted by, and null where the profile
/// does not tell how it was sampled.
#[derive(Serialize)]
struct TopEntry<'a> {
    name: &'a str,
    flat: i64,
    cum: i64,
    samples: Option<u64>,
    stderr: Option<u64>,
}

/// What grows. Bytes an hour, times in seconds, the rate in bytes.
#[derive(Serialize)]
struct GrowthDocument<'a> {
    evidence: &'static str,
    profiles: usize,
    seconds: f64,
    rate: u64,
    heap: Trend,
    resident: Option<Trend>,
    /// Whether the process grows, but not by what it has from malloc.
    elsewhere: bool,
    rows: Vec<GrowthRow<'a>>,
    more: usize,
}

#[derive(Serialize)]
struct Trend {
    bytes: i64,
    bytes_per_hour: Option<f64>,
}

#[derive(Serialize)]
struct GrowthRow<'a> {
    /// The innermost function first.
    stack: Vec<&'a str>,
    verdict: &'static str,
    bytes_per_hour: f64,
    /// The 95% interval.
    interval: [f64; 2],
    inuse_space: i64,
    /// The share of all that were allocated.
    kept: Option<f64>,
    median_age: Option<f64>,
    /// Null if nothing was ever freed.
    last_freed: Option<f64>,
    /// What would make sure, where it is too early to tell.
    needs: Option<Needs>,
}

#[derive(Serialize)]
struct Needs {
    seconds: f64,
    rate: u64,
}

/// Writes the table of what grows.
pub fn growth(out: &mut dyn Write, growth: &Growth) -> io::Result<()> {
    let (evidence, profiles) = match growth.evidence {
        Evidence::Ages => ("ages", 1),
        Evidence::Profiles(count) => ("profiles", count),
    };
    let document = GrowthDocument {
        evidence,
        profiles,
        seconds: growth.seconds,
        rate: growth.rate,
        heap: trend(growth.heap),
        resident: growth.resident.map(trend),
        elsewhere: growth.is_elsewhere(),
        rows: growth.rows.iter().map(|row| growth_row(row, growth.rate)).collect(),
        more: growth.more,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn trend(trend: growth::Trend) -> Trend {
    Trend { bytes: trend.now as i64, bytes_per_hour: trend.growth.map(an_hour) }
}

fn growth_row(row: &growth::GrowingStack, rate: u64) -> GrowthRow<'_> {
    let judgement = row.judgement;
    let (grows, half) = (judgement.growth, judgement.half_interval);
    GrowthRow {
        stack: row.stack.split(" ← ").collect(),
        verdict: word(&judgement.verdict),
        bytes_per_hour: an_hour(grows),
        interval: [an_hour(grows - half), an_hour(grows + half)],
        inuse_space: row.live as i64,
        kept: row.ages.map(|ages| ages.kept),
        median_age: row.ages.map(|ages| ages.median),
        last_freed: row.ages.and_then(|ages| ages.freed),
        needs: match judgement.verdict {
            Verdict::TooEarly(wait) => {
                Some(Needs { seconds: wait.seconds, rate: (rate as f64 / wait.finer).max(1.0) as u64 })
            }
            Verdict::Leak | Verdict::Cache | Verdict::StartUp | Verdict::Steady => None,
        },
    }
}

fn an_hour(a_second: f64) -> f64 {
    a_second * 3600.0
}

/// Writes the top table.
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
        TopEntry { name: &r.name, flat: r.flat, cum: r.cum, samples, stderr }
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
