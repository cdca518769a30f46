//! The forms of C++'s operators: where the hook of each goes on to.
//!
//! A hook is one jump, to where a word in memory leads. Such a word is an address, so it means nothing before
//! this library is relocated, when a resolver of an IFUNC symbol may call the hook already; and to find out
//! takes instructions that each call would pay for ever. So all hooks are in one page of the file, and jump to
//! code that does find out; the page behind has the same hooks with the jumps of later, and the constructor
//! moves it over the first. Where the kernel does not allow that, the hooks work as before, and cost more.

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::*};

use heaptrace_recorder::arch::abort;
use heaptrace_recorder::c_library::{Auxiliary, Name, Objects};
use heaptrace_recorder::memory;
use heaptrace_recorder::sys::PAGE;

use crate::originals::{self, Original};

/// How many there are.
pub const COUNT: usize = 20;

/// All of them, once one may have been resolved; they are with the hooks, whose code they lead to.
static FORMS: AtomicPtr<Forms> = AtomicPtr::new(null_mut());

/// Tells which there are, before one is resolved.
fn know(forms: &'static Forms) {
    FORMS.store((&raw const *forms).cast_mut(), Release);
}

/// Sees nothing from now on.
pub fn stop() {
    // SAFETY: null, or what `know` was given.
    if let Some(forms) = unsafe { FORMS.load(Acquire).as_ref() } {
        forms.iter().for_each(|form| form.see(false));
    }
}

/// Has the forms that see blocks go on to another function instead of one. Where it is not known that they
/// do, what is behind them is seen there.
pub fn replace(function: *mut c_void, by: *mut c_void) {
    // SAFETY: as above.
    for form in unsafe { FORMS.load(Acquire).as_ref() }.into_iter().flatten() {
        if form.entry.load(Relaxed) != function {
            let _ = form.original.compare_exchange(function, by, Relaxed, Relaxed);
        }
    }
}

/// A form of the operators. The assembly knows where its first two parts are.
#[repr(C)]
pub struct Form {
    /// Where the hook jumps to: the original, or code that sees its blocks. It is null before one of them is
    /// known, not an address that is relocated after.
    pub entry: Original,
    /// The next definition; null before [`Form::resolve`].
    pub original: Original,
    /// Code that looks the original up first.
    pub unresolved: Original,
    /// Code that sees all blocks.
    pub seen: Original,
    /// Code that sees the blocks that are due; the same for operator delete.
    pub counted: Original,
    /// The hook's, and the original's.
    pub name: Name,
}

impl Form {
    /// Looks the original up. False if there is none. `seen` is what the field of that name has once this
    /// library is relocated.
    fn resolve(&self, objects: Objects, seen: *mut c_void) -> bool {
        let Some(found) = objects.next(&self.name) else { return false };
        let is_allocators = found.is_beside(&originals::NAME_OF_MALLOC);
        self.entry.store(if is_allocators { seen } else { found.address.cast_mut() }, Relaxed);
        self.original.store(found.address.cast_mut(), Release);
        true
    }

    /// Is it one of operator new, and not of operator delete?
    #[cfg(any(feature = "counting", test))]
    pub fn is_new(&self) -> bool {
        self.name.starts_with(b"_Zn")
    }

    /// Is it unknown whether the original's blocks come from a hook of ours?
    pub fn is_undecided(&self) -> bool {
        self.entry.load(Relaxed) == self.seen.load(Relaxed)
    }

    /// Sees all of the original's blocks, whoever it is, until [`Form::see`].
    #[cfg(any(feature = "counting", test))]
    pub fn see_first(&self) {
        if !self.original.load(Relaxed).is_null() {
            self.entry.store(self.seen.load(Relaxed), Release);
        }
    }

    /// Sees the original's blocks from now on, or none of them.
    pub fn see(&self, sees: bool) {
        let original = self.original.load(Relaxed);
        if !original.is_null() {
            self.entry.store(if sees { self.counted.load(Relaxed) } else { original }, Release);
        }
    }
}

