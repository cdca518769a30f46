//! What OpenTelemetry gets, read with its own messages.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::profiles::v1development::{Profile, ProfilesDictionary};
use prost::Message;

use super::server::{Received, Reply, Server};
use super::store::TYPES;
use crate::support::{Room, wait_until};

/// A request.
struct Export {
    attributes: BTreeMap<String, Value>,
    profiles: Vec<Profile>,
    dictionary: ProfilesDictionary,
}

fn value(value: &Option<AnyValue>) -> Value {
    value.clone().unwrap().value.unwrap()
}

fn text(text: &str) -> Value {
    Value::StringValue(text.into())
}

impl Export {
    #[track_caller]
    fn of(received: &Received) -> Export {
        assert_eq!(received.what, "POST /v1development/profiles");
        assert_eq!(received.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(received.header("content-encoding"), Some("gzip"));
        let mut message = Vec::new();
        GzDecoder::new(&*received.body).read_to_end(&mut message).unwrap();
        let request = ExportProfilesServiceRequest::decode(&*message).unwrap();
        assert_eq!(request.encode_to_vec().len(), message.len(), "no field that it does not know");
        let [resource] = &request.resource_profiles[..] else { panic!("one resource") };
        let [scope] = &resource.scope_profiles[..] else { panic!("one scope") };
        let by = scope.scope.as_ref().unwrap();
        assert_eq!((&*by.name, &*by.version), ("heaptrace", env!("CARGO_PKG_VERSION")));
        let pair = |it: &KeyValue| (it.key.clone(), value(&it.value));
        let all = &resource.resource.as_ref().unwrap().attributes;
        let attributes: BTreeMap<_, _> = all.iter().map(pair).collect();
        assert_eq!(attributes.len(), all.len(), "each once");
        let export =
            Export { attributes, profiles: scope.profiles.clone(), dictionary: request.dictionary.unwrap() };
        export.assert_tables();
        export
    }

    fn string(&self, index: i32) -> &str {
        &self.dictionary.string_table[index as usize]
    }

    /// The rules at `ProfilesDictionary`: entry 0 means nothing, no entry is there twice, all are used.
    #[track_caller]
    fn assert_tables(&self) {
        let ProfilesDictionary {
            mapping_table,
            location_table,
            function_table,
            link_table,
            string_table,
            attribute_table,
            stack_table,
        } = &self.dictionary;
        assert_eq!((mapping_table[0].clone(), location_table[0].clone()), Default::default());
        assert_eq!((function_table[0], attribute_table[0].clone()), Default::default());
        assert_eq!((stack_table[0].clone(), &*string_table[0]), (Default::default(), ""));
        assert_eq!((link_table.len(), &link_table[0].trace_id[..]), (1, &[0; 16][..]));
        let mut strings = BTreeSet::new();
        assert!(string_table.iter().all(|text| strings.insert(text)), "each once");
        let mut stacks = BTreeSet::new();
        assert!(stack_table.iter().all(|stack| stacks.insert(&stack.location_indices)), "each once");
        let samples = || self.profiles.iter().flat_map(|profile| &profile.samples);
        let used_stacks: BTreeSet<_> = samples().map(|sample| sample.stack_index as usize).collect();
        assert!(used_stacks.iter().copied().eq(1..stack_table.len()));
        let locations = stack_table.iter().flat_map(|stack| &stack.location_indices);
        let used: BTreeSet<_> = locations.map(|&index| index as usize).collect();
        assert!(used.iter().copied().eq(1..location_table.len()));
        let functions = location_table.iter().flat_map(|location| &location.lines);
        let used: BTreeSet<_> = functions.map(|line| line.function_index as usize).collect();
        assert!(used.iter().copied().eq(1..function_table.len()));
        for location in &location_table[1..] {
            let mapping = &mapping_table[location.mapping_index as usize];
            let native = location.attribute_indices.iter().map(|&index| &attribute_table[index as usize]);
            let native: Vec<_> = native.map(|it| (self.string(it.key_strindex), value(&it.value))).collect();
            assert_eq!(native, [("profile.frame.type", text("native"))]);
            assert!((mapping.memory_start..mapping.memory_limit).contains(&location.address));
        }
        let named = function_table[1..].iter();
        assert!(named.clone().all(|function| function.name_strindex != 0));
        assert!(named.clone().any(|function| function.filename_strindex != 0 && function.start_line > 0));
        let build_ids = attribute_table[1..].iter().map(|it| self.string(it.key_strindex));
        assert!(build_ids.skip(1).all(|key| key == "process.executable.build_id.gnu"));
        assert!(mapping_table[1..].iter().all(|mapping| self.string(mapping.filename_strindex).len() > 1));
    }

    /// The profile of one type.
    fn profile(&self, index: &str) -> Option<&Profile> {
        let is_it = |profile: &&Profile| self.string(profile.sample_type.unwrap().type_strindex) == index;
        let mut all = self.profiles.iter().filter(is_it);
        let found = all.next();
        assert!(all.next().is_none(), "one of each type");
        found
    }

    /// The sum of a value over the samples with that function; over all of them for an empty name.
    fn under(&self, function: &str, index: &str) -> i64 {
        let ProfilesDictionary { location_table, function_table, stack_table, .. } = &self.dictionary;
        let is_it = |location: &i32| {
            let mut lines = location_table[*location as usize].lines.iter();
            lines.any(|line| {
                self.string(function_table[line.function_index as usize].name_strindex) == function
            })
        };
        let has = |stack: i32| stack_table[stack as usize].location_indices.iter().any(is_it);
        let samples = self.profile(index).map_or(&[][..], |profile| &profile.samples);
        let with = samples.iter().filter(|sample| function.is_empty() || has(sample.stack_index));
        let one = |values: &[i64]| {
            assert!(values.len() == 1 && values[0] > 0, "{values:?}");
            values[0]
        };
        with.map(|sample| one(&sample.values)).sum()
    }
}

#[test]
fn every_field_is_as_its_definition_has_it() {
    let (room, server) = (Room::new(), Server::start());
    let launch = room.run("ledger.c").option("--push").option(&format!("otlp+{}", server.url("")));
    let launch = launch.option("--label").option("team=x").env("OTEL_SERVICE_NAME", "named");
    let launch = launch
        .env("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=test%20bed,junk")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=abc%3D,other=1");
    let ended = launch.go().well();
    let [received] = &server.received()[..] else { panic!("one request: {}", ended.stderr) };
    assert_eq!((received.header("x-api-key"), received.header("other")), (Some("abc="), Some("1")));
    let export = Export::of(received);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let mut attributes = export.attributes.clone();
    assert!(matches!(attributes.remove("process.pid"), Some(Value::IntValue(1..))));
    let expected = [
        ("deployment.environment.name", "test bed"),
        ("host.name", host.trim()),
        ("process.executable.name", "ledger"),
        ("service.name", "named"),
        ("team", "x"),
    ];
    assert_eq!(attributes, expected.map(|(name, value)| (name.to_owned(), text(value))).into());
    let file = room.profile("out.prof");
    let mut ids = BTreeSet::new();
    for (index, unit) in TYPES {
        let profile = export.profile(index).unwrap();
        assert_eq!(export.string(profile.sample_type.unwrap().unit_strindex), unit);
        let period = profile.period_type.unwrap();
        assert_eq!(
            (export.string(period.type_strindex), export.string(period.unit_strindex), profile.period),
            ("space", "bytes", 1)
        );
        assert!(profile.profile_id.len() == 16 && ids.insert(&profile.profile_id));
        assert_eq!(export.under("", index), file.total(index), "{index}");
        let lasts = profile.duration_nano > 0;
        assert_eq!(lasts, index.starts_with("alloc_"), "{index}");
    }
    let ledger = ended.ledger();
    assert!(!ledger.0.is_empty());
    for (function, values) in &ledger.0 {
        for (at, (index, _)) in TYPES.iter().enumerate() {
            assert_eq!(export.under(function, index), values[at], "{function} {index}");
        }
    }
}

#[test]
fn times_follow_one_another_and_what_was_allocated_adds_up() {
    let (room, server) = (Room::new(), Server::start());
    let launch = room.run("obeys.c").option("--push").option(&server.url("/v1development/profiles"));
    let launch = launch.option("--push-interval").option("150ms").with(|command| {
        command.stdin(std::process::Stdio::piped());
    });
    let mut program = launch.spawn();
    let exports = || server.received().iter().map(Export::of).collect::<Vec<_>>();
    for round in 1..=4 {
        assert_eq!(program.ask("keep 10 100"), "done");
        wait_until("it has come", || {
            let all: i64 = exports().iter().map(|export| export.under("keep", "alloc_space")).sum();
            all == round * 1000
        });
    }
    assert_eq!(program.ask("churn 10 100"), "done");
    program.send_line("quit");
    program.wait().well();
    let (exports, file) = (exports(), room.profile("out.prof"));
    for index in ["alloc_objects", "alloc_space"] {
        let sum: i64 = exports.iter().map(|export| export.under("", index)).sum();
        assert_eq!(sum, file.total(index), "{index}");
    }
    let mut ends = 0;
    for export in &exports {
        let in_use = export.profile("inuse_space").unwrap();
        assert_eq!(in_use.duration_nano, 0);
        assert!(in_use.time_unix_nano > ends);
        if let Some(allocated) = export.profile("alloc_space") {
            assert!(allocated.time_unix_nano + 2_000_000 >= ends, "not of a time that was told of");
            assert_eq!(allocated.time_unix_nano + allocated.duration_nano, in_use.time_unix_nano);
        }
        ends = in_use.time_unix_nano;
    }
    assert_eq!(exports.last().unwrap().under("keep", "inuse_space"), 4000);
}

#[test]
fn what_is_not_taken_in_a_good_answer_is_told() {
    // partial_success (1) { rejected_profiles (1): 4, error_message (2): "no room" }
    let body = b"\x0a\x0b\x08\x04\x12\x07no room".to_vec();
    let server = Server::that_answers(move |_| {
        Reply::Status("200 OK", "Content-Type: application/x-protobuf\r\n", body.clone())
    });
    let room = Room::new();
    let url = format!("otlp+{}", server.url(""));
    let ended = room.run("ledger.c").option("--push").option(&url).go().well();
    assert_eq!(server.received().len(), 1, "it is not sent again");
    assert!(ended.stderr.contains("1 profile could not be pushed to "), "{}", ended.stderr);
    assert!(ended.stderr.contains("/v1development/profiles: no room"), "{}", ended.stderr);
}
