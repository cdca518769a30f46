//! The rings in loom's model of a processor: each order of what their ends do that there can be with two
//! preemptions. See scripts/model.

use loom::thread;
use std::vec::Vec;

use super::event::{Event, Message, Words};
use super::reader::{Progress, Reader};
use super::ring::Full;
use super::rings::{LastRing, tests::Memory};
use super::rseq::{Rseq, tests::pretended};
use crate::processes::Process;
use crate::sample::{Era, Sample};
use crate::stacks::Stack;

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

/// A message of which each word tells which it is.
fn message(number: u64) -> Message {
    Message::Happened(
        Process(number as u16),
        Event::Allocated(Sample { stack: Stack(number as u32), size: number, era: Era::FIRST }),
    )
}

fn write(memory: &Memory, rseq: Rseq, last: &LastRing, number: u64) -> Result<(), Full> {
    memory.rings().write(rseq, last, Words::of(message(number)), || {})
}

/// The free of what [`message`] tells of.
fn freed(number: u64) -> Message {
    let Message::Happened(process, Event::Allocated(sample)) = message(number) else { unreachable!() };
    Message::Happened(process, Event::Freed(sample))
}

fn free(memory: &Memory, rseq: Rseq, last: &LastRing, number: u64) -> Result<(), Full> {
    memory.rings().write_free(rseq, last, Words::of(message(number)), || {})
}

fn read_all(reader: &mut Reader<'_>, to: &mut Vec<Message>) -> u64 {
    reader.drain_messages(|read| to.push(read))
}

/// Drains, and checks that what is read was written as a whole.
fn read(reader: &mut Reader<'_>, to: &mut Vec<u64>) -> u64 {
    reader.drain_messages(|read| {
        let Message::Happened(_, Event::Allocated(sample)) = read else { panic!("{read:?}") };
        assert_eq!(read, message(sample.size));
        to.push(sample.size);
    })
}

/// What the model's threads share. It lives as long as the test binary, as a reader borrows it.
fn memory(rings: u32, slots: u32) -> &'static Memory {
    Box::leak(Box::new(Memory::new(rings, slots)))
}

#[test]
fn what_is_written_to_the_shared_ring_is_read_whole_and_once() {
    check(|| {
        let memory = memory(1, 4);
        let writer = thread::spawn(move || write(memory, Rseq::NONE, &LastRing::default(), 1).unwrap());
        let (mut progress, mut all) = (Progress::default(), Vec::new());
        let mut reader = Reader::new(memory.rings(), &mut progress);
        read(&mut reader, &mut all);
        writer.join().unwrap();
        while read(&mut reader, &mut all) > 0 {}
        assert_eq!(all, [1]);
    });
}

#[test]
fn two_that_write_to_the_shared_ring_do_not_write_to_one_slot() {
    check(|| {
        let memory = memory(1, 4);
        let other = thread::spawn(move || write(memory, Rseq::NONE, &LastRing::default(), 1).unwrap());
        write(memory, Rseq::NONE, &LastRing::default(), 2).unwrap();
        other.join().unwrap();
        let (mut progress, mut all) = (Progress::default(), Vec::new());
        let mut reader = Reader::new(memory.rings(), &mut progress);
        while read(&mut reader, &mut all) > 0 {}
        all.sort_unstable();
        assert_eq!(all, [1, 2]);
    });
}

#[test]
fn a_slot_is_written_anew_only_when_it_was_read() {
    check(|| {
        let memory = memory(1, 4);
        let last = LastRing::default();
        (0..4).for_each(|number| write(memory, Rseq::NONE, &last, number).unwrap());
        let writer = thread::spawn(move || {
            // Waits for room, for ever: a lost wake would be a deadlock.
            write(memory, Rseq::NONE, &LastRing::default(), 4).unwrap();
        });
        let (mut progress, mut all) = (Progress::default(), Vec::new());
        let mut reader = Reader::new(memory.rings(), &mut progress);
        read(&mut reader, &mut all);
        writer.join().unwrap();
        while read(&mut reader, &mut all) > 0 {}
        assert_eq!(all, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn what_is_written_as_a_restartable_sequence_is_read_whole_and_in_order() {
    check(|| {
        let memory = memory(2, 4);
        let writer = thread::spawn(move || {
            let (mut area, last) = ([0; 4], LastRing::default());
            let rseq = pretended(&mut area, 0);
            (1..=2).for_each(|number| write(memory, rseq, &last, number).unwrap());
        });
        let (mut progress, mut all) = (Progress::default(), Vec::new());
        let mut reader = Reader::new(memory.rings(), &mut progress);
        read(&mut reader, &mut all);
        writer.join().unwrap();
        while read(&mut reader, &mut all) > 0 {}
        assert_eq!(all, [1, 2]);
    });
}

/// What becomes brief while it is read is told once, and before what is written after it.
#[test]
fn a_block_that_is_freed_while_its_allocation_is_read_is_read_as_allocated_and_freed() {
    check(|| {
        let memory = memory(3, 4);
        let writer = thread::spawn(move || {
            let (mut areas, last) = ([[0; 4]; 2], LastRing::default());
            let [here, there] = &mut areas;
            let (here, there) = (pretended(here, 0), pretended(there, 1));
            write(memory, here, &last, 1).unwrap();
            free(memory, here, &last, 1).unwrap();
            write(memory, there, &last, 2).unwrap();
        });
        let (mut progress, mut all) = (Progress::default(), Vec::new());
        let mut reader = Reader::new(memory.rings(), &mut progress);
        (0..2).for_each(|_| _ = read_all(&mut reader, &mut all));
        writer.join().unwrap();
        while read_all(&mut reader, &mut all) > 0 {}
        assert_eq!(all, [message(1), freed(1), message(2)]);
    });
}

#[test]
fn a_thread_that_moves_to_another_processor_is_read_in_its_order() {
    check(|| {
        let memory = memory(3, 4);
        let writer = thread::spawn(move || {
            let last = LastRing::default();
            write(memory, pretended(&mut [0; 4], 1), &last, 1).unwrap();
            write(memory, pretended(&mut [0; 4], 0), &last, 2).unwrap();
        });
        let (mut progress, mut all) = (Progress::default(), Vec::new());
        let mut reader = Reader::new(memory.rings(), &mut progress);
        read(&mut reader, &mut all);
        writer.join().unwrap();
        while read(&mut reader, &mut all) > 0 {}
        assert_eq!(all, [1, 2]);
    });
}
