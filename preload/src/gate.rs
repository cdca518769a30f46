//! What the hooks do before they record: look up what they forward to, and find out whether calls are
//! recorded at all.

use heaptrace_recorder::record::{self, Unrecorded};

use crate::session::announce;
use crate::{forms, originals, shadow};

/// Begins to record if that a hook is called shows that the program's blocks come from here. True if
/// calls are recorded now.
fn is_recording_since(hook: u8) -> bool {
    if record::is_doubted() && shadow::is_refuted_by(hook) {
        record::believe();
    }
    record::is_recording()
}

/// A hook was called while nothing is recorded, to allocate `bytes`. Returns whether now calls are,
/// and so this very one. If not, the hook goes on to its original with nothing of ours on the stack.
#[cold]
pub extern "C" fn not_recording(hook: u8, bytes: usize) -> bool {
    originals::ensure();
    if is_recording_since(hook) {
        return true;
    }
    let state = record::unrecorded(bytes);
    if state != Unrecorded::Starting {
        announce::export();
    }
    if state == Unrecorded::Off && hook == shadow::OPERATOR {
        forms::stop(); // this is a forked child
    }
    false
}

/// A block is about to be freed, by way of the slow path of a hook.
pub extern "C" fn free(block: usize, sp: usize, hook: u8) {
    if !record::is_recording() {
        originals::ensure();
        if !is_recording_since(hook) {
            return;
        }
    }
    record::free(block, sp);
}

/// Records nothing from now on.
pub fn stop() {
    record::stop();
    forms::stop();
}
