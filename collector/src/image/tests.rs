//! Whatever a stray write of the program does to the shared memory, its image comes to an end.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;

use heaptrace_channel::header::{Header, Start};
use heaptrace_channel::identity::Who;
use heaptrace_channel::modules::{Module, ModuleId};
use heaptrace_channel::ring::{Event, LastRing, Message, Rseq, Words};
use heaptrace_channel::sample::{Era, Sample};
use heaptrace_channel::stacks::{Entry, Part, ROOT};
use heaptrace_channel::{Geometry, Segment};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use super::Image;
use crate::mapping::SharedMemory;
use crate::patch::PlainPrograms;
use crate::wake::{Bed, Waker};
use crate::watch::Watch;

const GEOMETRY: Geometry = Geometry { rings: 3, ring_slots: 64, lost_frees: 16 };

/// The memory of a program with a forked child, both of which have ended.
struct Memory {
    file: OwnedFd,
    mapping: SharedMemory,
    pid: u32,
}

impl Memory {
    fn new(pid: u32) -> Memory {
        let file = memfd_create("segment", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, Segment::size(GEOMETRY) as u64).unwrap();
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).unwrap();
        let mapping = SharedMemory::new(file.try_clone().unwrap()).unwrap();
        // SAFETY: mapped, and of that size.
        let segment = unsafe { Segment::create(mapping.base.as_ptr(), GEOMETRY) };
        segment.header().publish(&Start {
            geometry: GEOMETRY,
            who: Who { pid, ..Who::default() },
            ..Default::default()
        });
        for process in [pid, pid].map(|pid| segment.processes().claim(pid).unwrap()) {
            let module = |start, path| Module {
                start,
                end: start + 0x1000,
                bias: start,
                is_initial: false,
                build_id: &[7; 20],
                path,
            };
            let last = LastRing::default();
            let write =
                |message| segment.rings().write(Rseq::NONE, &last, Words::of(message), || {}).unwrap();
            let mut stack = ROOT;
            for (start, path) in [(0x1000, &b"/lib/one.so"[..]), (0x5000, b"other.so")] {
                let module = segment.modules().add(process, &module(start, path), false, || {}).unwrap();
                for (address, module) in [(start + 5, module), (9, ModuleId::BY_ADDRESS)] {
                    let new = segment.stacks().take().unwrap();
                    for part in Part::all(stack, Entry::Frame { address, module }) {
                        write(Message::Told(new, part));
                    }
                    stack = new;
                }
            }
            for size in 0..20 {
                let sample = Sample { stack, size, era: Era::FIRST };
                write(Message::Happened(process, Event::Allocated(sample)));
            }
            segment.lost_frees().add(stack, 1.0, 1.0);
            segment.processes().slot(process).lost_frees.store(1, Relaxed);
        }
        Memory { file, mapping, pid }
    }

    fn words(&self) -> &[std::sync::atomic::AtomicU64] {
        // SAFETY: all of it is mapped as long as `self` is there, and atomics may have any value.
        unsafe { std::slice::from_raw_parts(self.mapping.base.as_ptr().cast(), self.mapping.size / 8) }
    }

    /// The words that were written, and some more of each part.
    fn used_words(&self) -> Vec<usize> {
        let is_used = |&index: &usize| self.words()[index].load(Relaxed) != 0;
        let header = size_of::<Header>() / 8;
        let used = (0..self.words().len()).filter(is_used);
        let mut words: Vec<_> = (0..header.min(64)).chain(used.flat_map(|index| index..index + 3)).collect();
        words.sort_unstable();
        words.dedup();
        words.retain(|&index| index < self.words().len());
        words
    }

    /// Opens the image, writes to it, and ends with it as the session does. False if it was refused.
    fn survive(self, waker: &Waker, writes: &[(usize, u64)], when: When) -> bool {
        let write = || writes.iter().for_each(|&(index, value)| self.words()[index].store(value, Relaxed));
        if when == When::BeforeOpen {
            write();
        }
        let (file, watched) = (self.file.try_clone().unwrap(), (self.pid, Watch::on(self.pid, waker)));
        let Ok(mut image) = Image::open(file, watched, &PlainPrograms::default(), waker) else {
            return false;
        };
        if when == When::AfterRead {
            image.drain();
        }
        write();
        drop(self); // the program is gone
        assert!(image.is_abandoned(false), "{writes:?}");
        for _ in 0..10 {
            image.read_modules();
            if !image.drain_written() {
                continue;
            }
            let over = image.members().iter().filter(|(_, member)| image.is_over(member));
            let over: Vec<_> = over.map(|(process, _)| process).collect();
            for process in over {
                assert!(image.snapshot(1, process).unwrap().recording(None).pid > 0);
                image.tell_written(process);
                image.remove(process);
            }
            if image.members().iter().next().is_none() {
                return true;
            }
        }
        panic!("goes on for ever after {writes:?} {when:?}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    BeforeOpen,
    AfterOpen,
    AfterRead,
}

const MOMENTS: [When; 3] = [When::BeforeOpen, When::AfterOpen, When::AfterRead];

/// The id of a process that has ended.
fn ended() -> u32 {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[test]
fn one_stray_write_anywhere_does_not_keep_an_image_from_its_end() {
    let pid = ended();
    let words = Memory::new(pid).used_words();
    assert!((200..5000).contains(&words.len()), "{} words", words.len());
    let bed = Bed::new().unwrap();
    let mut survived = 0;
    for index in words {
        for value in [0, 1, u64::MAX, 1 << 63, 0x1_0000_0001] {
            for when in MOMENTS {
                survived += usize::from(Memory::new(pid).survive(bed.waker(), &[(index, value)], when));
            }
        }
    }
    assert!(survived > 3000, "only {survived} were not refused");
}

#[test]
fn many_stray_writes_do_not_keep_an_image_from_its_end() {
    let pid = ended();
    let words = Memory::new(pid).used_words();
    let bed = Bed::new().unwrap();
    let mut random = Random(1);
    for round in 0..2000 {
        let writes: Vec<_> = (0..random.below(1..20))
            .map(|_| (words[random.below(0..words.len() as u64) as usize], random.value()))
            .collect();
        Memory::new(pid).survive(bed.waker(), &writes, MOMENTS[round % 3]);
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        self.0 >> 16
    }

    fn below(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// Of any magnitude.
    fn value(&mut self) -> u64 {
        let bits = self.next() % 65;
        (self.next() ^ self.next() << 32).checked_shr(bits as u32).unwrap_or(0)
    }
}
