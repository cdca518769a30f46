//! How many blocks are sampled, and at which rate.

use heaptrace_channel::weight::OFF;

use super::room::{Room, block};
use crate::recorder::STRETCH;
use crate::thread::{AtEnd, Thread};

/// Asserts that of `blocks` of `size` bytes about as many were sampled as a Poisson process would.
fn assert_sampled(sampled: usize, blocks: u64, size: f64, rate: u64) {
    let (blocks, probability) = (blocks as f64, 1.0 - (-size / rate as f64).exp());
    let deviation = (blocks * probability * (1.0 - probability)).sqrt();
    let distance = (sampled as f64 - blocks * probability).abs() / deviation;
    assert!(distance < 4.0, "{sampled} samples of {}: {distance} deviations", blocks * probability);
}

/// The gap to the next sample dies with its thread, and another's begins: neither favours anything.
#[test]
fn threads_that_end_early_are_sampled_as_one_that_lives_long() {
    const THREADS: u64 = 20_000;
    let (rate, each) = (4096, 600);
    let room = Room::with(rate, 1 << 16, true);
    for n in 0..THREADS {
        let thread = Thread::default();
        // As the fast path does, which leaves the rest to the slow one.
        for part in 0..2 {
            match thread.countdown.get().checked_sub(each / 2).filter(|&left| left > 0) {
                Some(left) => thread.countdown.set(left),
                None => room.allocate(&thread, block((2 * n + part) as usize), each as usize / 2),
            }
        }
    }
    assert_sampled(room.told().events.len(), 2 * THREADS, each as f64 / 2.0, rate);
}

/// Where gaps are longer than that, a thread looks at the rate in between, in the midst of a block.
#[test]
fn a_look_at_the_rate_neither_costs_samples_nor_makes_some() {
    const BLOCKS: u64 = 20_000;
    for size in [100_000, 250_000] {
        let (room, thread) = (Room::with(4 * STRETCH, 1 << 16, true), Thread::default());
        (0..BLOCKS).for_each(|n| room.allocate(&thread, block(n as usize), size));
        assert_sampled(room.told().events.len(), BLOCKS, size as f64, 4 * STRETCH);
    }
}

#[test]
fn a_sample_that_is_due_at_the_very_end_of_a_stretch_is_one() {
    const GAP_OF_ONE_RATE: u64 = 0x36A0_CA27_5944_5502; // found by trying
    let (room, thread) = (Room::new(STRETCH), Thread::default());
    room.allocate(&thread, block(0), 1);
    thread.random.set(GAP_OF_ONE_RATE);
    let stretch = room.recorder.next_stretch(room.recorder.sampling(), &thread);
    assert_eq!((stretch, thread.at_end.get()), (STRETCH, AtEnd::Sample));
    thread.random.set(GAP_OF_ONE_RATE);
    assert!(room.recorder.is_due_within(STRETCH, &thread));
}

#[test]
fn another_rate_is_noticed_before_long_and_each_sample_is_of_an_era_of_its_rate() {
    let (room, thread) = (Room::with(OFF, 1 << 16, true), Thread::default());
    let mut block = 1 << 20;
    let mut allocate = |bytes: u64, size: usize| {
        for _ in 0..bytes / size as u64 {
            block += 1 << 12;
            room.allocate(&thread, block, size);
        }
    };
    let mut seen = 0;
    let mut new_eras = || {
        let events = room.told().events;
        let new: Vec<_> = events[seen..].iter().map(|(_, event)| event.sample().era.number()).collect();
        seen = events.len();
        new
    };
    allocate(100 * STRETCH, 100_000);
    assert!(new_eras().is_empty(), "dormant");
    room.change_rate(1, 1);
    allocate(STRETCH + 1024, 512);
    assert!(!new_eras().is_empty(), "at the end of the stretch at the latest");
    allocate(10 * 64, 64);
    assert_eq!(new_eras(), [1; 10], "all of them, from then on");
    room.change_rate(2, OFF);
    allocate(100 * STRETCH, 100_000);
    assert_eq!(new_eras(), [1], "at rate 1 it is noticed after the one that was due");
    room.change_rate(3, 4096);
    allocate(STRETCH, 512);
    new_eras();
    allocate(4096 * 400, 512);
    let sampled = new_eras();
    assert!((300..500).contains(&sampled.len()) && sampled.iter().all(|&era| era == 3), "{}", sampled.len());
    // A countdown that was drawn at the old rate ends as what it was.
    room.change_rate(4, 4096);
    allocate(4096 * 10, 512);
    room.change_rate(5, 64 * 1024);
    allocate(512 * 100, 512);
    let sampled = new_eras();
    let first = sampled.iter().position(|&era| era == 5).unwrap_or(sampled.len());
    assert!(sampled[..first].iter().all(|&era| era == 4) && sampled[first..].iter().all(|&era| era == 5));
}
