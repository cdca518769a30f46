//! What an event costs the collector once it is read: few cells that are used all the time, and more
//! than a cache holds.

#[allow(dead_code, unused_imports)]
#[path = "../src/eras.rs"]
mod eras;
#[allow(dead_code, unused_imports)]
#[path = "../src/live/mod.rs"]
mod live;
#[allow(dead_code)]
#[path = "../src/pieces.rs"]
mod pieces;
#[allow(dead_code, unused_imports)]
#[path = "../src/rates.rs"]
mod rates;
#[allow(dead_code)]
#[path = "../src/recording.rs"]
mod recording;
#[path = "../../preload/channel/benches/settings/mod.rs"]
mod settings;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heaptrace_channel::ring::Event;
use heaptrace_channel::sample::{ERAS, Era, Sample};
use heaptrace_channel::stacks::Stack;

use eras::{Moment, Ticks};
use live::Live;

const EVENTS: usize = 1 << 20;

/// Blocks of `stacks` stacks, each with sizes up to `largest`: half the events free one in use.
fn events(stacks: u64, largest: u64) -> Vec<Event> {
    let mut random = 1u64;
    let mut below = |limit: u64| {
        random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (random >> 33) % limit
    };
    let mut in_use = Vec::new();
    let mut event = || {
        if !in_use.is_empty() && below(2) == 0 {
            return Event::Freed(in_use.swap_remove(below(in_use.len() as u64) as usize));
        }
        let stack = Stack(below(stacks) as u32);
        let block = Sample { stack, size: 1 + below(largest), era: Era::FIRST };
        in_use.push(block);
        Event::Allocated(block)
    };
    (0..EVENTS).map(|_| event()).collect()
}

fn apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("live");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (name, stacks, largest) in [("10 stacks of many classes", 10, 5000), ("50,000 stacks", 50_000, 20)] {
        let events = events(stacks, largest);
        let mut live = Live::new([1; ERAS]);
        let now = Moment { era: Era::FIRST, ticks: Ticks(1) };
        group.bench_function(format!("apply, {name}"), |bencher| {
            bencher.iter(|| events.iter().for_each(|&event| live.apply(event, now)));
        });
    }
}

criterion_group! {
    name = live_set;
    config = settings::settings();
    targets = apply
}
criterion_main!(live_set);
