//! A segment whose other end does anything: each end comes to an end, and believes nothing that cannot be.

use std::alloc::{Layout, alloc_zeroed, dealloc};

use heaptrace_channel::config::{SessionAddress, parse_number, parse_rate};
use heaptrace_channel::handshake::{Hello, decode_answer};
use heaptrace_channel::header::Start;
use heaptrace_channel::identity::{MAX_COMMAND, MAX_PATH, Who};
use heaptrace_channel::lost_frees::LostFrees;
use heaptrace_channel::marks::MarkPart;
use heaptrace_channel::modules::{
    MAX_BUILD_ID, MAX_MODULE_PATH, MAX_MODULES, Module, ModuleBuffer, ModuleId,
};
use heaptrace_channel::patch::{MAX_ARGUMENTS, MAX_MOVED, MAX_REPLACED, Patch, patches};
use heaptrace_channel::processes::{MAX_PROCESSES, Process};
use heaptrace_channel::ring::{Event, LastRing, Message, Progress, Reader, Rseq, Words};
use heaptrace_channel::sample::{Era, Sample};
use heaptrace_channel::stacks::{MAX_STACKS, Part, Stack};
use heaptrace_channel::{Geometry, Segment};

/// Small, so that a word that is spoilt is one that matters.
pub const GEOMETRY: Geometry = Geometry { rings: 2, ring_slots: 8, lost_frees: 16 };
const SLOTS: u64 = 16;

/// A segment in memory of its own.
pub struct Memory {
    base: *mut u8,
    layout: Layout,
    pub segment: Segment<'static>,
}

impl Memory {
    /// One with something in each part.
    pub fn new() -> Memory {
        let layout = Layout::from_size_align(Segment::size(GEOMETRY), 4096).unwrap();
        // SAFETY: zeroed memory of the segment's size, that lives as long as the segment.
        let (base, segment) = unsafe {
            let base = alloc_zeroed(layout);
            (base, Segment::create(base, GEOMETRY))
        };
        let text = b"orders\0--fast\0";
        segment.header().publish(&Start {
            geometry: GEOMETRY,
            rate: 1,
            started: 0,
            who: Who {
                pid: 7,
                plain: None,
                command: text,
                executable: b"/usr/bin/orders",
                started_as: b"orders",
                started: 1,
            },
        });
        let memory = Memory { base, layout, segment };
        memory.write();
        memory
    }

    /// What a program does, once.
    pub fn write(&self) {
        let segment = &self.segment;
        let process = segment.processes().claim(7).unwrap_or(Process(0));
        segment.processes().slot(process).lost_samples.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let module = Module {
            start: 0x1000,
            end: 0x9000,
            bias: 0x1000,
            is_initial: false,
            build_id: &[7; 20],
            path: b"/lib/libc.so.6",
        };
        let _ = segment.modules().add(process, &module, false, || segment.header().nudge());
        let stack = segment.stacks().take().unwrap_or(Stack(1));
        assert!(stack.0 < MAX_STACKS);
        let mut area = [0u32; 8]; // of a thread on processor 0
        // SAFETY: as large as the kernel's, with the processor's number in its place.
        let own = unsafe { Rseq::at_address(area.as_mut_ptr() as usize) };
        for rseq in [Rseq::NONE, own] {
            let last = LastRing::default();
            for message in [
                Message::Told(stack, Part::Caller(Stack(0), 0)),
                Message::Told(stack, Part::Low(0x1234)),
                Message::Happened(process, Event::Allocated(Sample { stack, size: 100, era: Era::FIRST })),
                Message::Marked(segment.header().next_mark(), MarkPart::Moment(process)),
            ] {
                let _ = segment.rings().write(rseq, &last, Words::of(message), || segment.header().nudge());
            }
            for size in [100, 200] {
                let sample = Sample { stack, size, era: Era::FIRST };
                let allocation = Words::of(Message::Happened(process, Event::Allocated(sample)));
                let nudge = || segment.header().nudge();
                let _ = segment.rings().write(rseq, &last, allocation, nudge);
                let _ = segment.rings().write_free(rseq, &last, allocation, nudge);
            }
        }
        segment.lost_frees().add(stack, 1.0, 100.0);
    }

    /// What a collector does, once.
    pub fn look(&self, reader: &mut Reader<'_>) {
        self.look_at_header();
        let segment = &self.segment;
        let processes = segment.processes();
        (0..=u16::MAX).step_by(257).map(Process).for_each(|process| {
            assert!((process.0 as usize) < MAX_PROCESSES || processes.pid(process).is_none());
            let _ = processes.slot(process);
        });
        assert!(segment.modules().count() <= MAX_MODULES);
        for index in (0..segment.modules().count().min(4)).chain([MAX_MODULES, usize::MAX]) {
            let mut buffer = ModuleBuffer::default();
            if let Some((module, _)) = segment.modules().get(index, &mut buffer) {
                assert!(module.path.len() <= MAX_MODULE_PATH && module.build_id.len() <= MAX_BUILD_ID);
            }
        }
        self.drain(reader);
        take_all(segment.lost_frees());
    }

