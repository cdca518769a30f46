//! The modules: each ELF file that a stack passed through, as it was mapped.
//!
//! What an address means depends on the process and the moment: a forked child loads a library where
//! its parent has none or another one, and what was unloaded leaves its addresses to others. So each
//! frame names the record of its own module, and neither has to be known. Only the modules that the
//! image started with need no naming: no process of the image unloads them, so their addresses never
//! mean anything else.
//!
//! The library adds a record when a stack first leads through a module, before it links the first
//! node that names it. Processes that have the same file in the same place share the record: what
//! all the workers of a server load is there once.
//!
//! **Guarantees.**
//! - A record is filled by who took it and published after that; what it says of its module never changes.
//! - One whose writer was killed before that is never read, and stays taken.
//! - Without room a module has no record, and the count never wraps.
//! - The reader trusts nothing: no index leads out of the records, and no text is longer than its place.

use core::ffi::CStr;

use crate::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::*};

use crate::processes::Process;
use crate::text::SharedText;

/// Modules of one segment; further ones have no record, so their frames have no names.
pub const MAX_MODULES: usize = 2048;
/// Longest build id kept, in bytes: a SHA-256 fits.
pub const MAX_BUILD_ID: usize = 32;
/// Longest path kept, in bytes; of a longer one the end is missing.
pub const MAX_MODULE_PATH: usize = 432;

/// Path of a module of which the library knows no more than where it lies: the collector looks it up in
/// /proc/PID/maps. The thread that is in it waits for that, so that it is still there.
pub const UNNAMED: &CStr = c"[unnamed]";

/// A frame's module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ModuleId(pub u16);

const _: () = assert!(MAX_MODULES < u16::MAX as usize);

impl ModuleId {
    /// A module that the image started with, or none: the address tells.
    pub const BY_ADDRESS: ModuleId = ModuleId(0);

    /// What names the record at `index`.
    pub fn of_record(index: usize) -> ModuleId {
        ModuleId(index as u16 + 1)
    }

    /// Index of its record; `None` if the address tells it.
    pub fn record(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }
}

/// A module as the library sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module<'a> {
    /// Lowest mapped address.
    pub start: u64,
    /// End of the highest mapping.
    pub end: u64,
    /// What was added to the file's addresses to get addresses in memory.
    pub bias: u64,
    /// The image started with it.
    pub is_initial: bool,
    /// GNU build id, empty if there is none.
    pub build_id: &'a [u8],
    /// The name under which it was loaded, as the dynamic linker has it.
    pub path: &'a [u8],
}

#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct ModuleRecord {
    published: AtomicU32,
    is_initial: AtomicU8,
    /// The slot of who added it.
    process: AtomicU16,
    start: AtomicU64,
    end: AtomicU64,
    bias: AtomicU64,
    build_id: SharedText<MAX_BUILD_ID>,
    path: SharedText<MAX_MODULE_PATH>,
    /// 1 when the collector has looked what the module is.
    seen: AtomicU32,
}

/// Space for the texts of a module that is read out.
#[derive(Debug)]
pub struct ModuleBuffer {
    build_id: [u8; MAX_BUILD_ID],
    path: [u8; MAX_MODULE_PATH],
}

impl Default for ModuleBuffer {
    fn default() -> Self {
        ModuleBuffer { build_id: [0; MAX_BUILD_ID], path: [0; MAX_MODULE_PATH] }
    }
}

/// The modules over their memory.
#[derive(Debug, Clone, Copy)]
pub struct Modules<'m> {
    records: &'m [ModuleRecord],
    /// How many records were begun.
    count: &'m AtomicU32,
}

impl<'m> Modules<'m> {
    pub(crate) fn new(records: &'m [ModuleRecord], count: &'m AtomicU32) -> Modules<'m> {
        Modules { records, count }
    }

    /// The record of a module, added by `process` if there is none of the same content, or with
    /// `is_other` in any case: such a record is known to be of another file. `None` without room.
    ///
    /// If it was added, `nudge` asks the collector to open the file now, as long as the process lives.
    pub fn add(
        &self,
        process: Process,
        module: &Module,
        is_other: bool,
        nudge: impl FnOnce(),
    ) -> Option<ModuleId> {
        let count = self.count();
        let same = || self.records[..count].iter().rposition(|record| record.holds(module));
        if let Some(index) = if is_other { None } else { same() } {
            return Some(ModuleId::of_record(index));
        }
        // Read first, so that a full table does not count on until the number wraps.
        if count == self.records.len() {
            return None;
        }
        let index = self.count.fetch_add(1, Relaxed) as usize;
        self.records.get(index)?.write(process, module);
        nudge();
        Some(ModuleId::of_record(index))
    }

    /// The record at `index`, and who added it; `None` if it is not there (yet).
    pub fn get<'b>(&self, index: usize, buffer: &'b mut ModuleBuffer) -> Option<(Module<'b>, Process)> {
        let record = self.records.get(index)?;
        record.is_published().then(|| record.read(buffer))
    }

    /// A futex that is 1 when the collector has looked what the module of a record is.
    pub fn seen(&self, id: ModuleId) -> Option<&'m AtomicU32> {
        Some(&self.records.get(id.record()?)?.seen)
    }

    /// How many records were begun. Some may not be readable yet, or never.
    pub fn count(&self) -> usize {
        (self.count.load(Relaxed) as usize).min(self.records.len())
    }
}

impl ModuleRecord {
    fn is_published(&self) -> bool {
        self.published.load(Acquire) == 1 // pairs with `write`
    }

