//! The profiles that tests read.

use crate::builder::{Builder, Random};

/// The sample types of our own profiles.
const HEAPTRACE_TYPES: [(&str, &str); 6] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
    ("peak_objects", "count"),
    ("peak_space", "bytes"),
];

/// A profile as `heaptrace run` writes it: a C++ program with long names, inline frames, allocation
/// functions to drop, and estimates at a rate of 512 KiB.
pub fn heaptrace() -> Builder {
    let mut b = Builder::new(&HEAPTRACE_TYPES);
    let program = b.mapping("/usr/bin/orders", 0x40_0000);
    let libc = b.mapping("/usr/lib/libc.so.6", 0x7f00_0000_0000);
    let main = b.function("main", "/src/orders/main.cc");
    let load = b.function("orders::load", "/src/orders/load.cc");
    let grow = b.function(
        "std::vector<orders::Order, std::allocator<orders::Order>>::_M_realloc_insert<orders::Order const&>",
        "/build/gcc/include/bits/vector.tcc",
    );
    let new = b.function("operator new", "../../libstdc++-v3/libsupc++/new_op.cc");
    let malloc = b.function("malloc", "malloc.c");
    let cache = b.function("orders::Cache::insert", "/src/orders/cache.cc");
    let malloc_at = b.location(libc, 0x7f00_0000_1000, &[(malloc, 0)]);
    let new_at = b.location(libc, 0x7f00_0000_2000, &[(new, 50)]);
    let grow_at = b.location(program, 0x40_1000, &[(grow, 451), (load, 20)]);
    let cache_at = b.location(program, 0x40_2000, &[(cache, 7)]);
    let main_at = b.location(program, 0x40_3000, &[(main, 12)]);

    // 100 samples of blocks of 4 KiB, which stand for 128.5 blocks each; 3 of blocks of 64 bytes;
    // 2 of blocks of 8 MiB, which are certain.
    for (size, stack, values) in [
        (
            4096,
            vec![malloc_at, new_at, grow_at, main_at],
            [12_850, 52_633_600, 6_425, 26_316_800, 9_637, 39_475_200],
        ),
        (64, vec![malloc_at, cache_at, main_at], [24_577, 1_572_928, 24_577, 1_572_928, 24_577, 1_572_928]),
        (8 << 20, vec![malloc_at, cache_at, main_at], [2, 16_777_216, 0, 0, 2, 16_777_216]),
    ] {
        let label = b.number_label("bytes", size, "bytes");
        b.sample(&stack, &values).label.push(label);
    }
    b.profile.drop_frames = b.string("malloc|operator new");
    b.profile.default_sample_type = b.string("inuse_space");
    b.profile.period_type = Some(b.profile.sample_type[1]);
    let space = b.string("space");
    b.profile.period_type.as_mut().expect("it was just set").r#type = space;
    b.profile.period = 512 << 10;
    b.profile.time_nanos = 1_700_000_000_000_000_000;
    b.profile.duration_nanos = 2_500_000_000;
    for comment in [
        "heaptrace 0.1.0",
        "command: orders --all",
        "pid: 4242",
        "samples: 105",
        "lost_samples: 0",
        "lost_frees: 2",
        "truncated_stacks: 0",
    ] {
        b.comment(comment);
    }
    b
}

/// [`heaptrace`] when nothing was in use at its end.
pub fn all_freed() -> Builder {
    let mut b = heaptrace();
    for sample in &mut b.profile.sample {
        sample.value[2] = 0;
        sample.value[3] = 0;
    }
    b
}

/// [`heaptrace`] later: the vector has grown by half, the cache by less than can be told.
pub fn later() -> Builder {
    let mut b = heaptrace();
    for (sample, factor) in b.profile.sample.iter_mut().zip([15, 11, 10]) {
        for value in &mut sample.value {
            *value = *value * factor / 10;
        }
    }
    b
}

/// A profile of all that a profile can have: recursion, inline frames, labels, negative values,
/// frames to drop and to keep, several mappings, locations without lines, stacks without frames.
pub fn anything(seed: u64) -> Builder {
    let random = &mut Random::new(seed);
    let mut b = Builder::new(&[("objects", "count"), ("space", "bytes"), ("delay", "nanoseconds")]);
    let mappings = [b.mapping("/bin/one", 0x1000_0000), b.mapping("/lib/two.so", 0x2000_0000), 0];
    let names = ["main", "ns::run(int)", "alloc", "alloc_keep", "visit", "(anonymous namespace)::f()", "g.h"];
    let files = ["/src/a.c", "./b.c", "/src/../src//c.c", ""];
    let functions: Vec<u64> =
        (0..14).map(|i| b.function(names[i % names.len()], files[random.below(4) as usize])).collect();
    let locations: Vec<u64> = (0..30)
        .map(|i| {
            let lines: Vec<(u64, i64)> = (0..random.below(4))
                .map(|_| (functions[random.below(14) as usize], random.below(50) as i64))
                .collect();
            b.location(mappings[random.below(3) as usize], 0x1000_0000 + i * 16, &lines)
        })
        .collect();
    for _ in 0..60 {
        let depth = random.below(9);
        let stack: Vec<u64> = (0..depth).map(|_| locations[random.below(30) as usize]).collect();
        let value = |random: &mut Random, limit| match random.below(4) {
            0 => 0,
            1 => -(random.below(limit) as i64),
            _ => random.below(limit) as i64,
        };
        let values = [value(random, 100), value(random, 1 << 24), value(random, 1 << 34)];
        let thread = b.text_label("thread", ["main", "io"][random.below(2) as usize]);
        let size = b.number_label("bytes", 16 << random.below(12), "bytes");
        let sample = b.sample(&stack, &values);
        sample.label.extend([thread].iter().filter(|_| random.below(2) == 0));
        sample.label.extend([size].iter().filter(|_| random.below(2) == 0));
    }
    if seed.is_multiple_of(2) {
        b.profile.drop_frames = b.string("alloc.*|ns::run");
        b.profile.keep_frames = b.string(".*_keep");
    }
    b
}
