//! `/metrics`: what there is to watch, in the text format of Prometheus.

use std::fmt::Write;
use std::time::UNIX_EPOCH;

use heaptrace_collector::Profiled;
use heaptrace_collector::recording::Values;
use heaptrace_http::Response;
use heaptrace_push::{Account, Pushed};

use super::site::{Site, busy};

/// A process, and the totals of its profile.
type Measured = (Profiled, Values);

/// A metric: its name, its type, what it is, and its value.
type Metric = (&'static str, &'static str, &'static str, fn(&Measured) -> f64);

const METRICS: [Metric; 12] = [
    ("heaptrace_inuse_bytes", "gauge", "Estimated bytes in use.", |it| it.1.inuse_space),
    ("heaptrace_inuse_objects", "gauge", "Estimated blocks in use.", |it| it.1.inuse_objects),
    ("heaptrace_peak_bytes", "gauge", "Estimated bytes in use when most were.", |it| it.0.in_use.1),
    ("heaptrace_alloc_bytes_total", "counter", "Estimated bytes allocated.", |it| it.1.alloc_space),
    ("heaptrace_alloc_objects_total", "counter", "Estimated blocks allocated.", |it| it.1.alloc_objects),
    ("heaptrace_samples_total", "counter", "Samples taken.", |it| it.0.counters.samples as f64),
    ("heaptrace_lost_samples_total", "counter", "Samples that could not be recorded.", |it| {
        it.0.counters.lost_samples as f64
    }),
    (
        "heaptrace_lost_frees_total",
        "counter",
        "Frees of sampled blocks that were not recorded in time.",
        |it| it.0.counters.lost_frees as f64,
    ),
    ("heaptrace_rate_bytes", "gauge", "Mean bytes between samples.", |it| it.0.rate as f64),
    ("heaptrace_start_time_seconds", "gauge", "When recording began, since the epoch.", |it| {
        it.0.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }),
    ("heaptrace_is_program", "gauge", "1 for the program that the session is about.", |it| {
        f64::from(u8::from(it.0.is_program))
    }),
    ("heaptrace_is_damaged", "gauge", "1 if the program wrote over what was recorded of it.", |it| {
        f64::from(u8::from(it.0.counters.is_damaged))
    }),
];

/// The same of profiles that are sent somewhere.
type OfPushes = (&'static str, &'static str, &'static str, fn(&Pushed) -> u64);

const PUSH_METRICS: [OfPushes; 6] = [
    ("heaptrace_push_sent_total", "counter", "Profiles that the server took.", |it| it.sent),
    ("heaptrace_push_sent_bytes_total", "counter", "Bytes of these, packed.", |it| it.bytes),
    ("heaptrace_push_failed_total", "counter", "Times that one could not be sent.", |it| it.failed),
    ("heaptrace_push_retried_total", "counter", "Times that one was sent again.", |it| it.retried),
    (
        "heaptrace_push_dropped_total",
        "counter",
        "Profiles that will not be sent: refused, too old or too many.",
        |it| it.lost,
    ),
    ("heaptrace_push_waiting", "gauge", "Profiles that wait to be sent.", |it| it.waiting),
];

/// Processes of which metrics are told; more would be more than a scraper wants.
const MOST: usize = 1000;

/// The metrics of all processes.
pub fn all(site: &Site) -> Response {
    let Some(mut processes) = site.asker.processes() else { return busy() };
    site.forget_gone(&processes);
    let Some(_inside) = site.gate.enter() else { return busy() };
    let count = processes.len();
    processes.truncate(MOST);
    let measured = processes.into_iter().filter_map(|process| {
        let mut totals = Values::default();
        site.asker.snapshot(process.pid)?.sums.iter().for_each(|sum| totals += sum.values);
        Some((process, totals))
    });
    let measured: Vec<Measured> = measured.collect();
    let mut text = String::new();
    describe(&mut text, "heaptrace_build_info", "gauge", "The version of heaptrace.");
    text += concat!("heaptrace_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n");
    describe(&mut text, "heaptrace_processes", "gauge", "Processes that are recorded.");
    let _ = writeln!(text, "heaptrace_processes {count}");
    for (name, kind, what, value) in METRICS {
        describe(&mut text, name, kind, what);
        for one in &measured {
            let program = escaped(&one.0.name.to_string_lossy());
            let _ = writeln!(text, "{name}{{pid=\"{}\",program=\"{program}\"}} {}", one.0.pid, value(one));
        }
    }
    if let Some(pushed) = site.pushes.as_ref().map(Account::pushed) {
        for (name, kind, what, value) in PUSH_METRICS {
            describe(&mut text, name, kind, what);
            let _ = writeln!(text, "{name}{{to=\"{}\"}} {}", escaped(&pushed.to), value(&pushed));
        }
    }
    Response::new("text/plain; version=0.0.4; charset=utf-8", text)
}

fn describe(text: &mut String, name: &str, kind: &str, what: &str) {
    let _ = writeln!(text, "# HELP {name} {what}\n# TYPE {name} {kind}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
