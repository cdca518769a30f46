//! Who the program is, and how many slots are in use.

use crate::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::*};

use crate::header::{CacheLine, MAX_COMMAND, MAX_PATH};
use crate::text::{load_text, store_text};

const MAGIC: u64 = u64::from_le_bytes(*b"heapstat");
const VERSION: u32 = 1;

/// The first pages of the memory.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Header {
    magic: AtomicU64,
    version: AtomicU32,
    slots: AtomicU32,
    pid: AtomicU32,
    /// Another malloc is found before ours by symbol lookup: the program's own.
    pub shadowed: AtomicU32,
    started_monotonic: AtomicU64,
    command_length: AtomicU32,
    executable_length: AtomicU32,
    started_as_length: AtomicU32,
    command: [AtomicU8; MAX_COMMAND],
    executable: [AtomicU8; MAX_PATH],
    started_as: [AtomicU8; MAX_PATH],
    /// Slots that a thread has had, and processes that have counted.
    pub(super) used: CacheLine<AtomicU32>,
    pub(super) processes: CacheLine<AtomicU32>,
}

/// What the library knows when it starts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Start<'a> {
    /// How many slots there are.
    pub slots: u32,
    /// The process id as the program sees it.
    pub pid: u32,
    /// When counting began, in nanoseconds of CLOCK_MONOTONIC.
    pub started_monotonic: u64,
    /// Arguments of the program, each followed by a NUL.
    pub command: &'a [u8],
    /// Path of the executable file.
    pub executable: &'a [u8],
    /// Path that was given to exec: a link's or a script's own, where `executable` is what it led to.
    pub started_as: &'a [u8],
}

impl Header {
    /// Writes what is known at the start; the magic number last, so that a reader sees all or none.
    pub(super) fn publish(&self, start: &Start) {
        self.slots.store(start.slots, Relaxed);
        self.pid.store(start.pid, Relaxed);
        self.started_monotonic.store(start.started_monotonic, Relaxed);
        store_text(&self.command, &self.command_length, start.command);
        store_text(&self.executable, &self.executable_length, start.executable);
        store_text(&self.started_as, &self.started_as_length, start.started_as);
        self.version.store(VERSION, Relaxed);
        self.magic.store(MAGIC, Release); // pairs with the load in `published_slots`
    }

    /// How many slots there are, if it is a header of this version.
    pub(super) fn published_slots(&self) -> Option<u32> {
        let is_ours = self.magic.load(Acquire) == MAGIC && self.version.load(Relaxed) == VERSION;
        is_ours.then(|| self.slots.load(Relaxed))
    }

    /// The process id as the program sees it.
    pub fn pid(&self) -> u32 {
        self.pid.load(Relaxed)
    }

    /// When counting began, in nanoseconds of CLOCK_MONOTONIC.
    pub fn started_monotonic(&self) -> u64 {
        self.started_monotonic.load(Relaxed)
    }

    /// Copies the command line into `buffer`: the arguments, each followed by a NUL.
    pub fn command<'b>(&self, buffer: &'b mut [u8; MAX_COMMAND]) -> &'b [u8] {
        load_text(&self.command, &self.command_length, buffer)
    }

    /// Copies the path of the executable into `buffer`.
    pub fn executable<'b>(&self, buffer: &'b mut [u8; MAX_PATH]) -> &'b [u8] {
        load_text(&self.executable, &self.executable_length, buffer)
    }

    /// Copies the path that was given to exec into `buffer`.
    pub fn started_as<'b>(&self, buffer: &'b mut [u8; MAX_PATH]) -> &'b [u8] {
        load_text(&self.started_as, &self.started_as_length, buffer)
    }
}
