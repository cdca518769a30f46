//! Hooks of allocators inside the program: what the jump at the beginning of a patched function leads to.
//!
//! All share a few pieces of code, which get the function's [`Patched`] in `r11`, as no argument and no
//! result is there. They leave all registers of arguments alone, and may change the others, as a function
//! may that calls one which its compiler did not see: all allocators do, somewhere.
//!
//! An allocator's functions call each other: [`crate::nesting`] has what that means for the fast path.

use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use heaptrace_channel::patch::{Deed, MAX_ARGUMENTS, MAX_PATCHES, Patch, Shape};

use heaptrace_recorder::filter::STRETCH_BITS;
use heaptrace_recorder::record::{Call, Mark, Recording, nested};
use heaptrace_recorder::{Recorder, thread};

use crate::arch::forward::{align_to_line, look_at_filter};
use crate::arch::patch::{call_slow, count_down_inside};
use crate::gate::{self, RECORDER};
use crate::nesting::Nesting;
use crate::originals::Original;
use crate::session::announce;

/// A patched function. The assembly knows where its first two parts are.
#[repr(C)]
pub struct Patched {
    /// Where the hook goes: to one of the pieces of code below.
    entry: Original,
    /// The function without its patch: its first instructions, moved, which lead to the others.
    original: Original,
    /// Its address.
    function: AtomicUsize,
    /// As zeros, until there is a function: so that the table takes no room in the file, nor any pages.
    shape: UnsafeCell<MaybeUninit<Shape>>,
    nesting: Nesting,
}

// SAFETY: the shape is written in the constructor, before the function is patched; all else is atomic.
unsafe impl Sync for Patched {}

/// All of them. See layout.ld.
#[unsafe(link_section = ".bss.large")]
static PATCHED: [Patched; MAX_PATCHES] = [const {
    Patched {
        entry: Original::new(null_mut()),
        original: Original::new(null_mut()),
        function: AtomicUsize::new(0),
        shape: UnsafeCell::new(MaybeUninit::zeroed()),
        nesting: Nesting::new(),
    }
}; MAX_PATCHES];

impl Patched {
    /// Prepares the hook of a function before it is patched. Called by the constructor, once for each
    /// index.
    pub fn prepare(index: usize, patch: &Patch, original: *mut c_void) -> Option<&'static Patched> {
        let (patched, shape) = (PATCHED.get(index)?, patch.shape);
        // SAFETY: nobody else has it yet.
        unsafe { (*patched.shape.get()).write(shape) };
        patched.function.store(patch.function as usize, Relaxed);
        patched.original.store(original, Relaxed);
        patched.enter_by(if shape.allocates() { slow_path } else { fast_path(shape) });
        Some(patched)
    }

    fn shape(&self) -> Shape {
        // SAFETY: a function that is patched has one, which is not written any more.
        unsafe { (*self.shape.get()).assume_init() }
    }

    fn enter_by(&self, code: unsafe extern "C" fn()) {
        self.entry.store(code as *mut c_void, Relaxed);
    }

    fn call(&self, arguments: &[usize; MAX_ARGUMENTS]) -> usize {
        type Original = unsafe extern "C" fn(usize, usize, usize, usize, usize, usize) -> usize;
        let &[a, b, c, d, e, f] = arguments;
        // SAFETY: the function as it was called, and in registers of which it minds as many as it has
        // arguments.
        unsafe {
            let original: Original = core::mem::transmute(self.original.load(Relaxed));
            original(a, b, c, d, e, f)
        }
    }

    /// Calls the function, which makes a block of so many bytes. `block` finds that in what it returns.
    #[inline]
    fn make(
        &self,
        call: Call,
        arguments: &[usize; MAX_ARGUMENTS],
        bytes: usize,
        block: impl Fn(usize) -> usize,
    ) -> usize {
        let (thread, mark) = (thread::current(), Mark::default());
        let Some(mut recording) = RECORDER.enter(thread, call, &mark, announce::export) else {
            let result = self.call(arguments);
            nested(thread, block(result), call);
            return result;
        };
        let result = self.call(arguments);
        let made = block(result);
        if made != 0 {
            RECORDER.allocated(&mut recording, made, bytes);
            self.learn(&recording, made, &mark);
        }
        result
    }

    /// Calls the function, which gives a block another size. `outcome` tells from what it returns what
    /// became of it.
    #[inline]
    fn change(
        &self,
        call: Call,
        arguments: &[usize; MAX_ARGUMENTS],
        (block, bytes): (usize, usize),
        outcome: impl Fn(usize) -> Changed,
    ) -> usize {
        // The sample leaves the table before another thread can get the address from the function.
        let taken = RECORDER.take(block);
        let (thread, mark) = (thread::current(), Mark::default());
        let recording = RECORDER.enter(thread, call, &mark, announce::export);
        let result = self.call(arguments);
        let outcome = outcome(result);
        if let Some(sample) = taken {
            match outcome {
                Changed::Kept => RECORDER.put_back(block, sample, thread),
                Changed::To(_) | Changed::Gone => RECORDER.freed(sample, thread),
            }
        }
        if let Changed::To(new) = outcome {
            match recording {
                Some(mut recording) => {
                    RECORDER.allocated(&mut recording, new, bytes);
                    self.learn(&recording, new, &mark);
                }
                None => nested(thread, new, call),
            }
        }
        result
    }

    /// Learns where a block of the function's came from.
    fn learn(&self, recording: &Recording, block: usize, mark: &Mark) {
        if let Some(is_own) = self.nesting.learn(recording, block, mark) {
            self.enter_by(if is_own { fast_path(self.shape()) } else { slow_path });
        }
    }
}

