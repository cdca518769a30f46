use super::*;
use crate::ring::ring::Room;
use crate::ring::rings::{LastRing, tests::Memory};
use crate::ring::rseq::{Rseq, tests::own, tests::pretended};
use crate::sample::Era;
use crate::stacks::Stack;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};

fn allocated(process: u16, size: u64) -> Message {
    Message::Happened(
        Process(process),
        Event::Allocated(Sample { stack: Stack(1), size, ..Sample::default() }),
    )
}

/// The free of what [`allocated`] tells of.
fn freed(process: u16, size: u64) -> Message {
    Message::Happened(Process(process), Event::Freed(Sample { stack: Stack(1), size, ..Sample::default() }))
}

fn sizes(reader: &mut Reader<'_>) -> Vec<u64> {
    let mut sizes = Vec::new();
    reader.drain_messages(|message| match message {
        Message::Happened(_, event) => sizes.push(event.sample().size),
        Message::Told(..) | Message::Marked(..) => sizes.push(0),
    });
    sizes
}

/// Writes as a thread on that processor.
fn write(memory: &Memory, processor: i32, last: &LastRing, size: u64) {
    let mut area = [0; 4];
    let rseq = pretended(&mut area, processor);
    memory.rings().write(rseq, last, Words::of(allocated(0, size)), || {}).unwrap();
}

#[test]
fn a_thread_that_moves_between_processors_is_read_in_its_order() {
    let memory = Memory::new(4, 64);
    let mut progress = Progress::default();
    let mut reader = Reader::new(memory.rings(), &mut progress);
    let last = LastRing::default();
    for (size, processor) in [2, 2, 0, 1, 1, 2, -1, 0, 2].into_iter().zip(0..).map(|(p, s)| (s, p)) {
        write(&memory, processor, &last, size);
    }
    assert_eq!(sizes(&mut reader), (0..9).collect::<Vec<_>>());
}

#[test]
fn the_epoch_advances_only_where_more_than_one_ring_is_to_be_read() {
    let memory = Memory::new(3, 64);
    let mut progress = Progress::default();
    let mut reader = Reader::new(memory.rings(), &mut progress);
    let (one, other) = (LastRing::default(), LastRing::default());
    (0..2).for_each(|_| write(&memory, 0, &one, 1));
    write(&memory, 1, &other, 1); // each ring's first message begins an epoch
    sizes(&mut reader);
    let mut advanced = |processors: &[(i32, &LastRing)]| {
        processors.iter().for_each(|&(processor, last)| write(&memory, processor, last, 1));
        let before = memory.epoch.load(Relaxed);
        assert_eq!(sizes(&mut reader).len(), processors.len());
        memory.epoch.load(Relaxed) - before
    };
    assert_eq!(advanced(&[]), 0);
    assert_eq!(advanced(&[(0, &one)]), 0);
    assert_eq!(advanced(&[(0, &one), (1, &other)]), 1);
}

#[test]
fn the_processors_are_known_on_which_much_was_written_since_the_look_before() {
    let memory = Memory::new(3, 64);
    let mut progress = Progress::default();
    let mut busy = |events: &[i32]| {
        events.iter().for_each(|&processor| write(&memory, processor, &LastRing::default(), 1));
        Reader::new(memory.rings(), &mut progress).drain_messages(|_| {});
        progress.busy_processors(2).collect::<Vec<_>>()
    };
    assert_eq!(busy(&[0, 1, -1, 1, -1]), [1]);
    assert_eq!(busy(&[0, 1]), []);
    assert_eq!(busy(&[0, 1, 0, 1]), [0, 1]);
}

#[test]
fn what_is_written_while_the_reader_looks_is_left_to_the_next_look_and_not_longer() {
    let memory = Memory::new(2, 64);
    let mut progress = Progress::default();
    let mut reader = Reader::new(memory.rings(), &mut progress);
    write(&memory, 0, &LastRing::default(), 1);
    memory.epoch.fetch_sub(2, Relaxed); // the event is of an epoch that is yet to come
    assert!(sizes(&mut reader).is_empty());
    let ends = reader.ends();
    assert!(!reader.has_passed(&ends));
    memory.epoch.fetch_sub(9, Relaxed); // and so it is the next time, which cannot be
    assert_eq!(sizes(&mut reader), [1]);
    assert!(reader.has_passed(&ends));
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Message(Message),
    Brief(Process, Sample),
}

impl Sink for Vec<Reading> {
    fn message(&mut self, message: Message) {
        self.push(Reading::Message(message));
    }

    fn brief(&mut self, process: Process, sample: Sample) {
        self.push(Reading::Brief(process, sample));
    }
}

