//! The hooks: what the program calls instead of its allocator.
//!
//! `malloc` and the names of `free` have a fast path in assembly, for threads that have a slot and glibc's
//! allocator. `malloc` counts first and takes it back if the original fails, so that nothing but the slot
//! has to outlive the call. All others count in Rust. Where the original of one hook calls another (glibc's
//! `reallocarray` calls `realloc`, a wrapper's `calloc` may call `malloc`), the call is the outer one's.

use core::arch::naked_asm;
use core::ptr::null_mut;

use heaptrace_channel::counters::{
    BYTES_AT, FREES_AT, Family, HISTOGRAM_AT, LAST_AT, MAX_AT, PENDING_AT, STEP, Slot,
};

use super::state::{self, Tally};
use super::{thread, usable};
use crate::arch::counting::{own_slot, size_in_front};
use crate::arch::forward::{Block, align_to_line};
use crate::originals::{self, original};

/// C's `malloc`.
#[unsafe(naked)]
#[cfg_attr(all(not(test), feature = "counting"), unsafe(no_mangle))]
pub unsafe extern "C" fn malloc(size: usize) -> Block {
    naked_asm!(
        ".cfi_startproc",
        own_slot!(),
        "lea rdx, [2 * rdi + 1]", // so that 0 has a class too
        "bsr rdx, rdx",
        "inc qword ptr [rcx + 8 * rdx + {histogram}]",
        "add qword ptr [rcx + {bytes}], rdi",
        "mov qword ptr [rcx + {last}], rdi",
        "push rcx",
        ".cfi_adjust_cfa_offset 8",
        "call qword ptr [rip + {original}]",
        "pop rcx",
        ".cfi_adjust_cfa_offset -8",
        "test rax, rax",
        "jz 5f",
        size_in_front!("rax", "4f"),
        "add qword ptr [rcx + {pending}], r8",
        "mov rdx, qword ptr [rcx + {pending}]",
        "cmp rdx, qword ptr [rcx + {max}]",
        "jg 3f",
        "ret",
        "3: mov qword ptr [rcx + {max}], rdx",
        "cmp rdx, {limit}",
        "jge 4f",
        "ret",
        // The block is in rax, and what it adds may be in the sum already, or not.
        "4: mov rdi, rax",
        "mov rsi, rcx",
        "jmp {rare}",
        "5: mov rdi, rcx",
        "jmp {failed}",
        "2: jmp {slow}",
        ".cfi_endproc",
        align_to_line!(),
        offset = sym thread::OFFSET,
        base = sym state::WIPED,
        histogram = const HISTOGRAM_AT,
        bytes = const BYTES_AT,
        last = const LAST_AT,
        pending = const PENDING_AT,
        max = const MAX_AT,
        limit = const 2 * STEP,
        is_mapped = const usable::IS_MAPPED,
        overhead = const usable::OVERHEAD,
        original = sym originals::MALLOC,
        rare = sym malloc_rare,
        failed = sym malloc_failed,
        slow = sym malloc_slow,
    )
}

/// A block that is a mapping of its own, or that brings the thread's sum to where it must be told.
extern "C" fn malloc_rare(block: Block, slot: &'static Slot) -> Block {
    if let Some(tally) = state::tally() {
        match usable::is_mapping(block) {
            true => tally.gained(usable::size(block)),
            false => slot.tell(tally.process),
        }
    }
    block
}

extern "C" fn malloc_failed(slot: &Slot) -> Block {
    slot.malloc_failed();
    null_mut()
}

extern "C" fn malloc_slow(size: usize) -> Block {
    allocate(Family::Malloc, [], size, || original!(MALLOC(size) as fn(usize) -> Block))
}

/// The names of `free`, which differ in arguments that only the originals look at.
macro_rules! free_hooks {
    ($($function:ident($($argument:ident: $type:ty),*) => $original:ident;)*) => {$(
        #[doc = concat!("C's `", stringify!($function), "`.")]
        #[unsafe(naked)]
        #[cfg_attr(all(not(test), feature = "counting"), unsafe(no_mangle))]
        pub unsafe extern "C" fn $function($($argument: $type),*) {
            naked_asm!(
                ".cfi_startproc",
                "test rdi, rdi",
                "jz 2f",
                own_slot!(),
                size_in_front!("rdi", "2f"),
                "inc qword ptr [rcx + {frees}]",
                "sub qword ptr [rcx + {pending}], r8",
                "js 3f",
                "jmp qword ptr [rip + {original}]",
                "2: lea rax, [rip + {slow}]",
                "jmp 4f",
                "3: lea rax, [rip + {tell}]",
                "4: push rdi",
                ".cfi_adjust_cfa_offset 8",
                "push rsi",
                ".cfi_adjust_cfa_offset 8",
                "push rdx",
                ".cfi_adjust_cfa_offset 8",
                "call rax",
                "pop rdx",
                ".cfi_adjust_cfa_offset -8",
                "pop rsi",
                ".cfi_adjust_cfa_offset -8",
                "pop rdi",
                ".cfi_adjust_cfa_offset -8",
                "jmp qword ptr [rip + {original}]",
                ".cfi_endproc",
                align_to_line!(),
                offset = sym thread::OFFSET,
                base = sym state::WIPED,
                frees = const FREES_AT,
                pending = const PENDING_AT,
                is_mapped = const usable::IS_MAPPED,
                overhead = const usable::OVERHEAD,
                original = sym originals::$original,
                slow = sym free_slow,
                tell = sym tell,
            )
        }
    )*};
}

