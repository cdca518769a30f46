//! What scrapers ask of a profile, as their sources have it.

use std::collections::BTreeMap;

use heaptrace_pprof::proto::Profile;

use super::served::{Served, under};
use crate::support::Room;

const FOUR: [(&str, &str); 4] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

/// Parca's normalizer, Pyroscope's limits, and what Alloy's arrays hold.
#[track_caller]
fn assert_accepted(profile: &Profile) {
    let text = |index: i64| profile.string_table[usize::try_from(index).unwrap()].as_str();
    let types: Vec<_> = profile.sample_type.iter().map(|kind| (text(kind.r#type), text(kind.unit))).collect();
    assert_eq!(types, FOUR);
    assert_eq!(
        (profile.string_table[0].as_str(), profile.duration_nanos),
        ("", 0),
        "a duration is a difference"
    );
    assert!(profile.time_nanos > 1_700_000_000_000_000_000);
    let period = profile.period_type.unwrap();
    assert_eq!((text(period.r#type), text(period.unit), profile.period), ("space", "bytes", 1));
    let ids = |ids: Vec<u64>| assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    ids(profile.mapping.iter().map(|mapping| mapping.id).collect());
    ids(profile.location.iter().map(|location| location.id).collect());
    ids(profile.function.iter().map(|function| function.id).collect());
    for location in &profile.location {
        assert!(location.mapping_id <= profile.mapping.len() as u64);
        assert!(
            location.line.iter().all(|line| (1..=profile.function.len() as u64).contains(&line.function_id))
        );
    }
    for sample in &profile.sample {
        assert_eq!(sample.value.len(), 4);
        assert!(sample.value.iter().all(|&value| value >= 0) && sample.value.iter().any(|&value| value > 0));
        assert!(sample.location_id.iter().all(|&id| (1..=profile.location.len() as u64).contains(&id)));
        assert!(sample.label.iter().all(|label| label.key != 0));
        assert!(sample.location_id.len() <= 1000);
    }
    assert!(profile.sample.len() <= 16_000);
}

/// As Alloy knows a sample: by its addresses and labels.
fn by_addresses(profile: &Profile) -> BTreeMap<(Vec<u64>, Vec<i64>), [i64; 2]> {
    let samples = profile.sample.iter().map(|sample| {
        let addresses =
            sample.location_id.iter().map(|&id| profile.location[id as usize - 1].address).collect();
        let labels = sample.label.iter().map(|label| label.num).collect();
        ((addresses, labels), [sample.value[0], sample.value[1]])
    });
    let all: BTreeMap<_, _> = samples.collect();
    assert_eq!(all.len(), profile.sample.len(), "no two are alike");
    all
}

#[test]
fn a_scraper_that_takes_differences_gets_what_was_allocated_between() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 100 1000");
    let mut before = served.get("/debug/pprof/allocs").profile();
    for (command, objects, bytes) in
        [("churn 30 50", 30, 1500), ("keep 7 9", 7, 63), ("drop", 0, 0), ("churn 1 5000", 1, 5000)]
    {
        served.tell(command);
        let now = served.get("/debug/pprof/allocs").profile();
        assert_accepted(&now);
        let (old, new) = (by_addresses(&before), by_addresses(&now));
        assert!(old.keys().all(|key| new.contains_key(key)), "what was there once stays");
        let mut sum = [0, 0];
        for (key, values) in new {
            let since = old.get(&key).copied().unwrap_or_default();
            assert!(values[0] >= since[0] && values[1] >= since[1]);
            sum = [sum[0] + values[0] - since[0], sum[1] + values[1] - since[1]];
        }
        assert_eq!(sum, [objects, bytes], "{command}");
        before = now;
    }
    assert_eq!(under(&before, "keep", "inuse_objects"), 0);
    served.program.ask("quit");
}

#[test]
fn a_deltas_own_profile_has_what_each_client_has_not_seen() {
    let room = Room::new();
    let mut served = Served::start(&room);
    let ask = |served: &Served, client: &str| {
        let profile = served.ask("/debug/pprof/delta_heap", &[&format!("User-Agent: {client}")]).profile();
        assert_accepted(&profile);
        ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]
            .map(|index| under(&profile, "keep", index))
    };
    served.tell("keep 10 100");
    assert_eq!(ask(&served, "one"), [10, 1000, 10, 1000], "all, at first");
    served.tell("keep 5 100");
    assert_eq!(ask(&served, "one"), [5, 500, 15, 1500]);
    assert_eq!(ask(&served, "other"), [15, 1500, 15, 1500]);
    served.tell("drop");
    assert_eq!(ask(&served, "one"), [0, 0, 0, 0]);
    served.program.ask("quit");
}
