//! What Pyroscope would keep of what it gets, with its rules of what it takes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::read::GzDecoder;
use heaptrace_pprof::proto;
use prost::Message;

use super::server::Received;
use super::wire;

/// A profile of a series.
#[derive(Debug)]
pub struct Kept {
    pub labels: BTreeMap<String, String>,
    /// As it came.
    pub bytes: Vec<u8>,
    pub profile: proto::Profile,
}

pub const TYPES: [(&str, &str); 4] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

/// `push.v1.PushRequest`: series of labels (name, value) and samples (raw profile, id).
#[track_caller]
pub fn of_call(received: &Received) -> Kept {
    assert_eq!(received.what, "POST /push.v1.PusherService/Push");
    let header = |name| received.header(name);
    assert_eq!(header("content-type"), Some("application/proto"));
    assert_eq!(header("connect-protocol-version"), Some("1"));
    assert_eq!((header("content-encoding"), &received.query[..]), (None, &[][..]));
    let [series] = wire::all(&received.body, 1, &[1])[..] else { panic!("one series") };
    let label = |label: &&[u8]| (wire::text(label, 1, &[1, 2]), wire::text(label, 2, &[1, 2]));
    let pairs: Vec<_> = wire::all(series, 1, &[1, 2]).iter().map(label).collect();
    let mut sorted = pairs.clone();
    sorted.sort();
    sorted.dedup_by(|one, other| one.0 == other.0);
    assert_eq!(pairs, sorted, "in order, each once");
    let [sample] = wire::all(series, 2, &[1, 2])[..] else { panic!("one sample") };
    let id = wire::text(sample, 2, &[1, 2]);
    let dashes: Vec<_> = id.match_indices('-').map(|(at, _)| at).collect();
    assert!(id.len() == 36 && dashes == [8, 13, 18, 23] && id.as_bytes()[14] == b'4', "{id}");
    let mut labels: BTreeMap<_, _> = pairs.into_iter().collect();
    assert_eq!(labels.remove("__name__").as_deref(), Some("memory"));
    assert_eq!(labels.remove("__delta__").as_deref(), Some("false"), "else it takes differences of them");
    assert_eq!(labels.remove("pyroscope_spy").as_deref(), Some("heaptrace"));
    Kept::new(labels, wire::all(sample, 1, &[1, 2])[0], received)
}

/// `/ingest`: the labels are in the query.
#[track_caller]
pub fn of_ingest(received: &Received) -> Kept {
    assert_eq!(received.what, "POST /ingest");
    assert_eq!(received.header("content-type"), Some("application/octet-stream"));
    let names: Vec<_> = received.query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["name", "from", "until", "format", "spyName"]);
    assert_eq!((received.query("format"), received.query("spyName")), ("pprof", "heaptrace"));
    let [from, until] = ["from", "until"].map(|name| received.query(name).parse::<u64>().unwrap());
    assert!(from.to_string().len() == 10 && from <= until, "{from} {until}: seconds");
    let name = received.query("name").strip_suffix('}').unwrap();
    let (service, labels) = name.split_once('{').unwrap();
    let pairs = labels.split(',').map(|pair| pair.split_once('=').unwrap());
    let own = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let labels = own.chain([("service_name".to_owned(), service.to_owned())]).collect();
    Kept::new(labels, &received.body, received)
}

impl Kept {
    #[track_caller]
    fn new(labels: BTreeMap<String, String>, bytes: &[u8], received: &Received) -> Kept {
        let mut message = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut message).unwrap();
        assert!(message.len() <= 2_000_000, "what is larger never gets through");
        let kept =
            Kept { labels, bytes: bytes.to_vec(), profile: proto::Profile::decode(&*message).unwrap() };
        kept.assert_taken(received.at);
        kept
    }

    fn text(&self, index: i64) -> &str {
        &self.profile.string_table[usize::try_from(index).unwrap()]
    }

    /// Until when it counts.
    pub fn until(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.profile.time_nanos.try_into().unwrap())
    }

    #[track_caller]
    fn assert_taken(&self, at: SystemTime) {
        let profile = &self.profile;
        let types: Vec<_> =
            profile.sample_type.iter().map(|kind| (self.text(kind.r#type), self.text(kind.unit))).collect();
        assert_eq!(types, TYPES);
        let period = profile.period_type.unwrap();
        assert_eq!((self.text(period.r#type), self.text(period.unit)), ("space", "bytes"));
        assert_eq!((self.text(0), self.text(profile.default_sample_type)), ("", "inuse_space"));
        let age = at.duration_since(self.until()).expect("of the past");
        assert!(age < Duration::from_secs(600), "{age:?}: more than an hour is too old");
        assert!((1..=16_000).contains(&profile.sample.len()));
        let stacks: BTreeSet<_> = profile.sample.iter().map(|sample| &sample.location_id).collect();
        assert_eq!(stacks.len(), profile.sample.len(), "each stack once");
        for sample in &profile.sample {
            assert_eq!((sample.value.len(), &sample.label[..]), (4, &[][..]), "numbers would be thrown away");
            assert!(sample.value.iter().all(|&value| value >= 0), "else it is thrown away");
            assert!(sample.location_id.len() <= 1000, "else the innermost are cut off");
        }
        assert!(profile.location.iter().zip(1..).all(|(location, id)| location.id == id));
        assert!(profile.function.iter().zip(1..).all(|(function, id)| function.id == id));
    }

    /// The sum over the samples with that function; over all of them for an empty name.
    pub fn under(&self, function: &str, index: &str) -> i64 {
        let at = TYPES.iter().position(|(name, _)| *name == index).unwrap();
        let is_it = |id: &u64| {
            let lines = &self.profile.location[*id as usize - 1].line;
            let mut functions =
                lines.iter().map(|line| &self.profile.function[line.function_id as usize - 1]);
            functions.any(|it| self.text(it.name) == function)
        };
        let samples = self.profile.sample.iter();
        let with = samples.filter(|it| function.is_empty() || it.location_id.iter().any(is_it));
        with.map(|sample| sample.value[at]).sum()
    }

    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// The sum of what was allocated, as a store has it: profiles of one series and millisecond count once.
pub fn sum(kept: &[Kept], function: &str, index: &str) -> i64 {
    let mut known = BTreeSet::new();
    let millis = |kept: &Kept| kept.until().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let first = kept.iter().filter(|kept| known.insert((&kept.labels, millis(kept))));
    first.map(|kept| kept.under(function, index)).sum()
}
