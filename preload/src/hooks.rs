//! The hooks: what the program calls instead of its allocator.
//!
//! The four that matter have a fast path in assembly: count the thread's bytes down (malloc,
//! calloc, realloc), look at the filter (free, realloc), and jump to the original with the
//! arguments as they came. Whatever is not clear at once goes to a slow path, in Rust, with the
//! stack pointer and `rbp` of the hook's first instruction as two more arguments: where unwinding
//! begins, so that no frame of ours is in a stack. Where nothing is recorded, the slow path goes on
//! to the original too, with the stack as it came.
//!
//! The rare ones have only the slow path, which also keeps an original that calls another hook
//! (glibc's `reallocarray` calls `realloc`) from being counted twice.

use core::arch::naked_asm;
use core::ptr::null_mut;

use heaptrace_recorder::filter::STRETCH_BITS;
use heaptrace_recorder::record::{Call, Mark, Recording, nested};
use heaptrace_recorder::{Recorder, thread};

use crate::arch::forward::{
    Block, align_to_line, count_down, look_at_filter, tell_of_free, unless_recording,
};
use crate::gate::{self, RECORDER};
use crate::nesting::Path;
use crate::originals::{self, original};
use crate::session::announce;
use crate::shadow;

/// C's `malloc`.
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn malloc(size: usize) -> Block {
    naked_asm!(
        count_down!("rdi"),
        "jmp qword ptr [rip + {original}]",
        unless_recording!("rdi"),
        "mov rsi, rsp",
        "mov rdx, rbp",
        "jmp {slow}",
        align_to_line!(),
        offset = sym gate::MALLOC,
        recorder = sym RECORDER,
        state = const Recorder::STATE,
        recording = const Recorder::RECORDING,
        name = const shadow::MALLOC,
        not_recording = sym gate::not_recording,
        original = sym originals::MALLOC,
        slow = sym malloc_slow,
    )
}

/// C's `calloc`.
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn calloc(count: usize, size: usize) -> Block {
    naked_asm!(
        "mov rax, rdi",
        "mul rsi",
        "mov r8, rax",
        "jo 2f",
        count_down!("r8"),
        "jmp qword ptr [rip + {original}]",
        unless_recording!("r8"),
        "mov rdx, rsp",
        "mov rcx, rbp",
        "jmp {slow}",
        align_to_line!(),
        offset = sym gate::CALLOC,
        recorder = sym RECORDER,
        state = const Recorder::STATE,
        recording = const Recorder::RECORDING,
        name = const shadow::CALLOC,
        not_recording = sym gate::not_recording,
        original = sym originals::CALLOC,
        slow = sym calloc_slow,
    )
}

/// C's `realloc`.
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn realloc(block: Block, size: usize) -> Block {
    naked_asm!(
        look_at_filter!(),
        count_down!("rsi"),
        "jmp qword ptr [rip + {original}]",
        unless_recording!("rsi"),
        "mov rdx, rsp",
        "mov rcx, rbp",
        "jmp {slow}",
        align_to_line!(),
        offset = sym gate::REALLOC,
        recorder = sym RECORDER,
        state = const Recorder::STATE,
        recording = const Recorder::RECORDING,
        name = const shadow::REALLOC,
        not_recording = sym gate::not_recording,
        filter = const Recorder::FILTER,
        bits = const STRETCH_BITS,
        original = sym originals::REALLOC,
        slow = sym realloc_slow,
    )
}

/// The names of `free`, which differ in arguments that only the originals look at.
macro_rules! free_hooks {
    ($($function:ident($($argument:ident: $type:ty),*) => $original:ident, $name:ident, $kept:ident;)*) => {$(
        #[doc = concat!("C's `", stringify!($function), "`.")]
        #[unsafe(naked)]
        #[cfg_attr(not(test), unsafe(no_mangle))]
        pub unsafe extern "C" fn $function($($argument: $type),*) {
            naked_asm!(
                look_at_filter!(),
                "jmp qword ptr [rip + {original}]",
                tell_of_free!($kept),
                "jmp qword ptr [rip + {original}]",
                align_to_line!(),
                recorder = sym RECORDER,
                filter = const Recorder::FILTER,
                bits = const STRETCH_BITS,
                name = const shadow::$name,
                original = sym originals::$original,
                slow = sym gate::free,
            )
        }
    )*};
}

