//! What the pieces of the library cost, each for itself.

#[path = "../../channel/benches/settings/mod.rs"]
mod bench_settings;

use std::arch::naked_asm;
use std::cell::Cell;
use std::hint::black_box;
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use heaptrace_channel::header::Start;
use heaptrace_channel::modules::ModuleId;
use heaptrace_channel::ring::{LastRing, Progress, Reader};
use heaptrace_channel::sample::{Era, Sample};
use heaptrace_channel::stacks::{Entry, Stack};
use heaptrace_channel::{Geometry, Segment};
use heaptrace_recorder::c_library::{Auxiliary, Objects};
use heaptrace_recorder::filter::Filter;
use heaptrace_recorder::live::LiveTable;
use heaptrace_recorder::memory::Budget;
use heaptrace_recorder::process::OwnProcess;
use heaptrace_recorder::sampler::Sampler;
use heaptrace_recorder::stacks::{Interned, Stacks};
use heaptrace_recorder::thread;
use heaptrace_recorder::unwind::{Registers, Unwinder};

static BUDGET: Budget = Budget::new();
const RATE: u64 = heaptrace_channel::config::DEFAULT_RATE;

fn sampler(criterion: &mut Criterion) {
    let sampler = Sampler::new(RATE, 1);
    let random = Cell::new(sampler.stream(0));
    criterion.bench_function("sampler/next gap", |bencher| bencher.iter(|| sampler.next_gap(&random)));
}

/// Addresses like those of `count` blocks in one heap, `distance` bytes apart, in no order.
fn blocks(count: usize, distance: usize) -> Vec<usize> {
    let mut blocks: Vec<_> = (0..count).map(|i| 0x5555_0000_0000 + i * distance).collect();
    let mut random = 1usize;
    for i in (1..count).rev() {
        random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        blocks.swap(i, (random >> 33) % (i + 1));
    }
    blocks
}

fn filter(criterion: &mut Criterion) {
    let filter = Filter::new();
    filter.start(RATE, &BUDGET);
    let blocks = blocks(16 * 1024, 4208); // of a heap of 64 MiB
    let mut group = criterion.benchmark_group("filter");
    let mut next = blocks.iter().cycle();
    group.bench_function("look", |bencher| bencher.iter(|| filter.is_marked(*next.next().unwrap())));
    group.bench_function("mark and unmark", |bencher| {
        bencher.iter(|| {
            let block = *next.next().unwrap();
            filter.mark(block);
            filter.unmark(block);
        })
    });
}

/// What a frame costs its first and every other time.
fn stacks(criterion: &mut Criterion) {
    /// Half of a ring, as each new frame is two messages, which are drained after.
    const COUNT: u64 = 2_048;
    /// Frames of stacks that are `DEPTH` deep and have none in common.
    fn intern(stacks: &Stacks, own: &OwnProcess, count: u64) {
        const DEPTH: u64 = 16;
        let last_ring = LastRing::default();
        let to = own.writer(&last_ring).unwrap();
        let mut stack = Interned::ROOT;
        for frame in 0..count {
            let caller = if frame % DEPTH == 0 { Interned::ROOT } else { stack };
            let entry = Entry::Frame { address: 0x5555_5555_0000 + frame * 37, module: ModuleId::BY_ADDRESS };
            stack = stacks.intern(caller, black_box(entry), to, &BUDGET).unwrap();
        }
    }
    let mut group = criterion.benchmark_group("stacks");
    group.throughput(Throughput::Elements(1));
    let (segment, own) = channel();
    let mut progress = Progress::default();
    let mut reader = Reader::new(*segment.rings(), &mut progress);
    let portions =
        |frames: u64| (0..frames).step_by(COUNT as usize).map(move |done| COUNT.min(frames - done));
    let mut time = |stacks: &Stacks, count| {
        let start = Instant::now();
        intern(stacks, &own, count);
        let elapsed = start.elapsed();
        reader.drain_messages(|_| {});
        elapsed
    };
    let known = Stacks::new();
    time(&known, COUNT);
    group.bench_function("known frame", |bencher| {
        bencher.iter_custom(|frames| portions(frames).map(|count| time(&known, count)).sum())
    });
    group.bench_function("new frame", |bencher| {
        bencher.iter_custom(|frames| portions(frames).map(|count| time(&Stacks::new(), count)).sum())
    });
}