free_hooks! {
    free(block: Block) => FREE;
    cfree(block: Block) => CFREE;
    free_sized(block: Block, size: usize) => FREE_SIZED;
    free_aligned_sized(block: Block, alignment: usize, size: usize) => FREE_ALIGNED_SIZED;
}

/// Before the original frees a block.
extern "C" fn free_slow(block: Block) {
    usable::ensure();
    if !block.is_null()
        && let Some(tally) = state::tally()
    {
        tally.slot.freed();
        tally.gained(-usable::size(block));
    }
}

extern "C" fn tell() {
    if let Some(tally) = state::tally() {
        tally.slot.tell(tally.process);
    }
}

/// The hooks in Rust. `$count` is called with what counts them before what calls the original.
macro_rules! hooks {
    ($($name:ident($($argument:ident: $type:ty),*) => $count:ident($($with:expr),*), $original:ident;)*) => {$(
        #[doc = concat!("C's `", stringify!($name), "`.")]
        #[cfg_attr(all(not(test), feature = "counting"), unsafe(no_mangle))]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> Block {
            $count($($with),*, || original!($original($($argument),*) as fn($($type),*) -> Block))
        }
    )*};
}

hooks! {
    // An overflow fails in the original, and a failure has no size.
    calloc(count: usize, size: usize)
        => allocate(Family::Calloc, [Family::Malloc], count.wrapping_mul(size)), CALLOC;
    valloc(size: usize) => allocate(Family::Aligned, [Family::Malloc], size), VALLOC;
    pvalloc(size: usize) => allocate(Family::Aligned, [Family::Malloc], size), PVALLOC;
    memalign(alignment: usize, size: usize)
        => allocate(Family::Aligned, [Family::Malloc], size), MEMALIGN;
    aligned_alloc(alignment: usize, size: usize)
        => allocate(Family::Aligned, [Family::Malloc], size), ALIGNED_ALLOC;
    realloc(block: Block, size: usize) => reallocate(block, size), REALLOC;
    // Where the product overflows the original fails and the block stays; 1 stands for "not 0".
    reallocarray(block: Block, count: usize, size: usize)
        => reallocate(block, count.checked_mul(size).unwrap_or(1)), REALLOCARRAY;
}

/// C's `posix_memalign`.
#[cfg_attr(all(not(test), feature = "counting"), unsafe(no_mangle))]
pub unsafe extern "C" fn posix_memalign(to: *mut Block, alignment: usize, size: usize) -> i32 {
    let mut result = 0;
    allocate(Family::Aligned, [Family::Malloc], size, || {
        result = original!(POSIX_MEMALIGN(to, alignment, size) as fn(*mut Block, usize, usize) -> i32);
        // SAFETY: on success the original has stored the block there.
        if result == 0 { unsafe { *to } } else { null_mut() }
    });
    result
}

/// A call that asks for `size` bytes. Its original may call a hook of the same family, or one of `inner`.
#[inline(always)]
pub fn allocate<const N: usize>(
    family: Family,
    inner: [Family; N],
    size: usize,
    original: impl FnOnce() -> Block,
) -> Block {
    usable::ensure();
    let Some(Tally { slot, process }) = state::tally() else { return original() };
    let before = inner.map(|family| slot.seen(family));
    let own = slot.seen(family);
    let block = original();
    if slot.seen(family) != own {
        return block; // the inner call is counted, as one of this family
    }
    let mut inner = inner.into_iter().zip(before);
    if block.is_null() {
        if inner.all(|(family, before)| slot.seen(family) == before) {
            slot.failed(family);
        }
        return block;
    }
    match inner.find(|&(family, before)| slot.seen(family).has_calls_since(before)) {
        Some((inner, before)) => slot.take_back(inner, before),
        None => slot.change_in_use(process, usable::size(block)),
    }
    slot.allocated(family, size as u64);
    block
}

/// A block that changes its size: a free of the old one and an allocation of the new one.
#[inline(always)]
fn reallocate(block: Block, size: usize, original: impl FnOnce() -> Block) -> Block {
    usable::ensure();
    let Some(Tally { slot, process }) = state::tally() else { return original() };
    let (own, inner, frees) = (slot.seen(Family::Realloc), slot.seen(Family::Malloc), slot.frees());
    let old = if block.is_null() { 0 } else { usable::size(block) };
    let new = original();
    if slot.seen(Family::Realloc) != own {
        return new; // the original of `reallocarray` calls `realloc`
    }
    let is_freed = !block.is_null() && (!new.is_null() || size == 0);
    let was_freed = slot.frees() != frees;
    let was_made = slot.seen(Family::Malloc).has_calls_since(inner);
    if was_made && !new.is_null() {
        slot.take_back(Family::Malloc, inner);
    }
    match (new.is_null(), is_freed) {
        (true, false) if slot.seen(Family::Malloc) == inner => slot.failed(Family::Realloc),
        (true, _) => {}
        (false, _) => slot.allocated(Family::Realloc, size as u64),
    }
    if !new.is_null() && !block.is_null() {
        slot.resized(new != block);
    }
    if is_freed && !was_freed {
        slot.freed();
    }
    let gained = if new.is_null() || was_made { 0 } else { usable::size(new) };
    let lost = if is_freed && !was_freed { old } else { 0 };
    slot.change_in_use(process, gained - lost);
    new
}