/// Is the function at that address patched?
pub fn is_patched(function: usize) -> bool {
    PATCHED.iter().any(|patched| patched.function.load(Relaxed) == function)
}

/// Forgets all functions, which were not patched after all.
pub fn forget() {
    PATCHED.iter().for_each(|patched| patched.function.store(0, Relaxed));
}

/// What became of a block that was to have another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changed {
    /// It has it, at this address.
    To(usize),
    /// It is as it was.
    Kept,
    /// It is gone.
    Gone,
}

/// The code for a function that is known not to get its blocks from another. Rare shapes have none.
fn fast_path(shape: Shape) -> unsafe extern "C" fn() {
    const PATHS: [(Shape, unsafe extern "C" fn()); 5] = [
        (Shape::make(0), size_first),
        (Shape::make(1), size_second),
        (Shape::make_array(0, 1), array),
        (Shape::change(Deed::Remake, 0, 1), remake),
        (Shape::free(0), free),
    ];
    PATHS.iter().find(|(known, _)| *known == shape).map_or(slow_path, |(_, path)| *path)
}

/// Functions that make a block.
macro_rules! makes {
    ($($name:ident: $before:literal, $size:literal;)*) => {$(
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            naked_asm!(
                $before,
                count_down_inside!($size),
                align_to_line!(),
                offset = sym gate::OFFSET,
                slow = sym slow_path,
            )
        }
    )*};
}

makes! {
    size_first: "", "rdi";
    size_second: "", "rsi";
    // The flag tells of an overflow, and of a product too large to be had.
    array: "mov rax, rdi
            imul rax, rsi
            jo 2f", "rax";
}

/// Functions that give the block in `rdi` the size in `rsi`.
#[unsafe(naked)]
unsafe extern "C" fn remake() {
    naked_asm!(
        look_at_filter!(),
        count_down_inside!("rsi"),
        align_to_line!(),
        recorder = sym RECORDER,
        filter = const Recorder::FILTER,
        bits = const STRETCH_BITS,
        offset = sym gate::OFFSET,
        slow = sym slow_path,
    )
}

/// Functions that free the block in `rdi`.
#[unsafe(naked)]
unsafe extern "C" fn free() {
    naked_asm!(
        look_at_filter!(),
        "jmp qword ptr [r11 + 8]",
        "2: jmp {slow}",
        align_to_line!(),
        recorder = sym RECORDER,
        filter = const Recorder::FILTER,
        bits = const STRETCH_BITS,
        slow = sym slow_path,
    )
}

/// Any function: all six registers of arguments as they came, and the three arguments more of [`slow`].
/// An exception that the function throws passes through here.
#[unsafe(naked)]
unsafe extern "C" fn slow_path() {
    naked_asm!(
        call_slow!(),
        recorder = sym RECORDER,
        state = const Recorder::STATE,
        recording = const Recorder::RECORDING,
        slow = sym slow,
    )
}

extern "C" fn slow(
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
    sp: usize,
    bp: usize,
    patched: &Patched,
) -> usize {
    let arguments = [a, b, c, d, e, f];
    let (call, shape) = (Call { sp, bp }, patched.shape());
    let (block, bytes) = (shape.block(&arguments), shape.bytes(&arguments));
    let change =
        |outcome: &dyn Fn(usize) -> Changed| patched.change(call, &arguments, (block, bytes), outcome);
    match shape.deed {
        Deed::Make => patched.make(call, &arguments, bytes, |made| made),
        Deed::Store => patched.make(call, &arguments, bytes, |error| {
            // SAFETY: on success the function has stored the block there.
            if error as i32 == 0 { unsafe { *(a as *const usize) } } else { 0 }
        }),
        Deed::Remake => change(&|new| match new {
            0 if bytes > 0 => Changed::Kept, // it failed
            0 => Changed::Gone,
            _ => Changed::To(new),
        }),
        Deed::RemakeOrFree => change(&|new| if new == 0 { Changed::Gone } else { Changed::To(new) }),
        Deed::Expand => change(&|new| if new == 0 { Changed::Kept } else { Changed::To(new) }),
        Deed::Resize => change(&|size| if size < bytes { Changed::Kept } else { Changed::To(block) }),
        Deed::Free => {
            RECORDER.notice_fork();
            RECORDER.free(block, sp, thread::current());
            patched.call(&arguments)
        }
    }
}
