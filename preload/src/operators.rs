//! C++'s operator new and operator delete.
//!
//! Where the next definition is a C++ library's, it calls `malloc` and `free`, which have hooks: so
//! the hook here is one jump, to it. That of an allocator (jemalloc, tcmalloc, mimalloc) makes its
//! blocks by itself: there the hook counts them, unless the first call of a form shows that the block
//! came from a hook of ours after all. To count twice would be as wrong as not at all.
//!
//! An exception that the original throws passes through the frames here: they have unwind
//! information and nothing to clean up, and the thread heals as after `longjmp` (see [`Mark`]).

use core::arch::naked_asm;
use core::sync::atomic::Ordering::*;

use heaptrace_recorder::filter::STRETCH_BITS;
use heaptrace_recorder::record::{Call, Mark, nested};
use heaptrace_recorder::{Recorder, thread};

use crate::arch::forward::{
    Block, align_to_line, count_down, look_at_filter, tell_of_free, unless_recording,
};
use crate::forms::{self, Form};
use crate::gate::{self, RECORDER};
use crate::session::announce;
use crate::shadow;

/// `operator new`: a size first, and up to two arguments more.
macro_rules! new {
    (counted $form:ident $symbol:ident) => {
        super::naked_asm!(
            super::count_down!("rdi"),
            "jmp qword ptr [rip + {form} + 8]",
            "2: jmp {seen}",
            super::align_to_line!(),
            offset = sym super::gate::OFFSET,
            form = sym super::$form,
            seen = sym super::seen::$symbol,
        )
    };
    (seen $form:ident) => {
        super::naked_asm!(
            super::unless_recording!("rdi", "{form} + 8"),
            "mov rcx, rsp",
            "mov r8, rbp",
            "lea r9, [rip + {form}]",
            "jmp {slow}",
            recorder = sym super::RECORDER,
            state = const super::Recorder::STATE,
            recording = const super::Recorder::RECORDING,
            name = const super::shadow::OPERATOR,
            not_recording = sym super::gate::not_recording,
            form = sym super::$form,
            slow = sym super::new_slow,
        )
    };
}

/// `operator delete`: a block first, and up to two arguments more.
macro_rules! delete {
    ($which:ident $form:ident $($symbol:ident)?) => {
        super::naked_asm!(
            super::look_at_filter!(),
            "jmp qword ptr [rip + {form} + 8]",
            super::tell_of_free!(three),
            "jmp qword ptr [rip + {form} + 8]",
            recorder = sym super::RECORDER,
            filter = const super::Recorder::FILTER,
            bits = const super::STRETCH_BITS,
            name = const super::shadow::OPERATOR,
            form = sym super::$form,
            slow = sym super::gate::free,
        )
    };
}

use {delete, new, new as new_array};

forms::operators!();

/// Calls the original, and counts its block. Further arguments than it has do it no harm.
extern "C" fn new_slow(size: usize, second: usize, third: usize, sp: usize, bp: usize, form: &Form) -> Block {
    type New = unsafe extern "C" fn(usize, usize, usize) -> Block;
    // SAFETY: the next definition of that form, called as ours was.
    let original = || unsafe {
        let original: New = core::mem::transmute(form.original.load(Relaxed));
        original(size, second, third)
    };
    let call = Call { sp, bp };
    let (thread, mark) = (thread::current(), Mark::default());
    let Some(mut recording) = RECORDER.enter(thread, call, &mark, announce::export) else {
        let block = original();
        nested(thread, block as usize, call);
        return block;
    };
    let block = original();
    if !block.is_null() {
        RECORDER.allocated_often(&mut recording, block as usize, size);
        if form.is_undecided() {
            form.see(mark.nested() != block as usize);
        }
    }
    block
}
