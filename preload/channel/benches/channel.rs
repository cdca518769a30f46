//! What an event costs at both ends of the channel.

mod settings;

use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heaptrace_channel::header::Start;
use heaptrace_channel::processes::Process;
use heaptrace_channel::ring::{Event, LastRing, Message, Progress, Reader, Rseq, Words};
use heaptrace_channel::sample::Sample;
use heaptrace_channel::stacks::Stack;
use heaptrace_channel::{Geometry, Segment};

/// Events between two looks of the collector: some, but not a full ring.
const BATCH: u64 = 1 << 14;
/// Events of two threads between two looks: short enough that neither thread is interrupted.
const PORTION: u64 = 1 << 12;

/// A segment as a program has it at rate 1, but for the file behind it.
struct Mapped(Segment<'static>);

impl Mapped {
    fn new() -> Mapped {
        let geometry = Geometry::for_rate(1, 2);
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping, of zeros and of the segment's size, that stays until the drop.
        let segment = unsafe {
            let base = libc::mmap(null_mut(), Segment::size(geometry), protection, flags, -1, 0);
            assert_ne!(base, libc::MAP_FAILED);
            Segment::create(base.cast(), geometry)
        };
        segment.header().publish(&Start { geometry, ..Default::default() });
        Mapped(segment)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and the segment is not used after.
        unsafe { libc::munmap(self.0.base().cast(), Segment::size(self.0.geometry())) };
    }
}

/// The time that `work` takes for `count` items, in portions of at most `most`.
fn in_portions(count: u64, most: u64, mut work: impl FnMut(u64) -> Duration) -> Duration {
    (0..count).step_by(most as usize).map(|done| work(most.min(count - done))).sum()
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The calling thread's memory for restartable sequences, which glibc has.
fn rseq() -> Rseq {
    unsafe extern "C" {
        static __rseq_offset: isize;
    }
    // SAFETY: glibc's word.
    unsafe { Rseq::at(__rseq_offset) }
}

fn write(segment: &Segment, count: u64) {
    let (rseq, last) = (rseq(), LastRing::default());
    for size in 0..count {
        let message = black_box(Message::Happened(
            Process(0),
            Event::Allocated(Sample { stack: Stack(7), size, ..Sample::default() }),
        ));
        segment.rings().write(rseq, &last, Words::of(message), || {}).unwrap();
    }
}

fn read(reader: &mut Reader, count: u64) {
    let read = reader.drain_messages(|message| {
        black_box(message);
    });
    assert_eq!(read, count);
}

/// What a program does between two events: 40 multiplications that wait for each other.
fn pause() {
    black_box((0..40).fold(black_box(3u64), |x, _| black_box(x.wrapping_mul(x))));
}

fn write_with_pauses(segment: &Segment, count: u64) {
    for _ in 0..count {
        write(segment, 1);
        pause();
    }
}

/// Mean time of two threads that each do `work`, or `None` if they did not do so at the same time.
fn in_two_threads(work: impl Fn() + Sync) -> Option<Duration> {
    let ready = AtomicU32::new(0);
    let writer = || {
        ready.fetch_add(1, Relaxed);
        while ready.load(Relaxed) < 2 {} // awake, so that both begin at once
        let start = Instant::now();
        work();
        (start, Instant::now())
    };
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(writer);
        (writer(), other.join().unwrap())
    });
    let (all, both) = (
        one.1.max(other.1) - one.0.min(other.0),
        one.1.min(other.1).saturating_duration_since(one.0.max(other.0)),
    );
    (both > all * 3 / 4).then(|| (all + both) / 2)
}

fn ring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring");
    group.throughput(Throughput::Elements(1));
    let mapped = Mapped::new();
    let segment = &mapped.0;
    let mut progress = Progress::default();
    let mut reader = Reader::new(*segment.rings(), &mut progress);
    group.bench_function("write", |bencher| {
        bencher.iter_custom(|events| {
            in_portions(events, BATCH, |count| {
                let time = time(|| write(segment, count));
                read(&mut reader, count);
                time
            })
        })
    });
    group.bench_function("read", |bencher| {
        bencher.iter_custom(|events| {
            in_portions(events, BATCH, |count| {
                write(segment, count);
                time(|| read(&mut reader, count))
            })
        })
    });
    for (name, write) in [("write", write as fn(&Segment, u64)), ("write with pauses", write_with_pauses)] {
        group.bench_function(format!("{name}, two writers"), |bencher| {
            bencher.iter_custom(|events| {
                // Whole portions only, beside which the start of a thread is nothing.
                let whole = events.next_multiple_of(PORTION);
                let time = in_portions(whole, PORTION, |count| {
                    loop {
                        let time = in_two_threads(|| write(segment, count));
                        read(&mut reader, 2 * count);
                        if let Some(time) = time {
                            return time;
                        }
                    }
                });
                time.mul_f64(events as f64 / whole as f64)
            })
        });
    }
    group.bench_function("write with pauses", |bencher| {
        bencher.iter_custom(|events| {
            in_portions(events, PORTION, |count| {
                let time = time(|| write_with_pauses(segment, count));
                read(&mut reader, count);
                time
            })
        })
    });
    group.bench_function("write, reader close behind", |bencher| {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    reader.drain_messages(|message| {
                        black_box(message);
                    });
                }
            });
            bencher.iter_custom(|events| time(|| write(segment, events)));
            done.store(true, Relaxed);
        });
    });
}

criterion_group! {
    name = channel;
    config = settings::settings();
    targets = ring
}
criterion_main!(channel);
