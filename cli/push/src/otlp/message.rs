//! What is sent, and what the answers say.

use std::time::{SystemTime, UNIX_EPOCH};

use heaptrace_pprof::gzip;
use heaptrace_pprof::proto as pprof;
use prost::Message;

use super::dictionary::Dictionary;
use super::proto::any_value::Value::{IntValue, StringValue};
use super::proto::{
    AnyValue, ExportProfilesServiceRequest, ExportProfilesServiceResponse, InstrumentationScope, KeyValue,
    Profile, Resource, ResourceProfiles, Sample, ScopeProfiles, Status, ValueType,
};
use crate::attributes::{Attribute, Value};
use crate::id;
use crate::moment::Moment;
use crate::request::Request;

/// What the bodies are.
pub const CONTENT_TYPE: &str = "application/x-protobuf";

const HEADERS: [(&str, &str); 2] = [("Content-Type", CONTENT_TYPE), ("Content-Encoding", "gzip")];

/// The request that takes a profile there.
pub fn request(url: &str, moment: &Moment) -> Request {
    Request::new(url.to_owned(), &HEADERS, gzip(&message(moment).encode_to_vec()))
}

/// Why the answer to a request that went well says that not all of it did.
pub fn rejected(body: &[u8]) -> Option<String> {
    let partial = ExportProfilesServiceResponse::decode(body).ok()?.partial_success?;
    (partial.rejected_profiles > 0).then_some(partial.error_message)
}

/// What the answer to a request that did not go well says.
pub fn status(body: &[u8]) -> Option<String> {
    Some(Status::decode(body).ok()?.message)
}

fn message(moment: &Moment) -> ExportProfilesServiceRequest {
    let mut dictionary = Dictionary::new(&moment.profile);
    let profiles: Vec<_> = (0..moment.profile.sample_type.len())
        .filter_map(|value| profile(moment, value, &mut dictionary))
        .collect();
    let scope = InstrumentationScope { name: "heaptrace".into(), version: env!("CARGO_PKG_VERSION").into() };
    ExportProfilesServiceRequest {
        resource_profiles: vec![ResourceProfiles {
            resource: Some(Resource { attributes: moment.attributes.iter().map(attribute).collect() }),
            scope_profiles: vec![ScopeProfiles { scope: Some(scope), profiles }],
        }],
        dictionary: Some(dictionary.finish()),
    }
}

fn attribute(Attribute { name, value }: &Attribute) -> KeyValue {
    let value = match value {
        Value::Text(text) => StringValue(text.clone()),
        Value::Id(id) => IntValue((*id).into()),
    };
    KeyValue { key: name.clone(), value: Some(AnyValue { value: Some(value) }) }
}

/// The profile of one of pprof's values: OTLP has one in each. `None` if it is nowhere above 0.
fn profile(moment: &Moment, value: usize, dictionary: &mut Dictionary<'_>) -> Option<Profile> {
    let from = &moment.profile;
    let samples: Vec<_> = from
        .sample
        .iter()
        .filter_map(|sample| Some((sample, *sample.value.get(value).filter(|&&value| value > 0)?)))
        .map(|(sample, value)| Sample {
            stack_index: dictionary.stack(&sample.location_id),
            values: vec![value],
        })
        .collect();
    if samples.is_empty() {
        return None;
    }
    let kind = from.sample_type.get(value)?;
    // What is in use is so at one moment; what was allocated was so over some time.
    let is_moment = from.string_table.get(usize::try_from(kind.r#type).ok()?)?.starts_with("inuse_");
    let since = if is_moment { moment.until } else { moment.since };
    let mut value_type = |kind: &pprof::ValueType| ValueType {
        type_strindex: dictionary.known(kind.r#type),
        unit_strindex: dictionary.known(kind.unit),
    };
    Some(Profile {
        sample_type: Some(value_type(kind)),
        period_type: from.period_type.as_ref().map(value_type),
        samples,
        time_unix_nano: nanos(since),
        duration_nano: nanos(moment.until).saturating_sub(nanos(since)),
        period: from.period,
        profile_id: id::random().to_vec(),
    })
}

fn nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().try_into().unwrap_or(0)
}
