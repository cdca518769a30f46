//! Pyroscope's call `push.v1.PusherService/Push`, by the protocol of Connect.
//!
//! Source: <https://github.com/grafana/pyroscope/blob/main/api/push/v1/push.proto>

use prost::Message;

use crate::attributes::series;
use crate::id;
use crate::moment::Moment;
use crate::request::Request;

#[derive(Clone, PartialEq, prost::Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    series: Vec<RawProfileSeries>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RawProfileSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<LabelPair>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<RawSample>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LabelPair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RawSample {
    #[prost(bytes = "vec", tag = "1")]
    raw_profile: Vec<u8>,
    #[prost(string, tag = "2")]
    id: String,
}

const HEADERS: [(&str, &str); 2] = [("Content-Type", "application/proto"), ("Connect-Protocol-Version", "1")];

/// What a series is beside its attributes: a heap profile, of which what was allocated is a difference
/// already. Else Pyroscope would take it to be all since the start, and differences of it.
const KIND: [(&str, &str); 3] =
    [("__name__", "memory"), ("__delta__", "false"), ("pyroscope_spy", "heaptrace")];

/// The request that takes a profile there.
pub fn request(url: &str, moment: &Moment) -> Request {
    let pair = |name: String, value: &str| LabelPair { name, value: value.to_owned() };
    let kind = KIND.map(|(name, value)| pair(name.to_owned(), value));
    let own = series(&moment.attributes).filter(|(name, _)| KIND.iter().all(|(known, _)| name != known));
    let mut labels: Vec<_> = kind.into_iter().chain(own.map(|(name, value)| pair(name, value))).collect();
    labels.sort_by(|one, other| one.name.cmp(&other.name)); // as Prometheus' label sets are
    let raw_profile = heaptrace_pprof::encode(&moment.profile);
    let series = RawProfileSeries { labels, samples: vec![RawSample { raw_profile, id: id::uuid() }] };
    Request::new(url.to_owned(), &HEADERS, PushRequest { series: vec![series] }.encode_to_vec())
}
