//! Who a program is, as it tells at the start of either kind of shared memory.

use crate::atomic::{AtomicU32, AtomicU64, Ordering::*};
use crate::plain::Key;
use crate::text::SharedText;

/// Longest command line kept, in bytes; the rest of a longer one is cut off.
pub const MAX_COMMAND: usize = 2048;
/// Longest path of the executable kept, in bytes.
pub const MAX_PATH: usize = 1024;

/// What shared memory is: eight letters, and the version of its layout.
pub(crate) type Kind = (&'static [u8; 8], u32);

/// A program, in shared memory.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Identity {
    letters: AtomicU64,
    version: AtomicU32,
    pid: AtomicU32,
    started: AtomicU64,
    plain: AtomicU64,
    command: SharedText<MAX_COMMAND>,
    executable: SharedText<MAX_PATH>,
    started_as: SharedText<MAX_PATH>,
}

/// A program, as the library knows it when it starts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Who<'a> {
    /// The process id as the program sees it.
    pub pid: u32,
    /// When the library started, in nanoseconds of CLOCK_MONOTONIC.
    pub started: u64,
    /// Arguments of the program, each followed by a NUL.
    pub command: &'a [u8],
    /// The executable's key in the table of plain files, of which the collector knows the path.
    pub plain: Option<Key>,
    /// Path of the executable file; empty where there is a key.
    pub executable: &'a [u8],
    /// Path that was given to exec: a link's or a script's own, where `executable` is what it led to.
    pub started_as: &'a [u8],
}

impl Identity {
    /// Writes who it is, and at last what the memory is: a reader of [`Identity::is_in`] sees all that was written
    /// before, or nothing.
    pub(crate) fn publish(&self, (letters, version): Kind, who: &Who) {
        self.pid.store(who.pid, Relaxed);
        self.started.store(who.started, Relaxed);
        self.plain.store(who.plain.map_or(0, Key::word), Relaxed);
        self.command.store(who.command);
        self.executable.store(who.executable);
        self.started_as.store(who.started_as);
        self.version.store(version, Relaxed);
        self.letters.store(u64::from_le_bytes(*letters), Release); // pairs with the load in `is_in`
    }

    /// Is it published, in memory of that kind?
    pub(crate) fn is_in(&self, (letters, version): Kind) -> bool {
        self.letters.load(Acquire) == u64::from_le_bytes(*letters) && self.version.load(Relaxed) == version
    }

    /// The process id as the program sees it.
    pub fn pid(&self) -> u32 {
        self.pid.load(Relaxed)
    }

    /// When the library started, in nanoseconds of CLOCK_MONOTONIC.
    pub fn started(&self) -> u64 {
        self.started.load(Relaxed)
    }

    /// The executable's key in the table of plain files, if its path is not told.
    pub fn plain(&self) -> Option<Key> {
        Key::told(self.plain.load(Relaxed))
    }

    /// Copies the command line into `buffer`: the arguments, each followed by a NUL.
    pub fn command<'b>(&self, buffer: &'b mut [u8; MAX_COMMAND]) -> &'b [u8] {
        self.command.load(buffer)
    }

    /// Copies the path of the executable into `buffer`.
    pub fn executable<'b>(&self, buffer: &'b mut [u8; MAX_PATH]) -> &'b [u8] {
        self.executable.load(buffer)
    }

    /// Copies the path that was given to exec into `buffer`.
    pub fn started_as<'b>(&self, buffer: &'b mut [u8; MAX_PATH]) -> &'b [u8] {
        self.started_as.load(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told_reads_back_cut_to_what_there_is_room_for() {
        let identity = Identity::default();
        const KIND: Kind = (b"heaptest", 3);
        assert!(!identity.is_in(KIND));
        let long = [b'x'; MAX_COMMAND + 1];
        let plain = Key::told(5);
        let who =
            Who { pid: 7, started: 9, plain, command: &long, executable: b"/bin/sh", started_as: b"sh" };
        identity.publish(KIND, &who);
        assert!(identity.is_in(KIND) && !identity.is_in((KIND.0, 4)) && !identity.is_in((b"heaptrac", 3)));
        assert_eq!((identity.pid(), identity.started(), identity.plain()), (7, 9, plain));
        assert_eq!(identity.command(&mut [0; MAX_COMMAND]), &long[1..]);
        assert_eq!(identity.executable(&mut [0; MAX_PATH]), b"/bin/sh");
        assert_eq!(identity.started_as(&mut [0; MAX_PATH]), b"sh");
    }
}