    fn write(&self, process: Process, module: &Module) {
        self.process.store(process.0, Relaxed);
        self.is_initial.store(module.is_initial.into(), Relaxed);
        self.start.store(module.start, Relaxed);
        self.end.store(module.end, Relaxed);
        self.bias.store(module.bias, Relaxed);
        self.build_id.store(module.build_id);
        self.path.store(module.path);
        self.published.store(1, Release); // pairs with the load in `is_published`
    }

    /// Is it the record of that module?
    fn holds(&self, module: &Module) -> bool {
        self.start.load(Relaxed) == module.start
            && self.is_published()
            && self.end.load(Relaxed) == module.end
            && self.bias.load(Relaxed) == module.bias
            && (self.is_initial.load(Relaxed) == 1) == module.is_initial
            && self.build_id.is(module.build_id)
            && self.path.is(module.path)
    }

    fn read<'b>(&self, buffer: &'b mut ModuleBuffer) -> (Module<'b>, Process) {
        let module = Module {
            start: self.start.load(Relaxed),
            end: self.end.load(Relaxed),
            bias: self.bias.load(Relaxed),
            is_initial: self.is_initial.load(Relaxed) == 1,
            build_id: self.build_id.load(&mut buffer.build_id),
            path: self.path.load(&mut buffer.path),
        };
        (module, Process(self.process.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBC: Module<'static> = Module {
        start: 0x7000,
        end: 0x9000,
        bias: 0x7000,
        is_initial: true,
        build_id: &[1, 2, 3],
        path: b"/lib/libc.so.6",
    };

    const MOST: usize = 16;

    fn memory() -> (Vec<ModuleRecord>, AtomicU32) {
        // SAFETY: a record is made of atomics, valid as zeros.
        ((0..MOST).map(|_| unsafe { core::mem::zeroed() }).collect(), AtomicU32::new(0))
    }

    #[test]
    fn a_module_reads_back_as_it_was_added() {
        let (records, count) = memory();
        let modules = Modules::new(&records, &count);
        assert_eq!(modules.get(0, &mut ModuleBuffer::default()), None);
        let id = modules.add(Process(5), &LIBC, false, || {}).unwrap();
        let mut buffer = ModuleBuffer::default();
        assert_eq!(modules.get(id.record().unwrap(), &mut buffer), Some((LIBC, Process(5))));
        assert_eq!(modules.count(), 1);
    }

    #[test]
    fn the_same_file_in_the_same_place_has_one_record() {
        let (records, count) = memory();
        let modules = Modules::new(&records, &count);
        let long = [b'x'; 1000];
        let others = [
            LIBC,
            Module { path: b"/lib/other.so", ..LIBC },
            Module { build_id: &[1, 2], ..LIBC },
            Module { end: 0xA000, ..LIBC },
            Module { path: &long, ..LIBC },
        ];
        let add = |module| modules.add(Process(0), module, false, || {}).unwrap();
        let ids = others.each_ref().map(add);
        assert_eq!(modules.count(), others.len());
        assert_eq!(others.each_ref().map(add), ids);
        assert_ne!(modules.add(Process(0), &LIBC, true, || {}), Some(ids[0]));
    }

    #[test]
    fn more_modules_than_fit_are_left_out() {
        let (records, count) = memory();
        let modules = Modules::new(&records, &count);
        let mut add = |start| modules.add(Process(0), &Module { start, ..LIBC }, false, || {});
        let last = (0..MOST as u64).map(&mut add).last().unwrap();
        assert_eq!(last, Some(ModuleId(MOST as u16)));
        assert_eq!(add(u64::MAX), None);
        assert_eq!(modules.count(), MOST);
    }

    #[test]
    fn a_long_path_is_cut() {
        let (records, count) = memory();
        let modules = Modules::new(&records, &count);
        modules.add(Process(0), &Module { path: &[b'x'; 1000], ..LIBC }, false, || {});
        assert_eq!(modules.get(0, &mut ModuleBuffer::default()).unwrap().0.path.len(), MAX_MODULE_PATH);
    }

    #[test]
    fn the_collector_is_asked_for_new_modules_only() {
        let (records, count) = memory();
        let modules = Modules::new(&records, &count);
        let nudges = core::cell::Cell::new(0);
        let add = |is_other| modules.add(Process(0), &LIBC, is_other, || nudges.set(nudges.get() + 1));
        [false, false, true].into_iter().for_each(|is_other| assert!(add(is_other).is_some()));
        assert_eq!(nudges.get(), 2);
    }

    #[test]
    fn each_record_has_a_futex_of_its_own_and_what_the_address_tells_has_none() {
        let (records, count) = memory();
        let modules = Modules::new(&records, &count);
        let other = ModuleId::of_record(5);
        assert_eq!((other.record(), ModuleId::BY_ADDRESS.record()), (Some(5), None));
        modules.seen(other).unwrap().store(1, Relaxed);
        let seen = [4, 5].map(|index| modules.seen(ModuleId::of_record(index)).unwrap().load(Relaxed));
        assert_eq!(seen, [0, 1]);
        assert!(modules.seen(ModuleId::BY_ADDRESS).is_none());
    }

    #[test]
    fn whatever_the_count_says_no_record_is_read_that_is_not_there() {
        let (records, count) = memory();
        let modules = Modules::new(&records, &count);
        count.store(u32::MAX, Relaxed);
        assert_eq!(modules.count(), MOST);
        assert_eq!(modules.get(0, &mut ModuleBuffer::default()), None);
        assert_eq!(modules.get(usize::MAX, &mut ModuleBuffer::default()), None);
        assert_eq!(modules.add(Process(0), &LIBC, false, || {}), None);
    }
}