free_hooks! {
    free(block: Block) => FREE, FREE, one;
    cfree(block: Block) => CFREE, OTHER, one;
    free_sized(block: Block, size: usize) => FREE_SIZED, OTHER, three;
    free_aligned_sized(block: Block, alignment: usize, size: usize) => FREE_ALIGNED_SIZED, OTHER, three;
}

/// Hooks without a fast path. `$bytes` is what they are asked for; `$sp` and `$bp` are where the next
/// two arguments would be.
macro_rules! slow_hooks {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty, $bytes:literal, $sp:literal, $bp:literal
        => $original:ident, $slow:ident;)*) => {$(
        #[doc = concat!("C's `", stringify!($name), "`.")]
        #[unsafe(naked)]
        #[cfg_attr(not(test), unsafe(no_mangle))]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            naked_asm!(
                unless_recording!($bytes),
                concat!("mov ", $sp, ", rsp"),
                concat!("mov ", $bp, ", rbp"),
                "jmp {slow}",
                recorder = sym RECORDER,
                state = const Recorder::STATE,
                recording = const Recorder::RECORDING,
                name = const shadow::OTHER,
                not_recording = sym gate::not_recording,
                original = sym originals::$original,
                slow = sym $slow,
            )
        }
    )*};
}

slow_hooks! {
    valloc(size: usize) -> Block, "rdi", "rsi", "rdx" => VALLOC, valloc_slow;
    pvalloc(size: usize) -> Block, "rdi", "rsi", "rdx" => PVALLOC, pvalloc_slow;
    memalign(alignment: usize, size: usize) -> Block, "rsi", "rdx", "rcx" => MEMALIGN, memalign_slow;
    aligned_alloc(alignment: usize, size: usize) -> Block, "rsi", "rdx", "rcx" => ALIGNED_ALLOC, aligned_alloc_slow;
    // The bytes of one element stand for those of all.
    reallocarray(block: Block, count: usize, size: usize) -> Block, "rdx", "rcx", "r8"
        => REALLOCARRAY, reallocarray_slow;
    posix_memalign(to: *mut Block, alignment: usize, size: usize) -> i32, "rdx", "rcx", "r8"
        => POSIX_MEMALIGN, posix_memalign_slow;
}

extern "C" fn malloc_slow(size: usize, sp: usize, bp: usize) -> Block {
    let original = || original!(MALLOC(size) as fn(usize) -> Block);
    let count = |recording: &mut Recording, block| RECORDER.allocated_often(recording, block, size);
    allocate_by(Some(&gate::MALLOC), Call { sp, bp }, original, count)
}

extern "C" fn calloc_slow(count: usize, size: usize, sp: usize, bp: usize) -> Block {
    // An overflow fails in the original, and a failure is not counted.
    let bytes = count.wrapping_mul(size);
    allocate(Some(&gate::CALLOC), Call { sp, bp }, bytes, || {
        original!(CALLOC(count, size) as fn(usize, usize) -> Block)
    })
}

extern "C" fn valloc_slow(size: usize, sp: usize, bp: usize) -> Block {
    allocate(None, Call { sp, bp }, size, || original!(VALLOC(size) as fn(usize) -> Block))
}

extern "C" fn pvalloc_slow(size: usize, sp: usize, bp: usize) -> Block {
    allocate(None, Call { sp, bp }, size, || original!(PVALLOC(size) as fn(usize) -> Block))
}

extern "C" fn memalign_slow(alignment: usize, size: usize, sp: usize, bp: usize) -> Block {
    allocate(
        None,
        Call { sp, bp },
        size,
        || original!(MEMALIGN(alignment, size) as fn(usize, usize) -> Block),
    )
}