/// What is read of messages that one thread wrote.
fn read(messages: &[Message]) -> Vec<Reading> {
    let memory = Memory::new(1, 64);
    let last = LastRing::default();
    for &message in messages {
        memory.rings().write(Rseq::NONE, &last, Words::of(message), || {}).unwrap();
    }
    let (mut progress, mut readings) = (Progress::default(), Vec::new());
    Reader::new(memory.rings(), &mut progress).drain(&mut readings);
    readings
}

#[test]
fn a_block_that_is_freed_at_once_is_read_as_one() {
    let sample = |stack, size, era| Sample { stack: Stack(stack), size, era: Era::new(era) };
    let one = sample(1, 100, 3);
    let event = |process, event| Message::Happened(Process(process), event);
    let (allocated, freed) = (event(2, Event::Allocated(one)), event(2, Event::Freed(one)));
    let brief = Reading::Brief(Process(2), one);
    assert_eq!(read(&[allocated, freed]), [brief]);
    assert_eq!(
        read(&[allocated, allocated, freed, freed]),
        [Reading::Message(allocated), brief, Reading::Message(freed)]
    );
    // Another block's free, another process's, and what is no allocation.
    let others = [
        event(2, Event::Freed(sample(2, 100, 3))),
        event(2, Event::Freed(sample(1, 101, 3))),
        event(2, Event::Freed(sample(1, 100, 4))),
        event(3, Event::Freed(one)),
        event(2, Event::Inherited(one)),
        allocated,
    ];
    for other in others {
        assert_eq!(read(&[allocated, other]), [allocated, other].map(Reading::Message));
    }
    let inherited = event(2, Event::Inherited(one));
    assert_eq!(read(&[inherited, freed, allocated]), [inherited, freed, allocated].map(Reading::Message));
}

#[test]
fn the_free_of_an_allocation_that_was_read_as_the_last_is_read_in_its_turn() {
    let memory = Memory::new(3, 8);
    let mut progress = Progress::default();
    let mut reader = Reader::new(memory.rings(), &mut progress);
    let mut read = || {
        let mut all = Vec::new();
        reader.drain_messages(|message| all.push(message));
        all
    };
    let mut areas = [[0; 4]; 2];
    let [here, there] = &mut areas;
    let (here, there, last) = (pretended(here, 0), pretended(there, 1), LastRing::default());
    let write = |rseq, size| memory.rings().write(rseq, &last, Words::of(allocated(7, size)), || {}).unwrap();
    let free =
        |rseq, size| memory.rings().write_free(rseq, &last, Words::of(allocated(7, size)), || {}).unwrap();
    let heads = || [1, 2].map(|index| memory.rings().ring(index).head());
    // More often than the ring has slots.
    for size in (0..60).step_by(3) {
        write(here, size);
        assert_eq!(read(), [allocated(7, size)]);
        assert_eq!(read(), []);
        free(here, size);
        let before = heads();
        write(there, size + 1);
        assert_eq!(heads(), [before[0], before[1] + 1], "the free is no message of its own");
        assert_eq!(read(), [freed(7, size), allocated(7, size + 1)]);
        write(there, size + 2);
        free(there, size + 1);
        free(there, size + 2);
        assert_eq!(read(), [allocated(7, size + 2), freed(7, size + 1), freed(7, size + 2)]);
    }
}

#[test]
fn a_slot_that_is_never_committed_blocks_its_ring_until_it_is_skipped() {
    let memory = Memory::new(2, 8);
    let mut progress = Progress::default();
    let mut reader = Reader::new(memory.rings(), &mut progress);
    write(&memory, -1, &LastRing::default(), 1);
    write(&memory, -1, &LastRing::default(), 2);
    memory.rings().ring(0).slots()[0].spoil();
    write(&memory, 0, &LastRing::default(), 3);
    assert_eq!(sizes(&mut reader), [3]);
    let ends = reader.ends();
    assert!(reader.is_blocked() && !reader.has_passed(&ends));
    reader.skip(&ends);
    assert_eq!(sizes(&mut reader), [2]);
    assert!(!reader.is_blocked() && reader.has_passed(&ends));
}

#[test]
fn a_full_ring_is_no_damage_and_a_head_beyond_it_is_and_ends_what_was_there() {
    let memory = Memory::new(1, 8);
    let mut progress = Progress::default();
    let last = LastRing::default();
    (0..8).for_each(|size| write(&memory, -1, &last, size));
    memory.rings().ring(0).slots()[0].spoil();
    let mut reader = Reader::new(memory.rings(), &mut progress);
    assert_eq!(reader.drain_messages(|_| {}), 0);
    let ends = reader.ends();
    assert!(!reader.has_passed(&ends));
    assert!(!progress.is_damaged());
    memory.rings().ring(0).slots()[3].spoil();
    let mut reader = Reader::new(memory.rings(), &mut progress);
    reader.skip(&ends);
    assert_eq!(reader.drain_messages(|_| {}), 2, "up to what is not committed");
    memory.rings().ring(0).state().spoil(1000, 3);
    let mut reader = Reader::new(memory.rings(), &mut progress);
    assert_eq!(reader.drain_messages(|_| {}), 0);
    assert!(reader.has_passed(&ends));
    assert!(progress.is_damaged());
}

