//! Recorders of the tests' own, each with its segment, its threads and a reader.

use std::arch::naked_asm;
use std::boxed::Box;
use std::collections::HashMap;
use std::sync::atomic::Ordering::*;

use heaptrace_channel::Segment;
use heaptrace_channel::marks::MarkPart;
use heaptrace_channel::processes::Process;
use heaptrace_channel::ring::{Event, Message, Progress, Reader};
use heaptrace_channel::sample::{Era, Sample, Sampling};
use heaptrace_channel::stacks::{Entry, Part, Stack};

use crate::Recorder;
use crate::c_library::{Auxiliary, Objects};
use crate::memory::Budget;
use crate::record::{Call, Mark, nested};
use crate::testing::segment;
use crate::thread::Thread;

/// A recorder that records into a segment.
pub struct Room {
    pub recorder: Box<Recorder>,
    pub segment: Segment<'static>,
}

/// A block that was born at the beginning.
pub fn sample(stack: Stack, size: u64) -> Sample {
    Sample { stack, size, era: Era::FIRST }
}

/// A recorder that has not begun, which zeros are. It is too large for the stack of a test.
pub fn unbegun() -> Box<Recorder> {
    // SAFETY: zeroed memory of its layout, of which the box is the owner; zeros are valid.
    unsafe { Box::from_raw(std::alloc::alloc_zeroed(std::alloc::Layout::new::<Recorder>()).cast()) }
}

/// What was told, in its order.
#[derive(Default)]
pub struct Told {
    pub events: Vec<(u16, Event)>,
    pub leaves: HashMap<Stack, Entry>,
    /// Each after so many events.
    pub marks: Vec<(usize, MarkPart)>,
}

impl Room {
    pub fn new(rate: u64) -> Room {
        Room::with(rate, 1 << 14, true)
    }

    pub fn with(rate: u64, ring_slots: u32, children: bool) -> Room {
        let room = Room::ready(ring_slots, children);
        room.start(rate, &Thread::default());
        room
    }

    pub fn start(&self, rate: u64, thread: &Thread) {
        self.change_rate(0, rate);
        self.recorder.start(rate, 1, false, thread);
    }

    /// As the collector does it.
    pub fn change_rate(&self, era: u64, rate: u64) {
        self.segment.header().begin(Sampling::new(Era::new(era), rate), rate);
    }

    /// One that has not begun.
    pub fn ready(ring_slots: u32, children: bool) -> Room {
        let (recorder, segment) = (unbegun(), segment(ring_slots));
        let vector = Auxiliary::find().unwrap();
        let objects = Objects::of(vector).unwrap();
        recorder.unwinder.start(objects, vector.program_headers(), &Budget::new()).unwrap();
        recorder.watch_forks().unwrap();
        // SAFETY: called once.
        unsafe { recorder.process.start(segment, children) };
        Room { recorder, segment }
    }

    /// As a hook does it, with an original that gives out `block`.
    #[inline(never)]
    pub fn allocate(&self, thread: &Thread, block: usize, size: usize) {
        called(|call| {
            let mark = Mark::default();
            match self.recorder.enter(thread, call, &mark, || true) {
                Some(mut recording) => self.recorder.allocated(&mut recording, block, size),
                None => nested(thread, block, call),
            }
        });
    }

    pub fn free(&self, thread: &Thread, block: usize) {
        self.recorder.notice_fork();
        called(|call| self.recorder.free(block, call.sp, thread));
    }

    pub fn reader<'p>(&self, progress: &'p mut Progress) -> Reader<'p> {
        Reader::new(*self.segment.rings(), progress)
    }

    pub fn told(&self) -> Told {
        let mut told = Told::default();
        drain(&mut self.reader(&mut Progress::default()), &mut told);
        told
    }

    /// Lost samples, those of them for which there was no memory, and lost frees.
    pub fn lost(&self) -> [u64; 3] {
        let slot = self.segment.processes().slot(Process(0));
        [&slot.lost_samples, &slot.unplaced_samples, &slot.lost_frees].map(|count| count.load(Relaxed))
    }
}

pub fn drain(reader: &mut Reader, told: &mut Told) -> u64 {
    let mut high = 0;
    reader.drain_messages(|message| match message {
        Message::Happened(process, event) => told.events.push((process.0, event)),
        Message::Told(_, Part::Caller(_, bits)) => high = bits,
        Message::Told(stack, Part::Low(low)) => {
            told.leaves.insert(stack, Part::entry(high, low));
        }
        Message::Marked(_, part) => told.marks.push((told.events.len(), part)),
    })
}

/// Calls `work` with what a hook has of its caller.
#[inline(never)]
pub fn called<W: FnMut(Call)>(mut work: W) {
    extern "C" fn run<W: FnMut(Call)>(work: &mut W, sp: usize, bp: usize) {
        work(Call { sp, bp });
    }
    #[unsafe(naked)]
    extern "C" fn hook(work: usize, run: usize) {
        naked_asm!("mov rax, rsi", "mov rsi, rsp", "mov rdx, rbp", "jmp rax")
    }
    hook(&raw mut work as usize, run::<W> as *const () as usize);
}

/// Blocks that lie far enough from each other, and anywhere.
pub fn block(n: usize) -> usize {
    0x5555_0000_0000 + n * 64
}
