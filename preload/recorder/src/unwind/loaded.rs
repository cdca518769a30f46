//! The modules that were loaded after the start.

use core::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering::*};
use core::time::Duration;

use heaptrace_channel::modules::{MAX_MODULES, ModuleId};

use super::found::Found;
use super::rules::Rules;
use crate::process::Writer;
use crate::sys::Patience;

/// How long a thread waits in all for the collector to know what a module is, and in each step. It takes some
/// tenths of a millisecond.
const PATIENCE: Duration = Duration::from_millis(100);
const STEP: Duration = Duration::from_millis(5);

/// A module that was loaded after the start, and may be unloaded: what identifies it, as another one at
/// the same place differs in this, and its record.
#[derive(Debug)]
struct Loaded {
    /// 0 if there is none here. Stored last, so that who reads it first reads the rest of it too.
    link_map: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    /// Where eight bytes of its build id lie, 0 if it has none, and what they were.
    id_at: AtomicUsize,
    id: AtomicU64,
    record: AtomicU16,
}

/// Those that a stack of this process led through, none of which lies where another does. Written
/// under the lock of the private stack, read by anyone.
#[derive(Debug)]
pub struct LoadedModules {
    list: [Loaded; MAX_MODULES],
    /// There are none behind.
    end: AtomicUsize,
    /// The collector was waited for in vain.
    unanswered: AtomicBool,
}

impl Loaded {
    const fn nothing() -> Loaded {
        Loaded {
            link_map: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            id_at: AtomicUsize::new(0),
            id: AtomicU64::new(0),
            record: AtomicU16::new(0),
        }
    }

    fn is(&self, found: &Found) -> bool {
        let is_there = self.link_map.load(Acquire) == found.link_map as usize // pairs with `push`
            && self.start.load(Relaxed) == found.start
            && self.end.load(Relaxed) == found.end;
        let id_at = self.id_at.load(Relaxed);
        is_there
            // SAFETY: a module of the same extent is mapped there, and its notes are in its first pages.
            && (id_at == 0 || unsafe { (id_at as *const u64).read_unaligned() } == self.id.load(Relaxed))
    }

    fn overlaps(&self, start: usize, end: usize) -> bool {
        self.start.load(Relaxed) < end && start < self.end.load(Relaxed)
    }

    fn record(&self) -> ModuleId {
        ModuleId(self.record.load(Relaxed))
    }
}

