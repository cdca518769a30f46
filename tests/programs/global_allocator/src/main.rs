//! Allocates in the ways of Rust's library, from an allocator that is linked in, and keeps account: of each
//! call of the allocator, for the function that made it. With the argument "steady" blocks of a few sizes,
//! many of each; with "pairs" and a number the time of that many which are allocated and freed.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

#[cfg(feature = "jemalloc")]
static BELOW: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
#[cfg(feature = "mimalloc")]
static BELOW: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[cfg(feature = "rpmalloc")]
static BELOW: rpmalloc::RpMalloc = rpmalloc::RpMalloc;
#[cfg(feature = "snmalloc")]
static BELOW: snmalloc_rs::SnMalloc = snmalloc_rs::SnMalloc;
#[cfg(feature = "system")]
static BELOW: std::alloc::System = std::alloc::System;

#[global_allocator]
static COUNTED: Counted = Counted;

/// Goes on to the allocator, and enters what it did in the account.
struct Counted;

// SAFETY: each call is the allocator's own; the account touches no block.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        got(unsafe { BELOW.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        got(unsafe { BELOW.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        gave(block, layout.size());
        // SAFETY: the caller's promise.
        unsafe { BELOW.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        gave(block, layout.size());
        // SAFETY: the caller's promise.
        got(unsafe { BELOW.realloc(block, layout, size) }, size)
    }
}

/// A function's account: objects and bytes, allocated and in use.
#[derive(Clone, Copy)]
struct Account {
    function: &'static str,
    values: [i64; 4],
}

/// The accounts, and whose each block is: a table of addresses, open, with room for all.
struct Book {
    accounts: [Account; 32],
    blocks: [(usize, u8); 1 << 14],
}

static BOOK: Mutex<Book> =
    Mutex::new(Book { accounts: [Account { function: "", values: [0; 4] }; 32], blocks: [(0, 0); 1 << 14] });

thread_local! {
    /// The function that allocates.
    static CURRENT: Cell<&'static str> = const { Cell::new("") };
}

const FREED: usize = 1;

fn got(block: *mut u8, size: usize) -> *mut u8 {
    let function = CURRENT.get();
    if !function.is_empty() && !block.is_null() {
        let book = &mut *BOOK.lock().unwrap();
        let owner = book.accounts.iter().position(|it| it.function.is_empty() || it.function == function).unwrap();
        let account = &mut book.accounts[owner];
        account.function = function;
        let [objects, space, inuse_objects, inuse_space] = account.values;
        let size = size as i64;
        account.values = [objects + 1, space + size, inuse_objects + 1, inuse_space + size];
        let place = book.places(block).find(|&at| book.blocks[at].0 <= FREED).unwrap();
        book.blocks[place] = (block as usize, owner as u8);
    }
    block
}

fn gave(block: *mut u8, size: usize) {
    let book = &mut *BOOK.lock().unwrap();
    let known = book.places(block).take_while(|&at| book.blocks[at].0 != 0);
    let place = { known }.find(|&at| book.blocks[at].0 == block as usize);
    if let Some(place) = place {
        let owner = book.blocks[place].1;
        book.blocks[place].0 = FREED;
        let values = &mut book.accounts[usize::from(owner)].values;
        values[2] -= 1;
        values[3] -= size as i64;
    }
}

impl Book {
    fn places(&self, block: *mut u8) -> impl Iterator<Item = usize> + use<> {
        let first = (block as usize >> 4).wrapping_mul(0x9E37_79B9);
        (0..1 << 14).map(move |step| (first + step) % (1 << 14))
    }
}

/// Functions of these names, each with its account.
macro_rules! functions {
    ($($name:ident() $body:block)*) => {$(
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $name() {
            let outer = CURRENT.replace(stringify!($name));
            $body
            CURRENT.set(outer);
        }
    )*};
}