    fn look_at_header(&self) {
        // SAFETY: it has that size, and lives as long.
        if let Ok(opened) = unsafe { Segment::open(self.base, self.layout.size()) } {
            assert_eq!(Segment::size(opened.geometry()), self.layout.size());
        }
        let header = self.segment.header();
        let _ = header.rate(header.sampling().era());
        let (mut command, mut path) = ([0; MAX_COMMAND], [0; MAX_PATH]);
        let who = &header.identity;
        assert!(who.command(&mut command).len() <= MAX_COMMAND);
        assert!(who.executable(&mut path).len() <= MAX_PATH);
        assert!(who.started_as(&mut path).len() <= MAX_PATH);
    }

    fn drain(&self, reader: &mut Reader<'_>) {
        let ends = reader.ends();
        // One slot a look, if the rings are blocked, and one look more for what is of an epoch yet to come.
        for _ in 0..2 * SLOTS {
            let mut read = 0;
            let passed = reader.drain_messages(|message| {
                read += 1;
                let stack = match message {
                    Message::Happened(process, event) => {
                        assert!((process.0 as usize) < MAX_PROCESSES);
                        event.sample().stack
                    }
                    Message::Told(stack, Part::Caller(caller, _)) => stack.max(caller),
                    Message::Told(stack, Part::Low(low)) => {
                        assert!(low < 1 << 48);
                        stack
                    }
                    Message::Marked(_, MarkPart::Name(_)) => Stack(0),
                    Message::Marked(_, MarkPart::Moment(process)) => {
                        assert!((process.0 as usize) < MAX_PROCESSES);
                        Stack(0)
                    }
                };
                assert!(stack.0 < MAX_STACKS);
            });
            // A slot may tell of two, and one of before have come to do so.
            assert!(read <= 2 * passed && passed <= SLOTS + u64::from(GEOMETRY.rings), "{read} of {passed}");
            if reader.has_passed(&ends) {
                break;
            }
            reader.skip(&ends);
        }
        assert!(reader.has_passed(&ends));
    }

    /// Where the words are that the ends write: those of the lines that they have written to so far.
    pub fn written(&self) -> Vec<usize> {
        const LINE: usize = 64;
        // SAFETY: the segment's memory, which nobody writes now.
        let bytes = unsafe { std::slice::from_raw_parts(self.base, self.layout.size()) };
        let lines = bytes.chunks_exact(LINE).enumerate();
        let written = lines.filter(|(_, line)| line.iter().any(|&byte| byte != 0));
        written.flat_map(|(index, _)| (0..LINE).step_by(8).map(move |word| index * LINE + word)).collect()
    }

    /// Puts `bytes` there, as the other end or a stray write may at any time.
    pub fn spoil(&self, at: usize, bytes: &[u8]) {
        let at = at % self.layout.size();
        let bytes = &bytes[..bytes.len().min(self.layout.size() - at)];
        // SAFETY: inside of the segment, which nobody else uses now.
        unsafe { self.base.add(at).copy_from(bytes.as_ptr(), bytes.len()) };
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: made by `new`; the readers are gone.
        unsafe { dealloc(self.base, self.layout) };
    }
}

fn take_all(lost: &LostFrees<'_>) {
    let stacks: Vec<_> = lost.stacks().collect();
    assert!(stacks.len() <= GEOMETRY.lost_frees as usize);
    for stack in stacks {
        let _ = lost.take(stack);
    }
}

/// Looks at a message with patches: each leads nowhere but where it says, and is told again as it was read.
pub fn look_at_patches(message: &[u8]) {
    for patch in patches(message) {
        let (replaced, moved) = (patch.replaced.get().len(), patch.moved.get().len());
        assert!((5..=MAX_REPLACED).contains(&replaced) && moved <= MAX_MOVED);
        assert!(patch.distances().all(|distance| usize::from(distance.at) + 4 <= moved));
        let arguments = [usize::MAX; MAX_ARGUMENTS];
        let _ = (patch.at(), patch.shape.block(&arguments), patch.shape.bytes(&arguments));
        assert_eq!(Patch::decode(&patch.encode()), Some(patch));
    }
}

/// The bytes are what the other end does: where it writes what, and when this end looks.
pub fn run(bytes: &[u8]) {
    let _ = (Hello::decode(bytes), SessionAddress::parse(bytes), parse_rate(bytes), parse_number(bytes));
    if let Some(&first) = bytes.first() {
        let _ = (decode_answer(first), ModuleId(first.into()).record());
    }
    look_at_patches(bytes);
    let memory = Memory::new();
    let written = memory.written();
    let mut progress = Progress::default();
    let mut reader = Reader::new(*memory.segment.rings(), &mut progress);
    let mut writes = 0;
    for step in bytes.chunks(12) {
        let (&[kind, where_low, where_high], value) =
            (step.first_chunk().unwrap_or(&[0; 3]), step.get(3..).unwrap_or(&[]));
        let place = usize::from(u16::from_le_bytes([where_low, where_high]));
        match kind % 8 {
            0 => memory.look(&mut reader),
            1 if writes < 3 => {
                writes += 1; // each may wait for a reader that there is not
                memory.write();
            }
            2 => memory.spoil(place * 8, value),
            _ => memory.spoil(written[place % written.len()] + usize::from(kind >> 5), value),
        }
    }
    memory.look(&mut reader);
}
