//! Which module an address lies in, and how frames name it.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::*};

use heaptrace_channel::modules::ModuleId;

use super::found::Found;
use super::loaded::LoadedModules;
use super::rules::Rules;
use crate::c_library::{FindObject, FoundObject, Image, LinkMap, Objects};
use crate::process::Writer;

/// The module that a walk last came through which was loaded after the start. As long as the walk lasts it
/// stays, as one of the frames lies in it.
#[derive(Debug, Default)]
pub struct Visited {
    start: usize,
    end: usize,
    module: ModuleId,
}

#[cfg(test)]
impl Visited {
    /// As if a walk had just come through `module`, which lies there.
    pub fn of(range: core::ops::Range<usize>, module: ModuleId) -> Visited {
        Visited { start: range.start, end: range.end, module }
    }
}

/// The modules of a process. As zeros, none is known.
#[derive(Debug)]
#[repr(C)] // see `Recorder`
pub struct Modules {
    program: Executable,
    initial: Initial,
    find_object: FindObject,
    loaded: LoadedModules,
}

/// The modules of the start: the program and what it is linked with, which are never unloaded.
#[derive(Debug)]
#[repr(C)]
struct Initial {
    /// The ends of their part of the dynamic linker's list, to which others are only added behind.
    first: AtomicPtr<LinkMap>,
    last: AtomicPtr<LinkMap>,
    /// Those that have a record in the channel. Written under the lock of the private stack.
    noted: [AtomicBool; 1024],
}

impl Initial {
    /// Notes the whole list that `of` is in. Only in the constructor, while nobody changes it.
    fn fill(&self, of: *const LinkMap) {
        let end = |next: fn(&LinkMap) -> *const LinkMap| {
            let mut map = of;
            // SAFETY: the dynamic linker's list, linked both ways and ended by null.
            while let Some(following) = unsafe { next(&*map).as_ref() } {
                map = following;
            }
            map.cast_mut()
        };
        self.first.store(end(|map| map.previous), Relaxed);
        self.last.store(end(|map| map.next), Relaxed);
    }

    /// Which of them has that link map, of as many as can be noted.
    fn position(&self, map: *const LinkMap) -> Option<usize> {
        let (mut known, last) = (self.first.load(Relaxed).cast_const(), self.last.load(Relaxed).cast_const());
        for index in 0..self.noted.len() {
            if known == map {
                return Some(index);
            }
            if known == last {
                break;
            }
            // SAFETY: one of the start's, before the last of them: neither it nor what it leads to ever changes.
            known = unsafe { (*known).next };
        }
        None
    }

    /// The program's, the first of the list.
    fn program(&self) -> *const LinkMap {
        self.first.load(Relaxed)
    }
}

/// The program's own executable. The kernel maps it, segment by segment; where that leaves a gap,
/// `_dl_find_object` knows its segments but not the whole, so that is taken from its headers.
#[derive(Debug)]
struct Executable {
    headers: AtomicUsize,
    count: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
}

impl Executable {
    /// Notes where the program lies, of which this is the link map.
    fn fill(&self, map: *const LinkMap, headers: usize, count: usize) {
        if headers == 0 || map.is_null() {
            return;
        }
        // SAFETY: the link map of the program, which stays.
        let image = Image { bias: unsafe { (*map).bias }, headers: headers as *const _, count };
        let extent = image.extent();
        self.start.store(extent.start, Relaxed);
        self.end.store(extent.end, Relaxed);
        self.count.store(count, Relaxed);
        self.headers.store(headers, Relaxed);
    }

    /// Its headers, if they are known.
    fn image(&self, bias: usize) -> Option<Image> {
        let headers = self.headers.load(Relaxed);
        let image = Image { bias, headers: headers as *const _, count: self.count.load(Relaxed) };
        (headers != 0).then_some(image)
    }
}

impl Default for Modules {
    fn default() -> Modules {
        Modules::new()
    }
}

impl Modules {
    /// None is known.
    pub const fn new() -> Modules {
        Modules {
            program: Executable {
                headers: AtomicUsize::new(0),
                count: AtomicUsize::new(0),
                start: AtomicUsize::new(0),
                end: AtomicUsize::new(0),
            },
            initial: Initial {
                first: AtomicPtr::new(null_mut()),
                last: AtomicPtr::new(null_mut()),
                noted: [const { AtomicBool::new(false) }; 1024],
            },
            find_object: FindObject::new(),
            loaded: LoadedModules::new(),
        }
    }

    /// Notes what is loaded at the start. False if the dynamic linker has no list in which this library is.
    pub fn start(&self, objects: Objects, (headers, count): (usize, usize)) -> bool {
        self.find_object.start(objects, (headers, count));
        let Some(own) = self.find(Modules::new as *const () as usize) else { return false };
        self.initial.fill(own.link_map);
        self.program.fill(self.initial.program(), headers, count);
        true
    }

    /// The module that `address` lies in.
    pub fn find(&self, address: usize) -> Option<Found> {
        self.find_object.find(address).map(|found| self.complete(found))
    }

    /// As [`Modules::find`], and looks for it in memory where nobody knows. On the private stack.
    pub fn search(&self, address: usize) -> Option<Found> {
        self.find_object.search(address).map(|found| self.complete(found))
    }