#[test]
fn writers_have_room_again_while_much_is_read() {
    const SLOTS: u32 = 4 * BATCH as u32;
    let memory = Memory::new(1, SLOTS);
    let mut progress = Progress::default();
    let mut reader = Reader::new(memory.rings(), &mut progress);
    let last = LastRing::default();
    (0..u64::from(SLOTS)).for_each(|size| write(&memory, -1, &last, size));
    let mut least = u64::from(SLOTS);
    let passed = reader.drain_messages(|_| {
        if let Ok(Room::Some { unread }) = memory.rings().ring(0).find_room() {
            least = least.min(unread);
        }
    });
    assert_eq!((passed, least), (u64::from(SLOTS), BATCH));
}

/// Heads, tails, limits, tags and the epoch as a stray write or an enemy may leave them.
#[test]
fn whatever_the_memory_holds_each_look_ends_and_in_time_the_rings_are_drained() {
    let mut random = 1u64;
    let mut next = || {
        random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        random >> (random >> 58)
    };
    for _ in 0..2_000 {
        let memory = Memory::new(3, 8);
        let mut progress = Progress::default();
        let mut reader = Reader::new(memory.rings(), &mut progress);
        let mut most = 0;
        for _ in 0..4 {
            for _ in 0..next() % 8 {
                let processor = (next() % 3) as i32 - 1;
                let _ = memory.rings().write(
                    pretended(&mut [0; 4], processor),
                    &LastRing::default(),
                    Words::of(allocated(0, 1)),
                    || {},
                );
            }
            match next() % 4 {
                0 => memory.rings().ring(next() as usize % 3).state().spoil(next() % 64, next() % 64),
                1 => memory.rings().ring(next() as usize % 3).state().spoil(next(), next()),
                2 => memory.rings().ring(next() as usize % 3).slots()[next() as usize % 8]
                    .spoil_with(next(), next()),
                _ => memory.epoch.store(next() as u32, Relaxed),
            }
            most = most.max(sizes(&mut reader).len());
        }
        assert!(most <= 24);
        let ends = reader.ends();
        for _ in 0..30 {
            sizes(&mut reader);
            reader.skip(&ends);
        }
        assert!(reader.has_passed(&ends), "{memory:?}");
    }
}

/// A processor of this machine for the calling thread.
fn move_to(processor: usize) {
    // SAFETY: plain data, of the size that is passed.
    unsafe {
        let mut set: libc::cpu_set_t = core::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}

#[test]
fn writers_that_are_interrupted_and_moved_lose_nothing_and_keep_their_order() {
    const EACH: u64 = 10_000;
    const WRITERS: u16 = 4;
    let is_freed = |i| i % 3 > 0;
    let memory = Memory::new(4, 64);
    let (done, nudges) = (AtomicBool::new(false), AtomicU32::new(0));
    let (memory, done, nudges) = (&memory, &done, &nudges);
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut progress = Progress::default();
            let mut reader = Reader::new(memory.rings(), &mut progress);
            let mut all = Vec::new();
            loop {
                let last = done.load(Acquire);
                let ends = reader.ends();
                reader.drain_messages(|message| all.push(message));
                if last && reader.has_passed(&ends) {
                    return all;
                }
            }
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let last = LastRing::default();
                    // The last one is as a thread that the kernel keeps nothing of.
                    let rseq = if writer + 1 < WRITERS { own() } else { Rseq::NONE };
                    for i in 0..EACH {
                        if i % 64 == 0 {
                            move_to((i / 64) as usize % 2);
                        }
                        let nudge = || {
                            nudges.fetch_add(1, Relaxed);
                        };
                        memory.rings().write(rseq, &last, Words::of(allocated(writer, i)), nudge).unwrap();
                        if is_freed(i) {
                            memory
                                .rings()
                                .write_free(rseq, &last, Words::of(allocated(writer, i)), nudge)
                                .unwrap();
                        }
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Release);
        reader.join().unwrap()
    });
    for writer in 0..WRITERS {
        let is_own =
            |message: &&Message| matches!(message, Message::Happened(Process(by), _) if *by == writer);
        let own: Vec<_> = read.iter().filter(is_own).copied().collect();
        let free = |i| is_freed(i).then(|| freed(writer, i));
        let expected: Vec<_> =
            (0..EACH).flat_map(|i| [Some(allocated(writer, i)), free(i)]).flatten().collect();
        assert_eq!(own, expected, "writer {writer}");
    }
    assert!(nudges.load(Relaxed) > 0);
}
