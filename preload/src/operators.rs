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
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::*};

use heaptrace_recorder::arch::abort;
use heaptrace_recorder::c_library::{Auxiliary, Name, Objects};
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

/// The hooks, each with its form, and what its entry can be beside the original.
macro_rules! hooks {
    ($($form:ident: $symbol:ident, $kind:ident;)*) => {
        $(
            static $form: Form = Form {
                entry: AtomicPtr::new(unresolved::$symbol as *const () as *mut c_void),
                original: AtomicPtr::new(null_mut()),
                seen: AtomicPtr::new(seen::$symbol as *const () as *mut c_void),
                counted: AtomicPtr::new(counted::$symbol as *const () as *mut c_void),
                name: Name::new(stringify!($symbol)),
            };

            /// A form of the operators.
            #[unsafe(naked)]
            #[cfg_attr(not(test), unsafe(no_mangle))]
            #[allow(non_snake_case)]
            pub unsafe extern "C" fn $symbol() {
                naked_asm!("jmp qword ptr [rip + {form}]", form = sym $form)
            }
        )*

        static FORMS: [&Form; forms::COUNT] = [$(&$form),*];

        /// Looks the original up and goes there. Before the constructor only, but where a C++ library
        /// is loaded later and finds a hook.
        #[allow(non_snake_case)]
        mod unresolved { $(
            #[unsafe(naked)]
            pub unsafe extern "C" fn $symbol() {
                super::naked_asm!(
                    "push rdi",
                    "push rsi",
                    "push rdx",
                    "lea rdi, [rip + {form}]",
                    "call {resolve}",
                    "pop rdx",
                    "pop rsi",
                    "pop rdi",
                    "jmp qword ptr [rip + {form}]",
                    form = sym super::$form,
                    resolve = sym super::resolve_late,
                )
            }
        )* }

        #[allow(non_snake_case)]
        mod seen { $(
            #[unsafe(naked)]
            pub unsafe extern "C" fn $symbol() {
                super::$kind!(seen $form)
            }
        )* }

        #[allow(non_snake_case)]
        mod counted { $(
            #[unsafe(naked)]
            pub unsafe extern "C" fn $symbol() {
                super::$kind!(counted $form $symbol)
            }
        )* }
    };
}

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
            super::tell_of_free!(),
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

use {delete, new};

hooks! {
    NEW: _Znwm, new;
    NEW_NOTHROW: _ZnwmRKSt9nothrow_t, new;
    NEW_ALIGNED: _ZnwmSt11align_val_t, new;
    NEW_ALIGNED_NOTHROW: _ZnwmSt11align_val_tRKSt9nothrow_t, new;
    NEW_ARRAY: _Znam, new;
    NEW_ARRAY_NOTHROW: _ZnamRKSt9nothrow_t, new;
    NEW_ARRAY_ALIGNED: _ZnamSt11align_val_t, new;
    NEW_ARRAY_ALIGNED_NOTHROW: _ZnamSt11align_val_tRKSt9nothrow_t, new;
    DELETE: _ZdlPv, delete;
    DELETE_NOTHROW: _ZdlPvRKSt9nothrow_t, delete;
    DELETE_ALIGNED: _ZdlPvSt11align_val_t, delete;
    DELETE_ALIGNED_NOTHROW: _ZdlPvSt11align_val_tRKSt9nothrow_t, delete;
    DELETE_SIZED: _ZdlPvm, delete;
    DELETE_SIZED_ALIGNED: _ZdlPvmSt11align_val_t, delete;
    DELETE_ARRAY: _ZdaPv, delete;
    DELETE_ARRAY_NOTHROW: _ZdaPvRKSt9nothrow_t, delete;
    DELETE_ARRAY_ALIGNED: _ZdaPvSt11align_val_t, delete;
    DELETE_ARRAY_ALIGNED_NOTHROW: _ZdaPvSt11align_val_tRKSt9nothrow_t, delete;
    DELETE_ARRAY_SIZED: _ZdaPvm, delete;
    DELETE_ARRAY_SIZED_ALIGNED: _ZdaPvmSt11align_val_t, delete;
}

/// Looks all originals up. Returns the names that have none: all, in a program without C++. Called by
/// the constructor.
pub fn start(objects: Objects) -> impl Iterator<Item = Name> {
    forms::know(&FORMS);
    let has_any = NEW.resolve(objects);
    FORMS.into_iter().filter(move |form| !has_any || !form.resolve(objects)).map(|form| form.name)
}

extern "C" fn resolve_late(form: &Form) {
    forms::know(&FORMS);
    let objects = Auxiliary::find().and_then(Objects::of);
    if !objects.is_some_and(|objects| form.resolve(objects)) {
        abort(); // the caller has a name that nobody defines
    }
}

/// Calls the original, and counts its block. Further arguments than it has do it no harm.
extern "C" fn new_slow(size: usize, second: usize, third: usize, sp: usize, bp: usize, form: &Form) -> Block {
    type New = unsafe extern "C" fn(usize, usize, usize) -> Block;
    // SAFETY: the next definition of that form, called as ours was.
    let original = || unsafe {
        let original: New = core::mem::transmute(form.original.load(Relaxed));
        original(size, second, third)
    };
    announce::export();
    let call = Call { sp, bp };
    let (thread, mark) = (thread::current(), Mark::default());
    let Some(mut recording) = RECORDER.enter(thread, call, &mark) else {
        let block = original();
        nested(thread, block as usize, call);
        return block;
    };
    let undecided = form.is_undecided();
    if undecided {
        recording.watch_nested();
    }
    let block = original();
    if !block.is_null() {
        RECORDER.allocated(&mut recording, block as usize, size);
        if undecided {
            form.see(mark.nested() != block as usize);
        }
    }
    block
}