extern "C" fn aligned_alloc_slow(alignment: usize, size: usize, sp: usize, bp: usize) -> Block {
    allocate(None, Call { sp, bp }, size, || {
        original!(ALIGNED_ALLOC(alignment, size) as fn(usize, usize) -> Block)
    })
}

extern "C" fn posix_memalign_slow(
    to: *mut Block,
    alignment: usize,
    size: usize,
    sp: usize,
    bp: usize,
) -> i32 {
    let mut result = 0;
    allocate(None, Call { sp, bp }, size, || {
        result = original!(POSIX_MEMALIGN(to, alignment, size) as fn(*mut Block, usize, usize) -> i32);
        // SAFETY: on success the original has stored the block there.
        if result == 0 { unsafe { *to } } else { null_mut() }
    });
    result
}

extern "C" fn realloc_slow(block: Block, size: usize, sp: usize, bp: usize) -> Block {
    reallocate(Some(&gate::REALLOC), block, size, Call { sp, bp }, || {
        original!(REALLOC(block, size) as fn(Block, usize) -> Block)
    })
}

extern "C" fn reallocarray_slow(block: Block, count: usize, size: usize, sp: usize, bp: usize) -> Block {
    // Where the product overflows the original fails and the block stays; 1 stands for "not 0".
    let bytes = count.checked_mul(size).unwrap_or(1);
    let original = || original!(REALLOCARRAY(block, count, size) as fn(Block, usize, usize) -> Block);
    reallocate(None, block, bytes, Call { sp, bp }, original)
}

/// An allocation of `size` bytes: the original first, then a sample if one is due. `path` is that of the hook.
#[inline(always)]
fn allocate(path: Option<&Path>, call: Call, size: usize, original: impl FnOnce() -> Block) -> Block {
    allocate_by(path, call, original, |recording, block| RECORDER.allocated(recording, block, size))
}

/// An allocation: the original first, then `count` is told of its block.
#[inline(always)]
fn allocate_by(
    path: Option<&Path>,
    call: Call,
    original: impl FnOnce() -> Block,
    count: impl FnOnce(&mut Recording, usize),
) -> Block {
    let (thread, mark) = (thread::current(), Mark::default());
    let recording = RECORDER.enter(thread, call, &mark, announce::export);
    let block = original();
    match recording {
        Some(mut recording) if !block.is_null() => {
            count(&mut recording, block as usize);
            learn(path, &recording, block, &mark);
        }
        Some(_) => {}
        None => nested(thread, block as usize, call),
    }
    block
}

/// A block that changes its size: a free of the old one and an allocation of the new one.
#[inline(always)]
fn reallocate(
    path: Option<&Path>,
    block: Block,
    size: usize,
    call: Call,
    original: impl FnOnce() -> Block,
) -> Block {
    // The sample leaves the table before another thread can get the address from the original.
    let taken = RECORDER.take(block as usize);
    let (thread, mark) = (thread::current(), Mark::default());
    let recording = RECORDER.enter(thread, call, &mark, announce::export);
    let new = original();
    if let Some(sample) = taken {
        let kept = new.is_null() && size > 0; // it failed, and the old block is still there
        if kept { RECORDER.put_back(block as usize, sample, thread) } else { RECORDER.freed(sample, thread) }
    }
    match recording {
        Some(mut recording) if !new.is_null() => {
            RECORDER.allocated(&mut recording, new as usize, size);
            learn(path, &recording, new, &mark);
        }
        Some(_) => {}
        None => nested(thread, new as usize, call),
    }
    new
}

/// Has a hook that has a fast path learn where its block came from.
#[inline(always)]
fn learn(path: Option<&Path>, recording: &Recording, block: Block, mark: &Mark) {
    if let Some(path) = path {
        path.learn(recording, block as usize, mark, &gate::OFFSET);
    }
}
