//! The recorder of this process, and what the hooks do before they record: look up what they forward to,
//! and find out whether calls are recorded at all.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use heaptrace_recorder::{Recorder, Unrecorded, arch, thread};

use crate::nesting::Path;
use crate::session::announce;
use crate::{forms, originals, shadow};

/// The recorder of this process. See layout.ld.
#[unsafe(link_section = ".bss.large")]
pub static RECORDER: Recorder = Recorder::new();

/// Where the fast path of the hooks finds the calling thread's countdown, from its control block on.
///
/// Until [`start`] that is a word of the control block itself which is 0 in every C library, so that
/// every call takes the slow path: before the constructor this library may not be relocated, and does
/// not know its place.
pub static OFFSET: AtomicUsize = AtomicUsize::new(arch::ZERO_IN_CONTROL_BLOCK);

/// The paths of the hooks of C's names that have a fast one.
pub static MALLOC: Path = Path::new();
/// That of `calloc`.
pub static CALLOC: Path = Path::new();
/// That of `realloc`.
pub static REALLOC: Path = Path::new();

fn let_fast_path_work() {
    let countdown = &raw const thread::current().countdown;
    OFFSET.store((countdown as usize).wrapping_sub(arch::control_block()), Relaxed);
}

/// Begins to record, if it is sure that the program's blocks come from here. In the constructor.
pub fn start(rate: u64, seed: u64) {
    let_fast_path_work();
    RECORDER.start(rate, seed, shadow::is_likely(), thread::current());
}

/// Records nothing from now on. In the constructor.
pub fn stop() {
    let_fast_path_work();
    RECORDER.stop();
    let_all_pass();
}

/// Has all hooks go on to their originals at once, as nothing is recorded any more.
fn let_all_pass() {
    [&MALLOC, &CALLOC, &REALLOC].into_iter().for_each(|path| path.open(OFFSET.load(Relaxed)));
    forms::stop();
}

/// Begins to record if that a hook is called shows that the program's blocks come from here. True if
/// calls are recorded now.
fn is_recording_since(hook: u8) -> bool {
    if RECORDER.is_doubted() && shadow::is_refuted_by(hook) {
        RECORDER.believe(thread::current());
    }
    RECORDER.is_recording()
}

/// A hook was called while nothing is recorded, to allocate `bytes`. Returns whether now calls are,
/// and so this very one. If not, the hook goes on to its original with nothing of ours on the stack.
#[cold]
pub extern "C" fn not_recording(hook: u8, bytes: usize) -> bool {
    originals::ensure();
    if is_recording_since(hook) {
        return true;
    }
    let state = RECORDER.unrecorded(bytes, thread::current());
    if state != Unrecorded::Starting {
        announce::export();
    }
    if state == Unrecorded::Off {
        let_all_pass(); // this is a forked child
    }
    false
}

/// Are frees recorded, of which `hook` is the first, perhaps, or that of a forked child?
#[cold]
fn is_recorded(hook: u8) -> bool {
    originals::ensure();
    RECORDER.notice_fork();
    is_recording_since(hook)
}

/// A block is about to be freed, by way of the slow path of a hook.
pub extern "C" fn free(block: usize, sp: usize, hook: u8) {
    if !RECORDER.is_calm() && !is_recorded(hook) {
        return;
    }
    RECORDER.free(block, sp, thread::current());
}
