//! Pyroscope's older way: a profile as the body of `POST /ingest`, with its labels in the query.
//!
//! Source: `pkg/ingester/pyroscope/ingest_handler.go` and `api/model/labelset` of grafana/pyroscope.

use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::attributes::{SERVICE, label_name, series};
use crate::moment::Moment;
use crate::request::Request;

const HEADERS: [(&str, &str); 1] = [("Content-Type", "application/octet-stream")];

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The request that takes a profile there.
pub fn request(url: &str, moment: &Moment) -> Request {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let name = name(moment);
    let name = utf8_percent_encode(&name, ESCAPED);
    let (from, until) = (seconds(moment.since), seconds(moment.until));
    let query = format!("name={name}&from={from}&until={until}&format=pprof&spyName=heaptrace");
    Request::new(format!("{url}?{query}"), &HEADERS, heaptrace_pprof::encode(&moment.profile))
}

/// The service with its labels: `service{name=value,…}`. What would end a value cannot be escaped there.
fn name(moment: &Moment) -> String {
    let service_name = label_name(SERVICE);
    let (service, others): (Vec<_>, Vec<_>) =
        series(&moment.attributes).partition(|(name, _)| *name == service_name);
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-./_".contains(c);
    let service = service.first().map_or("unknown", |(_, value)| value);
    let service: String = service.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect();
    let label = |(name, value): &(String, &str)| format!("{name}={}", value.replace([',', '}'], "_"));
    format!("{service}{{{}}}", others.iter().map(label).collect::<Vec<_>>().join(","))
}