    fn complete(&self, found: FoundObject) -> Found {
        let is_program = core::ptr::eq(found.link_map, self.initial.program());
        // SAFETY: the link map of the program, which stays.
        let program = if is_program { self.program.image(unsafe { (*found.link_map).bias }) } else { None };
        let (start, end) = match program {
            Some(_) => (self.program.start.load(Relaxed), self.program.end.load(Relaxed)),
            None => (found.start, found.end),
        };
        Found { start, end, eh_frame_hdr: found.eh_frame_hdr, link_map: found.link_map, program }
    }

    /// The module of an address that lies in none of the start's, if what lies there is what a stack last
    /// led through.
    #[inline]
    pub fn unchanged(&self, address: usize, visited: &mut Visited) -> Option<ModuleId> {
        if (visited.start..visited.end).contains(&address) {
            return Some(visited.module);
        }
        self.visit(address, visited)
    }

    #[inline(never)]
    fn visit(&self, address: usize, visited: &mut Visited) -> Option<ModuleId> {
        let found = self.find(address);
        let module = self.loaded.unchanged(address, found)?;
        if let Some(Found { start, end, .. }) = found {
            *visited = Visited { start, end, module };
        }
        Some(module)
    }

    /// Notes that `address` lies in no module.
    pub fn forget(&self, address: usize, rules: &Rules) {
        self.loaded.forget(address, address + 1, rules);
    }

    /// Gives the module a record of the writer's process in the channel unless it has one. Returns how
    /// frames name it, and whether it can never be unloaded. Forgets the rules of what was there before.
    pub fn note(&self, found: &Found, rules: &Rules, to: Writer) -> (ModuleId, bool) {
        let Some(index) = self.initial.position(found.link_map) else {
            return (self.loaded.note(found, rules, to), false);
        };
        if !self.initial.noted[index].load(Relaxed) {
            found.add_record(found.build_id(), true, false, to);
            self.initial.noted[index].store(true, Relaxed);
        }
        (ModuleId::BY_ADDRESS, true)
    }
}

#[cfg(test)]
mod tests {
    use heaptrace_channel::ring::LastRing;

    use super::*;
    use crate::c_library::Auxiliary;
    use crate::testing::Channel;

    #[test]
    fn what_was_there_at_the_start_stays_and_has_one_record() {
        let (vector, modules, rules) = (Auxiliary::find().unwrap(), Modules::new(), Box::new(Rules::new()));
        assert!(modules.start(Objects::of(vector).unwrap(), vector.program_headers()));
        let (channel, last_ring) = (Channel::new(64), LastRing::default());
        let note = |found: &Found| modules.note(found, &rules, channel.own.writer(&last_ring).unwrap());
        let own = modules.find(Modules::new as *const () as usize).unwrap();
        let c_library = modules.find(libc::getpid as *const () as usize).unwrap();
        for found in [own, c_library, own] {
            assert_eq!(note(&found), (ModuleId::BY_ADDRESS, true));
        }
        assert_eq!(channel.segment.modules().count(), 2);
        // SAFETY: the dynamic linker's record, which is only copied: it is in no list.
        let copy = Box::leak(Box::new(unsafe { own.link_map.read() }));
        let later = Found { link_map: copy, ..own };
        assert_eq!(note(&later), (ModuleId::of_record(2), false), "what came later may be unloaded");
    }

    fn of_this_process() -> Box<Modules> {
        let (vector, modules) = (Auxiliary::find().unwrap(), Box::new(Modules::new()));
        assert!(modules.start(Objects::of(vector).unwrap(), vector.program_headers()));
        modules
    }

    /// As it is where the kernel leaves a gap between its segments.
    #[test]
    fn the_program_lies_where_its_headers_say() {
        let modules = of_this_process();
        let own = modules.find(Modules::new as *const () as usize).unwrap();
        assert_eq!(own.program.map(|image| image.extent()), Some(own.start..own.end));
        let segment = own.program.unwrap().segments().next().unwrap();
        assert_eq!(own.segment_end(segment.start), segment.end);
        assert!(segment.end < own.end);
        let c_library = modules.find(libc::getpid as *const () as usize).unwrap();
        assert!(c_library.program.is_none());
        assert_eq!(c_library.build_id().len(), 20, "a SHA-1");
    }

    #[test]
    fn a_module_that_was_loaded_later_is_known_until_something_else_is_there() {
        let (modules, rules) = (of_this_process(), Box::new(Rules::new()));
        let (channel, last_ring) = (Channel::new(64), LastRing::default());
        // SAFETY: both end with a NUL; the library stays loaded.
        let function = unsafe {
            libc::dlsym(libc::dlopen(c"libresolv.so.2".as_ptr(), libc::RTLD_NOW), c"ns_initparse".as_ptr())
        };
        let found = modules.search(function as usize).unwrap();
        let module = modules.note(&found, &rules, channel.own.writer(&last_ring).unwrap()).0;
        assert_eq!(module, ModuleId::of_record(0));
        let mut visited = Visited::default();
        assert_eq!(modules.unchanged(function as usize, &mut visited), Some(module));
        assert_eq!((visited.start, visited.end, visited.module), (found.start, found.end, module));
        modules.forget(found.start, &rules);
        assert_eq!(modules.unchanged(function as usize, &mut Visited::default()), None);
    }
}
