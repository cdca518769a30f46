//! All numbers, as JSON: for other programs, and as a baseline.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use heaptrace_channel::counters::Family;
use heaptrace_collector::counting::{Counted, Counts};
use heaptrace_report::Output;
use serde::{Deserialize, Serialize};

use super::comparison::{MetricPair, Verdict};
use super::metric::{METRICS, Values};
use super::runs::Runs;

/// What is in a file.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    /// Tells files of ours, and how they are to be read.
    heaptrace_stat: u32,
    command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per: Option<u64>,
    /// For each run its numbers, not divided.
    runs: Vec<JsonObject>,
    /// Those of the last run.
    #[serde(default, skip_deserializing)]
    processes: Vec<ProcessNumbers>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", skip_deserializing)]
    comparison: Vec<Compared>,
}

const VERSION: u32 = 1;
/// Larger files are none of ours.
const MOST_BYTES: u64 = 64 << 20;

type JsonObject = serde_json::Map<String, serde_json::Value>;

#[derive(Debug, Serialize)]
struct ProcessNumbers {
    name: String,
    pid: u32,
    is_program: bool,
    is_forked: bool,
    processes: u64,
    families: JsonObject,
    frees: u64,
    reallocs_in_place: u64,
    reallocs_moved: u64,
    inuse_bytes: i64,
    peak_bytes: i64,
    peak_within_bytes: u64,
    /// Calls for each class of sizes: 0 bytes, 1, 2 to 3, 4 to 7, and so on.
    sizes: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct Compared {
    name: &'static str,
    before: f64,
    after: f64,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<f64>,
}

/// Writes a file.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, runs: &Runs, comparison: &[MetricPair]) -> Result<()> {
    let document = Document {
        heaptrace_stat: VERSION,
        command: runs.command.clone(),
        per: runs.per,
        runs: runs.values.iter().map(numbers).collect(),
        processes: processes(&runs.last),
        comparison: comparison.iter().map(compared).collect(),
    };
    Output::to_file(path, |out| {
        let mut text = out.text();
        serde_json::to_writer_pretty(&mut text, &document)?;
        Ok(writeln!(text)?)
    })
}

/// Reads a file that [`write()`] has written.
///
/// # Errors
/// If it is none.
pub fn read(path: &Path) -> Result<Runs> {
    let read = || -> Result<Runs> {
        let file = File::open(path)?;
        ensure!(file.metadata()?.len() <= MOST_BYTES, "it is too large");
        let Document { heaptrace_stat, command, per, runs, .. } =
            serde_json::from_reader(BufReader::new(file)).context("it is not what --json writes")?;
        ensure!(heaptrace_stat == VERSION, "it is of another version");
        ensure!(!runs.is_empty() && per != Some(0), "there are no runs in it");
        let values = runs.iter().map(values).collect::<Result<_>>()?;
        Ok(Runs { command, per, values, last: Counted::default() })
    };
    read().with_context(|| format!("cannot use {} as baseline", path.display()))
}

fn numbers(values: &Values) -> JsonObject {
    let named = METRICS.iter().zip(values).map(|(metric, &value)| (metric.key.to_owned(), whole(value)));
    named.collect()
}

/// All of them are whole numbers.
fn whole(value: f64) -> serde_json::Value {
    (value as i64).into()
}

fn values(numbers: &JsonObject) -> Result<Values> {
    let mut values = [0.0; METRICS.len()];
    for (value, metric) in values.iter_mut().zip(&METRICS) {
        match numbers.get(metric.key).and_then(serde_json::Value::as_f64) {
            Some(number) => *value = number,
            None => bail!("a run has no {}", metric.key),
        }
    }
    Ok(values)
}

fn processes(counted: &Counted) -> Vec<ProcessNumbers> {
    let process = |of: &heaptrace_collector::counting::ProcessCounts| {
        let counts = &of.counts;
        ProcessNumbers {
            name: of.name.to_string_lossy().into_owned(),
            pid: of.pid,
            is_program: of.is_program,
            is_forked: of.is_forked,
            processes: of.processes,
            families: families(counts),
            frees: counts.frees,
            reallocs_in_place: counts.in_place,
            reallocs_moved: counts.moved,
            inuse_bytes: counts.in_use,
            peak_bytes: counts.peak,
            peak_within_bytes: counts.peak_within,
            sizes: counts.histogram(),
        }
    };
    counted.processes.iter().map(process).collect()
}

fn families(counts: &Counts) -> JsonObject {
    let all = Family::ALL.into_iter().map(|family| {
        let of = counts.family(family);
        let numbers = serde_json::json!({ "calls": of.calls(), "bytes": of.bytes, "failures": of.failures });
        (family.name().to_owned(), numbers)
    });
    all.collect()
}

fn compared(row: &MetricPair) -> Compared {
    let (verdict, p) = match row.verdict {
        Verdict::Same => ("same", None),
        Verdict::Changed => ("changed", None),
        Verdict::Differs(p) => ("differs", Some(p)),
        Verdict::Alike(p) => ("alike", Some(p)),
        Verdict::Unknown => ("unknown", None),
    };
    Compared { name: row.metric.key, before: row.before.median(), after: row.after.median(), verdict, p }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("base.json");
        let mut values = [0.0; METRICS.len()];
        values.iter_mut().enumerate().for_each(|(i, value)| *value = 1000.0 * i as f64);
        let command = vec!["prog".to_owned(), "arg".to_owned()];
        let runs = Runs { command, per: Some(7), values: vec![values; 3], last: Counted::default() };
        write(&path, &runs, &[]).unwrap();
        let read = read(&path).unwrap();
        assert_eq!((read.command, read.per, read.values), (runs.command, runs.per, runs.values));
    }

    #[test]
    fn what_is_no_baseline_is_refused_with_the_reason() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("base.json");
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            format!("{:#}", read(&path).unwrap_err())
        };
        assert!(refused("").contains("not what --json writes"));
        assert!(
            refused("{\"heaptrace_stat\": 9, \"command\": [], \"runs\": []}").contains("another version")
        );
        assert!(refused("{\"heaptrace_stat\": 1, \"command\": [], \"runs\": []}").contains("no runs"));
        assert!(refused("{\"heaptrace_stat\": 1, \"command\": [], \"runs\": [{}]}").contains("no allocs"));
        assert!(format!("{:#}", read(&room.path().join("none")).unwrap_err()).contains("cannot use"));
    }
}