/// All forms of a library, which has its own code for them.
type Forms = [&'static Form; COUNT];

/// Looks all originals up. Returns the names that have none: all, in a program without C++. The hooks are in
/// the page at `hooks`.
pub fn resolve_all(objects: Objects, forms: &'static Forms, hooks: usize) -> impl Iterator<Item = Name> {
    know(forms);
    let resolve = |form: &Form| form.resolve(objects, form.seen.load(Relaxed));
    if resolve(forms[0]) {
        forms[1..].iter().filter(|form| !resolve(form)).for_each(|form| {
            // It is looked up again where a library that has it is loaded later, and finds the hook.
            form.entry.store(form.unresolved.load(Relaxed), Relaxed);
        });
        // SAFETY: the pages of `hooks_of_forms`, where each instruction is the whole of a hook.
        unsafe { memory::move_code(hooks + PAGE, hooks) };
    }
    forms.iter().filter(|form| form.original.load(Relaxed).is_null()).map(|form| form.name)
}

/// Looks the original of a form up that was called before the others were, or that has none so far.
pub fn resolve_late(form: &Form, seen: *mut c_void, forms: &'static Forms) {
    know(forms);
    let objects = Auxiliary::find().and_then(Objects::of);
    if !objects.is_some_and(|objects| form.resolve(objects, seen)) {
        abort(); // the caller has a name that nobody defines
    }
}

/// The hooks, each with its form, and what its entry can be beside the original. What `$kind` names are the
/// caller's macros, for the code that sees all calls of a form, and for that which counts some.
macro_rules! hooks_of_forms {
    ($($form:ident: $symbol:ident, $kind:ident;)*) => {
        $(
            static $form: $crate::forms::Form = $crate::forms::Form {
                entry: core::sync::atomic::AtomicPtr::new(core::ptr::null_mut()),
                original: core::sync::atomic::AtomicPtr::new(core::ptr::null_mut()),
                unresolved: core::sync::atomic::AtomicPtr::new(unresolved::$symbol as *const () as *mut core::ffi::c_void),
                seen: core::sync::atomic::AtomicPtr::new(seen::$symbol as *const () as *mut core::ffi::c_void),
                counted: core::sync::atomic::AtomicPtr::new(counted::$symbol as *const () as *mut core::ffi::c_void),
                name: heaptrace_recorder::c_library::Name::new(stringify!($symbol)),
            };

            /// A form of the operators.
            #[unsafe(naked)]
            #[unsafe(link_section = ".text.heaptrace_operators")]
            #[cfg_attr(not(test), unsafe(no_mangle))]
            #[allow(non_snake_case)]
            pub unsafe extern "C" fn $symbol() {
                core::arch::naked_asm!(
                    $crate::arch::forward::in_place_of!(
                        "jmp {unresolved}",
                        later "jmp qword ptr [rip + {form} + {page}]"
                    ),
                    unresolved = sym unresolved::$symbol,
                    form = sym $form,
                    page = const heaptrace_recorder::sys::PAGE,
                )
            }
        )*

        /// Never called: its address is in the page of the hooks, which the program's names for them may not be.
        #[unsafe(naked)]
        #[unsafe(link_section = ".text.heaptrace_operators")]
        extern "C" fn among_the_hooks() {
            core::arch::naked_asm!($crate::arch::forward::in_place_of!("ud2", later "ud2"))
        }

        static FORMS: [&$crate::forms::Form; $crate::forms::COUNT] = [$(&$form),*];

        /// Looks the original up, unless that is done, and goes on to the entry. Before the constructor only,
        /// but where a C++ library is loaded later and finds a hook.
        #[allow(non_snake_case)]
        mod unresolved { $(
            #[unsafe(naked)]
            pub unsafe extern "C" fn $symbol() {
                core::arch::naked_asm!(
                    "cmp qword ptr [rip + {form} + 8], 0",
                    "jne 2f",
                    "push rdi",
                    "push rsi",
                    "push rdx",
                    "lea rdi, [rip + {form}]",
                    "lea rsi, [rip + {seen}]",
                    "call {resolve}",
                    "pop rdx",
                    "pop rsi",
                    "pop rdi",
                    "2: jmp qword ptr [rip + {form}]",
                    form = sym super::$form,
                    seen = sym super::seen::$symbol,
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

        extern "C" fn resolve_late(form: &$crate::forms::Form, seen: *mut core::ffi::c_void) {
            $crate::forms::resolve_late(form, seen, &FORMS);
        }

        /// Looks all originals up. Returns the names that have none: all, in a program without C++. Called
        /// by the constructor.
        pub fn start(
            objects: heaptrace_recorder::c_library::Objects,
        ) -> impl Iterator<Item = heaptrace_recorder::c_library::Name> {
            let hooks = among_the_hooks as *const () as usize & !(heaptrace_recorder::sys::PAGE - 1);
            $crate::forms::resolve_all(objects, &FORMS, hooks)
        }
    };
}

/// The hooks of all forms, and what starts them: see `hooks_of_forms`.
macro_rules! operators {
    () => {
        $crate::forms::hooks_of_forms! {
            NEW: _Znwm, new;
            NEW_NOTHROW: _ZnwmRKSt9nothrow_t, new;
            NEW_ALIGNED: _ZnwmSt11align_val_t, new;
            NEW_ALIGNED_NOTHROW: _ZnwmSt11align_val_tRKSt9nothrow_t, new;
            NEW_ARRAY: _Znam, new_array;
            NEW_ARRAY_NOTHROW: _ZnamRKSt9nothrow_t, new_array;
            NEW_ARRAY_ALIGNED: _ZnamSt11align_val_t, new_array;
            NEW_ARRAY_ALIGNED_NOTHROW: _ZnamSt11align_val_tRKSt9nothrow_t, new_array;
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
    };
}

pub(crate) use {hooks_of_forms, operators};