functions! {
    boxes() {
        for i in 0..300 {
            let kept = black_box(Box::new([black_box(7_u8); 200]));
            if i % 3 == 0 {
                std::mem::forget(kept);
            }
        }
    }

    aligned() {
        #[repr(align(256))]
        struct Aligned([u8; 700]);
        for i in 0..100 {
            let kept = black_box(Box::new(Aligned([i; 700])));
            if kept.0[0] % 2 == 0 {
                std::mem::forget(kept);
            }
        }
    }

    vectors() {
        let mut grows = Vec::new();
        for i in 0..100_000_u32 {
            grows.push(black_box(i));
        }
        grows.shrink_to_fit();
        std::mem::forget(grows);
        for size in [1, 10, 1000, 100_000, 5_000_000] {
            black_box(vec![7_u8; size]);
        }
    }

    zeroed() {
        for size in [1, 100, 10_000, 1_000_000] {
            let zeros = black_box(vec![0_u8; size]);
            assert!(zeros.iter().all(|&byte| byte == 0));
            black_box(vec![0_u64; size]);
            std::mem::forget(zeros);
        }
    }

    strings() {
        let mut text = String::new();
        for i in 0..1000 {
            text.push_str(black_box("some text"));
            if i % 10 == 0 {
                std::mem::forget(format!("{i} and {text:.20}"));
            }
        }
    }

    tables() {
        let mut table = HashMap::new();
        for i in 0..3000_u64 {
            table.insert(i, black_box(i));
        }
        for i in 0..2000 {
            table.remove(&i);
        }
        table.shrink_to_fit();
        std::mem::forget(table);
    }

    freed_elsewhere() {
        *ELSEWHERE.lock().unwrap() = (0..500).map(|i| black_box(vec![1_u8; 64 + i])).collect();
    }

    small_steady() { steady(24, 40_000) }
    middle_steady() { steady(1500, 4000) }
    large_steady() { steady(40_000, 300) }
    zeroed_steady() {
        for _ in 0..4000 {
            black_box(vec![0_u8; 900]);
        }
    }
    aligned_steady() {
        for _ in 0..4000 {
            black_box(Box::new(Line([1; 1024])));
        }
    }
}

/// Blocks that another thread frees.
static ELSEWHERE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

#[repr(align(1024))]
#[expect(dead_code, reason = "what is in it does not matter")]
struct Line([u8; 1024]);

/// Blocks that are freed, and one of 16 that is not.
fn steady(size: usize, count: usize) {
    for i in 0..count {
        let block = black_box(Vec::<u8>::with_capacity(size));
        if i % 16 == 0 {
            std::mem::forget(block);
        }
    }
}

/// Allocates and frees past the account, and prints nanoseconds a pair, as scripts/workloads/clock.h does.
fn pairs(count: usize) {
    const MOMENT: usize = 100_000;
    let moment = |_| {
        let start = Instant::now();
        for i in 0..MOMENT {
            let layout = Layout::from_size_align(64 + (i & 63), 8).unwrap();
            // SAFETY: the layout has a size, and is that of the block.
            unsafe { BELOW.dealloc(black_box(BELOW.alloc(layout)), layout) };
        }
        start.elapsed().as_nanos() as f64 / MOMENT as f64
    };
    let mut times: Vec<_> = (0..count / MOMENT).map(moment).collect();
    times.sort_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    println!("mean {mean}\nquiet {}", times[times.len() / 10]);
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [way, count] = &arguments[..]
        && way == "pairs"
    {
        return pairs(count.parse().unwrap());
    }
    let ways: &[extern "C" fn()] = &[boxes, aligned, vectors, zeroed, strings, tables, freed_elsewhere];
    let steady: &[extern "C" fn()] =
        &[small_steady, middle_steady, large_steady, zeroed_steady, aligned_steady];
    let is_steady = arguments.first().is_some_and(|argument| argument == "steady");
    (if is_steady { steady } else { ways }).iter().for_each(|way| way());
    thread::spawn(|| drop(std::mem::take(&mut *ELSEWHERE.lock().unwrap()))).join().unwrap();
    let book = BOOK.lock().unwrap().accounts;
    for Account { function, values } in book.iter().filter(|account| !account.function.is_empty()) {
        for (index, value) in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"].iter().zip(values) {
            println!("{function} {index} {value}");
        }
    }
    if is_steady {
        for (function, size, count) in [
            ("small_steady", 24, 40_000),
            ("middle_steady", 1500, 4000),
            ("large_steady", 40_000, 300),
            ("zeroed_steady", 900, 4000),
            ("aligned_steady", 1024, 4000),
        ] {
            println!("{function} blocks {size} {count}");
        }
    }
}
