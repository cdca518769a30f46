//! C++'s operator new and operator delete, which are families of their own.
//!
//! Where the next definition is a C++ library's, it calls `malloc` and `free`, which have hooks: that is seen
//! at the first call of each form. From then on both hooks count, and who reads the counts takes the inner one
//! off ([`Forwarded`]); `delete` is one jump. An allocator makes and takes its blocks by itself. Exceptions
//! pass through: a `new` that throws has counted nothing but what failed inside.

use core::mem::transmute;
use core::sync::atomic::Ordering::Relaxed;

use heaptrace_channel::counters::{Family, Forwarded};

use super::state::{self, Tally};
use super::{thread, usable};
use crate::arch::counting::own_slot;
use crate::arch::forward::{Block, align_to_line};
use crate::forms::{self, Form};

/// `operator new`: a size first, and up to two arguments more.
macro_rules! new {
    (seen $form:ident) => {
        super::to!(super::new_seen, $form)
    };
    (counted $form:ident $symbol:ident) => {
        super::forward!(super::new_forwarded, super::Forwarded::NewToMalloc, $form)
    };
}

/// `operator new[]`.
macro_rules! new_array {
    (seen $form:ident) => {
        super::to!(super::array_seen, $form)
    };
    (counted $form:ident $symbol:ident) => {
        super::forward!(super::array_forwarded, super::Forwarded::ArrayToNew, $form)
    };
}

/// Goes on to a function in Rust, with the form as one more argument.
macro_rules! to {
    ($function:path, $form:ident) => {
        core::arch::naked_asm!(
            "lea rcx, [rip + {form}]",
            "jmp {function}",
            form = sym super::$form,
            function = sym $function,
        )
    };
}

/// Calls the original, whose inner call is counted, and counts this one too.
macro_rules! forward {
    ($slow:path, $by:expr, $form:ident) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            super::own_slot!(),
            "push rdi",
            ".cfi_adjust_cfa_offset 8",
            "push rcx",
            ".cfi_adjust_cfa_offset 8",
            "sub rsp, 8",
            ".cfi_adjust_cfa_offset 8",
            "call qword ptr [rip + {form} + 8]",
            "add rsp, 8",
            ".cfi_adjust_cfa_offset -8",
            "pop rcx",
            ".cfi_adjust_cfa_offset -8",
            "pop rdi",
            ".cfi_adjust_cfa_offset -8",
            "test rax, rax",
            "jz 3f",
            "lea rdx, [2 * rdi + 1]",
            "bsr rdx, rdx",
            "inc qword ptr [rcx + 8 * rdx + {histogram}]",
            "add qword ptr [rcx + {bytes}], rdi",
            "3: ret",
            "2: lea rcx, [rip + {form}]",
            "jmp {slow}",
            ".cfi_endproc",
            super::align_to_line!(),
            offset = sym super::thread::OFFSET,
            base = sym super::state::WIPED,
            histogram = const $by.histogram_at(),
            bytes = const $by.bytes_at(),
            form = sym super::$form,
            slow = sym $slow,
        )
    };
}

/// `operator delete`: a block first, and up to two arguments more.
macro_rules! delete {
    ($which:ident $form:ident $($symbol:ident)?) => {
        core::arch::naked_asm!(
            "lea rcx, [rip + {form}]",
            "jmp {counted}",
            form = sym super::$form,
            counted = sym super::delete_counted,
        )
    };
}

use {delete, forward, new, new_array, to};

forms::operators!();

/// Has all forms of `new` be seen. Called by the constructor, after [`start`].
pub fn see_all() {
    FORMS.iter().filter(|form| form.is_new()).for_each(|form| form.see_first());
}

extern "C-unwind" fn new_seen(size: usize, second: usize, third: usize, form: &Form) -> Block {
    see(Family::New, Forwarded::NewToMalloc, [size, second, third], form)
}

extern "C-unwind" fn array_seen(size: usize, second: usize, third: usize, form: &Form) -> Block {
    see(Family::NewArray, Forwarded::ArrayToNew, [size, second, third], form)
}

extern "C-unwind" fn new_forwarded(size: usize, second: usize, third: usize, form: &Form) -> Block {
    forwarded(Forwarded::NewToMalloc, [size, second, third], form)
}

extern "C-unwind" fn array_forwarded(size: usize, second: usize, third: usize, form: &Form) -> Block {
    forwarded(Forwarded::ArrayToNew, [size, second, third], form)
}

/// Further arguments than the original has do it no harm.
#[inline(always)]
fn original([size, second, third]: [usize; 3], form: &Form) -> Block {
    // SAFETY: the next definition of that form, called as ours was.
    unsafe {
        let original: unsafe extern "C-unwind" fn(usize, usize, usize) -> Block =
            transmute(form.original.load(Relaxed));
        original(size, second, third)
    }
}

/// The original calls a hook, and this thread has no slot of its own, or none that assembly finds.
#[inline(always)]
fn forwarded(by: Forwarded, arguments: [usize; 3], form: &Form) -> Block {
    let block = original(arguments, form);
    if !block.is_null()
        && let Some(tally) = state::tally()
    {
        tally.slot.forwarded(by, arguments[0] as u64);
    }
    block
}

/// Counts a call of a form of which it is not known what its original does, and finds that out.
#[inline(always)]
fn see(family: Family, by: Forwarded, arguments: [usize; 3], form: &Form) -> Block {
    usable::ensure();
    let Some(Tally { slot, process }) = state::tally() else { return original(arguments, form) };
    let size = arguments[0] as u64;
    let inner = [Family::New, Family::Malloc, Family::Aligned];
    let (own, before) = (slot.seen(family), inner.map(|family| slot.seen(family)));
    let block = original(arguments, form);
    let mut inner = inner.into_iter().zip(before);
    if slot.seen(family) != own {
        form.see(false); // the inner call is one of this family, as of `new` that throws nothing
    } else if block.is_null() {
        if inner.all(|(family, before)| slot.seen(family) == before) {
            slot.failed(family);
        }
    } else {
        match inner.find(|&(family, before)| slot.seen(family).has_calls_since(before)) {
            Some((inner, before)) if by.is(inner, size, slot.bytes_since(inner, before)) => {
                slot.forwarded(by, size);
                form.see(true);
            }
            Some((inner, before)) => {
                slot.take_back(inner, before);
                slot.allocated(family, size);
            }
            None => {
                slot.allocated(family, size);
                slot.change_in_use(process, usable::size(block));
            }
        }
    }
    block
}

/// The original may free the block itself or call `free`.
extern "C" fn delete_counted(block: Block, second: usize, third: usize, form: &Form) {
    let tally = if block.is_null() { None } else { state::tally() };
    let before = tally.map(|tally| (tally.slot.frees(), usable::size(block)));
    // SAFETY: as above.
    unsafe {
        let original: unsafe extern "C" fn(Block, usize, usize) = transmute(form.original.load(Relaxed));
        original(block, second, third);
    }
    if let Some((tally, (frees, size))) = tally.zip(before)
        && tally.slot.frees() == frees
    {
        tally.slot.freed();
        tally.gained(-size);
    }
}