impl LoadedModules {
    /// None.
    pub const fn new() -> LoadedModules {
        LoadedModules {
            list: [const { Loaded::nothing() }; MAX_MODULES],
            end: AtomicUsize::new(0),
            unanswered: AtomicBool::new(false),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Loaded> {
        let list = self.list[..self.end.load(Acquire).min(MAX_MODULES)].iter(); // pairs with `push`
        list.filter(|loaded| loaded.link_map.load(Acquire) != 0)
    }

    /// The record of a module, which is given one if it has none.
    pub fn note(&self, found: &Found, rules: &Rules, to: Writer) -> ModuleId {
        if let Some(loaded) = self.iter().find(|loaded| loaded.is(found)) {
            return loaded.record();
        }
        let build_id = found.build_id();
        let replaces = self.forget(found.start, found.end, rules);
        // What replaces a file of the same name is another one, unless the build ids say otherwise; and so is
        // what another process has there, where there are no names.
        let is_other = build_id.is_empty() && (replaces || found.is_unnamed());
        let record = found.add_record(build_id, false, is_other, to);
        if found.is_unnamed() {
            self.await_name(record, to);
        }
        self.push(found, build_id, record);
        record
    }

    /// Waits until the collector knows the file of a module, which may be unloaded when the calling thread goes
    /// on; but after it did not answer once, no more.
    fn await_name(&self, record: ModuleId, to: Writer) {
        let Some(seen) = to.segment().modules().seen(record).filter(|_| !self.unanswered.load(Relaxed))
        else {
            return;
        };
        let mut patience = Patience::new(PATIENCE);
        while seen.load(Acquire) == 0 {
            if !patience.wait(seen, 0, STEP) {
                self.unanswered.store(true, Relaxed);
                return;
            }
        }
    }

    /// Forgets what was loaded between two addresses, which is gone. True if anything was.
    pub fn forget(&self, start: usize, end: usize, rules: &Rules) -> bool {
        let mut any = false;
        for loaded in self.iter().filter(|loaded| loaded.overlaps(start, end)) {
            loaded.link_map.store(0, Release);
            any = true;
        }
        if any {
            rules.clear();
        }
        any
    }

    /// What lies at an address: the record of what a stack last led through there, if it is still the same as
    /// `found` there; by address where nothing is in either.
    pub fn unchanged(&self, address: usize, found: Option<Found>) -> Option<ModuleId> {
        let loaded = self.iter().find(|loaded| loaded.overlaps(address, address + 1));
        match (found, loaded) {
            (Some(found), Some(loaded)) => loaded.is(&found).then(|| loaded.record()),
            (None, None) => Some(ModuleId::BY_ADDRESS), // code that a JIT made
            _ => None,
        }
    }

    fn push(&self, found: &Found, build_id: &[u8], record: ModuleId) {
        let free = self.list.iter().position(|loaded| loaded.link_map.load(Relaxed) == 0);
        let Some(index) = free else { return };
        let loaded = &self.list[index];
        let id = build_id.first_chunk().map_or(0, |id| u64::from_ne_bytes(*id));
        loaded.start.store(found.start, Relaxed);
        loaded.end.store(found.end, Relaxed);
        loaded.id_at.store(if build_id.len() < 8 { 0 } else { build_id.as_ptr() as usize }, Relaxed);
        loaded.id.store(id, Relaxed);
        loaded.record.store(record.0, Relaxed);
        loaded.link_map.store(found.link_map as usize, Release); // pairs with `iter` and `is`
        self.end.fetch_max(index + 1, Release); // pairs with `iter`
    }
}

#[cfg(test)]
mod tests {
    use core::ffi::CStr;

    use heaptrace_channel::modules::UNNAMED;
    use heaptrace_channel::ring::LastRing;

    use super::super::modules::Modules;
    use super::super::rules::{Cached, Rule};
    use super::*;
    use crate::c_library::{Auxiliary, LinkMap, Objects};
    use crate::memory::map_private;
    use crate::sys::{PAGE, futex_wake};
    use crate::testing::Channel;

    /// A module of two pages without headers, in memory that stays, as the dynamic linker may have it.
    fn module(name: &'static CStr) -> Found {
        let start = map_private(2 * PAGE).unwrap().as_ptr() as usize;
        Found { start, end: start + 2 * PAGE, eh_frame_hdr: 0, link_map: link_map(name), program: None }
    }

    fn link_map(name: &'static CStr) -> *const LinkMap {
        let (vector, modules) = (Auxiliary::find().unwrap(), Box::new(Modules::new()));
        assert!(modules.start(Objects::of(vector).unwrap(), vector.program_headers()));
        let own = modules.find(link_map as *const () as usize).unwrap().link_map;
        // SAFETY: the dynamic linker's record of this program, which is only copied.
        let mut copy = unsafe { own.read() };
        (copy.bias, copy.name) = (0, name.as_ptr());
        Box::leak(Box::new(copy))
    }

    #[test]
    fn a_module_is_the_same_as_long_as_nothing_that_identifies_it_differs() {
        for length in [8, 20] {
            let (loaded, found) = (LoadedModules::new(), module(c"plugin.so"));
            let id = map_private(PAGE).unwrap().as_ptr();
            // SAFETY: this test's own memory, of that size.
            loaded.push(&found, unsafe { core::slice::from_raw_parts(id, length) }, ModuleId(7));
            let before = module(c"before.so");
            loaded.push(&before, b"short", ModuleId(8));
            assert_eq!(loaded.unchanged(before.start, Some(before)), Some(ModuleId(8)));
            let Found { start, end, .. } = found;
            let at_start = |found| loaded.unchanged(start, found);
            assert_eq!([start, end - 1].map(|at| loaded.unchanged(at, Some(found))), [Some(ModuleId(7)); 2]);
            let others = [
                Found { start: start - PAGE, ..found },
                Found { end: end + PAGE, ..found },
                Found { link_map: before.link_map, ..found },
            ];
            assert_eq!(others.map(|other| at_start(Some(other))), [None; 3]);
            assert_eq!(at_start(None), None, "it is gone");
            assert_eq!([start - 1, end].map(|at| loaded.unchanged(at, Some(found))), [None; 2]);
            assert_eq!(loaded.unchanged(end, None), Some(ModuleId::BY_ADDRESS), "code that a JIT made");
            // SAFETY: as above.
            unsafe { id.write(1) };
            assert_eq!(at_start(Some(found)), None, "another build is there");
        }
    }

    #[test]
    fn what_was_loaded_is_forgotten_with_all_rules_where_something_else_is_now() {
        let (loaded, found, rules) = (LoadedModules::new(), module(c"plugin.so"), Box::new(Rules::new()));
        loaded.push(&found, &[], ModuleId(7));
        let rule = Cached { rule: Rule::End, stable: false };
        rules.put(0x1000, rule);
        let Found { start, end, .. } = found;
        assert!(!loaded.forget(start - PAGE, start, &rules) && !loaded.forget(end, end + PAGE, &rules));
        assert_eq!(
            (loaded.unchanged(start, Some(found)), rules.get(0x1000)),
            (Some(ModuleId(7)), Some(rule))
        );
        assert!(loaded.forget(end - 1, end, &rules));
        assert_eq!((loaded.unchanged(start, None), rules.get(0x1000)), (Some(ModuleId::BY_ADDRESS), None));
    }

    #[test]
    fn a_module_has_one_record_and_what_replaces_it_another() {
        let (channel, last_ring) = (Channel::new(64), LastRing::default());
        let (loaded, rules) = (LoadedModules::new(), Box::new(Rules::new()));
        let note = |found: &Found| loaded.note(found, &rules, channel.own.writer(&last_ring).unwrap());
        let found = module(c"plugin.so");
        let first = note(&found);
        assert_eq!((first.record(), note(&found)), (Some(0), first));
        loaded.forget(found.start, found.end, &rules);
        assert_eq!(note(&found), first, "it is the same for all that is known");
        let replaced = Found { link_map: link_map(c"plugin.so"), ..found };
        let second = note(&replaced);
        assert_ne!(second, first);
        assert_eq!(loaded.unchanged(found.start, Some(replaced)), Some(second));
        assert_eq!(loaded.unchanged(found.start, Some(found)), None);
        assert_eq!(channel.segment.modules().count(), 2);
    }

    #[test]
    fn a_module_without_a_name_is_waited_for_until_the_collector_has_seen_it_or_does_not_answer() {
        let (channel, rules) = (Channel::new(64), Box::new(Rules::new()));
        let loaded = LoadedModules::new();
        let modules = channel.segment.modules();
        let note =
            |found: &Found| loaded.note(found, &rules, channel.own.writer(&LastRing::default()).unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while modules.count() == 0 {
                    std::thread::yield_now();
                }
                let seen = modules.seen(ModuleId::of_record(0)).unwrap();
                seen.store(1, Release);
                futex_wake(seen);
            });
            let record = note(&module(UNNAMED));
            let was_seen = modules.seen(record).unwrap().load(Acquire) == 1;
            assert!(was_seen != loaded.unanswered.load(Relaxed), "it waited for one or the other");
        });
        note(&module(UNNAMED));
        assert!(loaded.unanswered.load(Relaxed), "nobody looked");
    }
}