fn live(criterion: &mut Criterion) {
    const SAMPLE: Sample = Sample { stack: Stack(7), size: 100, era: Era::FIRST };
    let mut group = criterion.benchmark_group("live");
    let (sampled, exact) = (("sampled", RATE, 524_800), ("exact", 1, 112));
    for ((name, rate, distance), count) in [(sampled, 4_000), (sampled, 200_000), (exact, 200_000)] {
        let table = LiveTable::new();
        table.start(rate, &BUDGET);
        let blocks = blocks(count, distance);
        // No block begins there.
        let others: Vec<_> = blocks.iter().map(|block| block + 16).collect();
        let insert_all =
            || blocks.iter().for_each(|&block| assert_eq!(table.insert(block, SAMPLE, &BUDGET), Ok(None)));
        let mut next = others.iter().cycle();
        let mut take_miss =
            |bencher: &mut Bencher| bencher.iter(|| table.take(black_box(*next.next().unwrap())));

        insert_all();
        group.bench_function(BenchmarkId::new("take, miss", format!("{count} {name}")), &mut take_miss);
        group.bench_function(BenchmarkId::new("take, hit", format!("{count} {name}")), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut elapsed = Duration::ZERO;
                for done in (0..iterations).step_by(count) {
                    let some = &blocks[..count.min((iterations - done) as usize)];
                    let start = Instant::now();
                    for &block in some {
                        black_box(table.take(block));
                    }
                    elapsed += start.elapsed();
                    some.iter().for_each(|&block| assert_eq!(table.insert(block, SAMPLE, &BUDGET), Ok(None)));
                }
                elapsed
            })
        });
        let mut next = others.iter().cycle();
        group.bench_function(BenchmarkId::new("insert and take", format!("{count} {name}")), |bencher| {
            bencher.iter(|| {
                let block = *next.next().unwrap();
                black_box(table.insert(block, SAMPLE, &BUDGET)).unwrap();
                black_box(table.take(block))
            })
        });
        blocks.iter().for_each(|&block| assert_eq!(table.take(block), Some(SAMPLE)));
        group.bench_function(
            BenchmarkId::new("take, miss, all freed of", format!("{count} {name}")),
            &mut take_miss,
        );
    }
}

/// A process, and a segment as a program has it, but for the file behind it.
fn channel() -> (Segment<'static>, OwnProcess) {
    let geometry = Geometry::for_rate(RATE, 1);
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, of zeros and of the segment's size, that stays.
    let segment = unsafe {
        let base = libc::mmap(null_mut(), Segment::size(geometry), protection, flags, -1, 0);
        assert_ne!(base, libc::MAP_FAILED);
        Segment::create(base.cast(), geometry)
    };
    segment.header().publish(&Start { geometry, ..Default::default() });
    let own = OwnProcess::new();
    // SAFETY: called once.
    unsafe { own.start(segment, true) };
    (segment, own)
}

static STACKS: Stacks = Stacks::new();
static UNWINDER: Unwinder = Unwinder::new();

/// A stack walk from its caller on, begun as a hook begins one.
#[unsafe(naked)]
extern "C" fn hook(own: &OwnProcess) -> u32 {
    extern "C" fn walk(own: &OwnProcess, sp: usize, bp: usize) -> u32 {
        // SAFETY: `hook` passes the stack pointer of its first instruction.
        let registers = unsafe { Registers::at_call(sp, bp) };
        let thread = thread::current();
        let to = own.writer(&thread.last_ring).unwrap();
        UNWINDER.stack(registers, thread, &STACKS, &BUDGET, to, || {}).unwrap().0
    }
    naked_asm!("mov rsi, rsp", "mov rdx, rbp", "jmp {walk}", walk = sym walk)
}

/// Functions that call each other.
trait Frames {
    fn call(inner: &mut dyn FnMut());
}

/// The innermost frame.
struct Inner;

impl Frames for Inner {
    #[inline(never)]
    fn call(inner: &mut dyn FnMut()) {
        inner();
        black_box(()); // no tail call
    }
}

/// A frame outside of `F`: a function of its own, with a call site of its own, for each `F`.
struct Outside<F>(PhantomData<F>);

impl<F: Frames> Frames for Outside<F> {
    #[inline(never)]
    fn call(inner: &mut dyn FnMut()) {
        F::call(inner);
        black_box(());
    }
}

type Five<F> = Outside<Outside<Outside<Outside<Outside<F>>>>>;
type Fifteen = Five<Five<Outside<Outside<Outside<Outside<Inner>>>>>>;
type Thirty = Five<Five<Five<Fifteen>>>;

/// Calls `inner` from one of two places in turn.
#[inline(never)]
fn in_turn(turn: &mut bool, mut inner: impl FnMut()) {
    *turn = !*turn;
    if *turn {
        inner();
        black_box(1);
    } else {
        inner();
        black_box(2);
    }
}

fn unwind(criterion: &mut Criterion) {
    let vector = Auxiliary::find().unwrap();
    UNWINDER.start(Objects::of(vector).unwrap(), vector.program_headers(), &BUDGET).unwrap();
    UNWINDER.set_main_stack_top(vector.value(libc::AT_EXECFN).unwrap() as usize);
    let (_, own) = &channel();
    let walk = || {
        black_box(hook(own));
    };
    let mut group = criterion.benchmark_group("unwind");
    let mut turn = false;

    group.bench_function("same stack again", |bencher| {
        Thirty::call(&mut || bencher.iter(walk));
    });
    group.bench_function("changed leaf", |bencher| {
        Thirty::call(&mut || bencher.iter(|| in_turn(&mut turn, walk)));
    });
    group.bench_function("changed 15 of 30 frames up", |bencher| {
        Fifteen::call(&mut || bencher.iter(|| in_turn(&mut turn, || Fifteen::call(&mut { walk }))));
    });
    group.bench_function("changed 30 frames up", |bencher| {
        bencher.iter(|| in_turn(&mut turn, || Thirty::call(&mut { walk })));
    });
    group.bench_function("30 new frames, rules to be read", |bencher| {
        let forget = || {
            UNWINDER.forget_rules();
            walk(); // the last walk in the place, which shares no frame of `Thirty`
        };
        bencher.iter_batched(forget, |()| Thirty::call(&mut { walk }), BatchSize::PerIteration);
    });
}

criterion_group! {
    name = pieces;
    config = bench_settings::settings();
    targets = sampler, filter, stacks, live, unwind
}
criterion_main!(pieces);
